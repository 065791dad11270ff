//! Everything that kpi derives, made anew in a second place.

use std::error::Error;
use std::pin::pin;
use std::sync::Mutex;

use indicatif::{ProgressBar, ProgressStyle};
use kpi::rebuild::{Compared, Source, Sources};

use super::MOST;
use super::scratch::Scratch;
use crate::cluster::Target;
use crate::service::Service;
use crate::terminal::Step;

/// Longer than any feed takes.
const TOKEN_LIFE: time::Duration = time::Duration::hours(24);

/// Makes it anew and compares. The second place is gone afterwards, also after Ctrl-C.
pub(super) async fn prove(target: &Target, database_url: Option<&str>) -> Result<Vec<Compared>, Box<dyn Error>> {
    let mut interrupted = pin!(guanxi_grpc::stop_signal()?);
    let step = Step::begin("A second place for everything");
    let scratch = Scratch::make(&target.place, database_url).await?;
    step.done("is made");
    let outcome = tokio::select! {
        outcome = compare(target, &scratch) => outcome,
        () = &mut interrupted => Err("interrupted; nothing is proven".into()),
    };
    scratch.drop().await?;
    outcome
}

async fn compare(target: &Target, scratch: &Scratch) -> Result<Vec<Compared>, Box<dyn Error>> {
    let sources = Sources {
        client_registry: source(target, Service::ClientRegistry).await?,
        product_catalog: source(target, Service::ProductCatalog).await?,
        opportunity_pipeline: source(target, Service::OpportunityPipeline).await?,
    };
    let (mut live, mut second) = (scratch.live().await?, scratch.connect().await?);
    let bar = Mutex::new(Bar::default());
    let progress = |what: &'static str, done: u64, all: u64| {
        if let Ok(mut bar) = bar.lock() {
            bar.show(what, done, all);
        }
    };
    Ok(kpi::rebuild::rebuild(&mut live, &mut second, &sources, MOST, &progress).await?)
}

async fn source(target: &Target, service: Service) -> Result<Source, Box<dyn Error>> {
    let token = target.token(service, TOKEN_LIFE)?;
    Ok(Source { channel: target.connect(service).await?, authorization: format!("Bearer {token}").parse()? })
}

/// A bar for what is being done; on a terminal only.
#[derive(Default)]
struct Bar(Option<(&'static str, ProgressBar)>);

impl Bar {
    fn show(&mut self, what: &'static str, done: u64, all: u64) {
        let here = self.0.as_ref().is_some_and(|(shown, _)| *shown == what);
        if !here {
            self.clear();
            let bar = if all > 0 { ProgressBar::new(all) } else { ProgressBar::new_spinner() };
            let template = if all > 0 { "{prefix} {bar:40} {pos}/{len}, {eta}" } else { "{prefix} {spinner} {pos}" };
            if let Ok(style) = ProgressStyle::with_template(template) {
                bar.set_style(style);
            }
            bar.set_prefix(what);
            self.0 = Some((what, bar));
        }
        if let Some((_, bar)) = &self.0 {
            bar.set_position(done);
        }
    }

    fn clear(&mut self) {
        if let Some((_, bar)) = self.0.take() {
            bar.finish_and_clear();
        }
    }
}

impl Drop for Bar {
    fn drop(&mut self) {
        self.clear();
    }
}
