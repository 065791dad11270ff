//! `guanxi status`: what of a cluster answers.

use std::error::Error;
use std::net::SocketAddr;
use std::path::Path;
use std::str::FromStr as _;
use std::time::Duration;

use comfy_table::{Table, presets};
use guanxi_proto::events::v1::GetFeedHeadRequest;
use guanxi_proto::events::v1::event_feed_service_client::EventFeedServiceClient;
use serde::Serialize;
use sqlx::postgres::PgConnectOptions;
use sqlx::{ConnectOptions as _, Executor as _, Row as _};

use crate::cluster::{Place, connect, request};
use crate::running::Running;
use crate::service::{SERVICES, Service};
use crate::terminal::say;
use crate::up::password_file;

/// What has not answered by then counts as silent.
const PATIENCE: Duration = Duration::from_secs(5);

/// Show what of the cluster answers, and where.
///
/// Asks every service for its health and for the newest position of its event feed, and Postgres for its version. The
/// exit code is 0 only when all of them answer.
#[derive(clap::Args)]
#[command(after_long_help = EXAMPLES)]
pub(crate) struct Arguments {
    /// Print one JSON object instead of a table
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    place: Place,
}

const EXAMPLES: &str = "\
Examples:
  guanxi status
  guanxi status --data-dir /srv/guanxi
  guanxi status --json | jq '.services[] | {name, feed_position}'";

/// What `--json` prints.
#[derive(Serialize)]
struct Status {
    /// True if everything answers.
    serving: bool,
    data_dir: String,
    /// Process id of `guanxi up`.
    pid: Option<u32>,
    start_time: Option<String>,
    services: Vec<Part>,
    postgres: Part,
}

/// Something that answers or does not.
#[derive(Serialize)]
struct Part {
    name: &'static str,
    address: Option<String>,
    serving: bool,
    version: Option<String>,
    /// Position of the newest event; 0 before the first.
    #[serde(skip_serializing_if = "Option::is_none")]
    feed_position: Option<i64>,
    /// Why it does not answer as it should.
    problem: Option<String>,
}

pub(crate) async fn run(arguments: Arguments) -> Result<(), Box<dyn Error>> {
    let folder = arguments.place.resolve()?;
    let running = Running::read(&folder);
    let mut services = Vec::new();
    for service in SERVICES {
        services.push(ask_service(&arguments.place, service, running.as_ref()).await);
    }
    let postgres = ask_postgres(&folder, running.as_ref()).await;
    let serving = services.iter().chain([&postgres]).all(|part| part.serving);
    let (pid, start_time) = running.map(|running| (running.pid, running.start_time)).unzip();
    let status = Status { serving, data_dir: folder.display().to_string(), pid, start_time, services, postgres };
    if arguments.json {
        say(&serde_json::to_string(&status)?);
    } else {
        say(&table(&status));
    }
    if serving {
        return Ok(());
    }
    let silent = status.services.iter().chain([&status.postgres]).filter(|part| !part.serving).map(|part| part.name);
    let next = match status.pid {
        Some(_) => format!("look into {}/logs", status.data_dir),
        None => format!(
            "no cluster runs in {}: start it with `guanxi up`, or say which one with --data-dir DIR",
            status.data_dir
        ),
    };
    Err(format!("not serving: {}; {next}", silent.collect::<Vec<_>>().join(", ")).into())
}

async fn ask_service(place: &Place, service: Service, running: Option<&Running>) -> Part {
    let address = place.address(service);
    let health = within(async { Ok(guanxi_grpc::health_check(address).await?) }).await;
    let position = match &health {
        Ok(()) => within(feed_position(place, address)).await.map(Some),
        Err(_) => Ok(None),
    };
    let serving = health.is_ok();
    let problem = health.err().or_else(|| position.as_ref().err().cloned());
    Part {
        name: service.name(),
        address: Some(address.to_string()),
        serving,
        version: running.filter(|_| serving).map(|running| running.version.clone()),
        feed_position: position.ok().flatten(),
        problem,
    }
}

async fn feed_position(place: &Place, address: SocketAddr) -> Result<i64, Box<dyn Error>> {
    let token = place.token(time::Duration::MINUTE)?;
    let mut feed = EventFeedServiceClient::new(connect(&format!("http://{address}")).await?);
    let head = feed.get_feed_head(request(GetFeedHeadRequest {}, &token)?).await;
    Ok(head.map_err(|status| status.message().to_owned())?.into_inner().newest_position)
}

async fn ask_postgres(folder: &Path, running: Option<&Running>) -> Part {
    let answer = match running {
        Some(running) => within(postgres_version(folder, running)).await,
        None => Err("not started".to_owned()),
    };
    let address = running.and_then(|running| PgConnectOptions::from_str(&running.database_url).ok());
    let address = address.map(|options| match options.get_socket() {
        Some(socket) => socket.display().to_string(),
        None => format!("{}:{}", options.get_host(), options.get_port()),
    });
    let (version, problem) = match answer {
        Ok(version) => (Some(version), None),
        Err(problem) => (None, Some(problem)),
    };
    Part { name: "postgres", address, serving: version.is_some(), version, feed_position: None, problem }
}

/// Asks as one of the services, whose password the folder has where it takes one.
async fn postgres_version(folder: &Path, running: &Running) -> Result<String, Box<dyn Error>> {
    let schema = SERVICES[0].schema();
    let password = std::fs::read_to_string(password_file(folder, schema)).ok();
    let url = guanxi_db::role_url(&running.database_url, &format!("{schema}_service"), password.as_deref())?;
    let mut connection = PgConnectOptions::from_str(&url)?.connect().await?;
    let version: String = connection.fetch_one("show server_version").await?.try_get(0)?;
    Ok(version.split_whitespace().next().unwrap_or_default().to_owned())
}

/// Bounds a question, and tells the whole story of a failure in one line.
async fn within<T>(question: impl Future<Output = Result<T, Box<dyn Error>>>) -> Result<T, String> {
    let answer = tokio::time::timeout(PATIENCE, question).await;
    let answer = answer.unwrap_or_else(|_elapsed| Err("no answer".into()));
    answer.map_err(|error| {
        let mut story = error.to_string();
        let mut cause = error.source();
        while let Some(error) = cause {
            let text = error.to_string();
            // The transport's errors tell their causes themselves.
            if !story.contains(&text) {
                story = format!("{story}: {text}");
            }
            cause = error.source();
        }
        story
    })
}

fn table(status: &Status) -> String {
    let mut table = Table::new();
    table.load_style(presets::NOTHING).set_header(["PART", "ADDRESS", "HEALTH", "VERSION", "FEED POSITION"]);
    let mut lines = Vec::new();
    for part in status.services.iter().chain([&status.postgres]) {
        let text = |value: &Option<String>| value.clone().unwrap_or_else(|| "-".to_owned());
        let health = if part.serving { "serving" } else { "down" };
        let position = part.feed_position.map_or_else(|| "-".to_owned(), |position| position.to_string());
        table.add_row([part.name.to_owned(), text(&part.address), health.to_owned(), text(&part.version), position]);
        lines.extend(part.problem.iter().map(|problem| format!("\n {}: {problem}", part.name)));
    }
    let since = match (&status.pid, &status.start_time) {
        (Some(pid), Some(since)) => format!("process {pid} since {since}"),
        _ => "not running".to_owned(),
    };
    format!("{}: {since}\n\n{}{}", status.data_dir, table.trim_fmt(), lines.concat())
}
