//! What opportunity-pipeline tells: opportunities, their quotes, and what the stages of pipelines are worth.

use std::collections::HashMap;

use guanxi_db::PgConnection;
use guanxi_events::FollowError;
use guanxi_proto::events::v1::Event;
use guanxi_proto::opportunity_pipeline::v1::{OpportunityChange, PipelineChange, QuoteChange, QuoteState};
use time::Date;
use uuid::Uuid;

use super::name::Names;
use super::{Read, read, told_nothing, unfit};
use crate::fact::store::take_turn;
use crate::fact::{self, Fact};
use crate::subject::store::Subjects;
use crate::subject::{Known, Opportunity, STOCKS, Subject, Told};

/// What tells the past.
const IMPORT: &str = "guanxi.opportunity_pipeline.v1.OpportunityService/ImportOpportunities";

/// Takes in events of opportunity-pipeline.
pub(crate) async fn take(connection: &mut PgConnection, events: &[Event]) -> Result<(), FollowError> {
    take_turn(connection).await?;
    // What a pipeline tells holds for the opportunities after it, and changes those before it.
    for run in events.chunk_by(|one, next| is_pipeline(one) == is_pipeline(next)) {
        if run.first().is_some_and(is_pipeline) {
            for event in run {
                take_stages(connection, event).await?;
            }
        } else {
            take_opportunities(connection, run).await?;
        }
    }
    Ok(())
}

fn is_pipeline(event: &Event) -> bool {
    event.subject.starts_with("pipeline/")
}

/// What an event tells of an opportunity.
enum What {
    Deal(Box<Told>),
    Quote(String, bool),
}

async fn take_opportunities(connection: &mut PgConnection, events: &[Event]) -> Result<(), FollowError> {
    let mut told = Vec::new();
    for event in events {
        told.extend(read_one(event)?.map(|(id, day, what)| (event.position, id, day, what)));
    }
    let ids: Vec<Uuid> = told.iter().map(|(_, id, ..)| *id).collect();
    let chances = chances(connection).await?;
    let mut subjects = Subjects::load(connection, &ids).await?;
    let retold =
        told.iter().filter(|(_, id, _, what)| matches!(what, What::Deal(deal) if deal.past) && subjects.knows(*id));
    let retold: Vec<Uuid> = retold.map(|(_, id, ..)| *id).collect();
    let there = fact::store::of(connection, &retold, &STOCKS.map(str::to_owned)).await?;
    for (position, id, day, what) in told {
        let make = match &what {
            What::Deal(deal) => Some(Known::Opportunity(Box::new(Opportunity::new(deal)))),
            What::Quote(..) => None,
        };
        let known = subjects.knows(id);
        let Some(subject) = subjects.at(id, position, make) else { continue };
        match what {
            What::Deal(deal) => {
                // What is opened enters on its own day.
                let day_of_turn = if known { day } else { deal.open_date().unwrap_or(day) };
                let there = there.get(&id).map(Vec::as_slice).unwrap_or_default();
                take_deal(subject, (day, day_of_turn), &deal, (chances.get(deal.stage()).copied(), there));
            }
            What::Quote(quote, waits) => take_quote(subject, day, &quote, waits),
        }
    }
    Ok(subjects.save(connection).await?)
}

fn read_one(event: &Event) -> Result<Option<(Uuid, Date, What)>, FollowError> {
    if let Some(Read { id, day, change }) = read::<OpportunityChange>(event, "opportunity/")? {
        let deal = Told::read(&change, event.method == IMPORT).ok_or_else(|| told_nothing(event))?;
        return Ok(Some((id, day, What::Deal(Box::new(deal)))));
    }
    let Some(Read { id, day, change }) = read::<QuoteChange>(event, "quote/")? else { return Ok(None) };
    let quote = change.after.ok_or_else(|| told_nothing(event))?;
    let opportunity = Uuid::try_parse(&quote.opportunity_id).map_err(|_| unfit(event, "it names no opportunity"))?;
    Ok(Some((opportunity, day, What::Quote(id.to_string(), quote.state() == QuoteState::Waiting))))
}

fn take_deal(
    subject: &mut Subject,
    (day, day_of_turn): (Date, Date),
    told: &Told,
    (chance, there): (Option<i32>, &[(Fact, i32)]),
) {
    let Known::Opportunity(deal) = &mut subject.known else { return };
    let (held, quotes) = (deal.holdings(), deal.quotes());
    deal.take(told, chance);
    if told.past {
        deal.retell(&mut subject.ledger, there);
        subject.ledger.turn(told.open_date().unwrap_or(day), &[], &deal.holdings());
    } else {
        subject.ledger.turn(day_of_turn, &held, &deal.holdings());
    }
    subject.ledger.turn(day, &quotes, &deal.quotes());
}

fn take_quote(subject: &mut Subject, day: Date, quote: &str, waits: bool) {
    let Known::Opportunity(deal) = &mut subject.known else { return };
    let before = deal.quotes();
    deal.take_quote(quote, waits);
    subject.ledger.turn(day, &before, &deal.quotes());
}

/// Takes in what a pipeline says of its stages: what is in them weighs otherwise from that day on.
async fn take_stages(connection: &mut PgConnection, event: &Event) -> Result<(), FollowError> {
    let Some(Read { day, change, .. }) = read::<PipelineChange>(event, "pipeline/")? else { return Ok(()) };
    let pipeline = change.after.ok_or_else(|| told_nothing(event))?;
    let mut names = Names::default();
    let mut chances = HashMap::new();
    for stage in pipeline.stages {
        let key = format!("{}/{}", pipeline.code, stage.code);
        names.note("STAGE", key.clone(), stage.name.unwrap_or_default(), event.position);
        chances.insert(key, stage.probability_percent);
    }
    names.save(connection).await?;
    save_chances(connection, &chances, event.position).await?;
    let mut subjects = Subjects::of_pipeline(connection, &pipeline.code).await?;
    for subject in subjects.iter_mut().filter(|subject| subject.position < event.position) {
        let Known::Opportunity(deal) = &mut subject.known else { continue };
        let before = deal.holdings();
        let chance = chances.get(deal.stage()).copied();
        deal.reweigh(chance);
        subject.ledger.turn(day, &before, &deal.holdings());
        subject.position = event.position;
    }
    Ok(subjects.save(connection).await?)
}

/// Chances of all stages, in percent.
async fn chances(connection: &mut PgConnection) -> Result<HashMap<String, i32>, sqlx::Error> {
    let rows = sqlx::query!("select key, probability_percent from kpi.stage").fetch_all(connection).await?;
    Ok(rows.into_iter().map(|row| (row.key, row.probability_percent)).collect())
}

async fn save_chances(
    connection: &mut PgConnection,
    chances: &HashMap<String, i32>,
    position: i64,
) -> Result<(), sqlx::Error> {
    let (keys, percents): (Vec<String>, Vec<i32>) =
        chances.iter().map(|(key, percent)| (key.clone(), *percent)).unzip();
    sqlx::query_scalar!(
        "insert into kpi.stage (key, probability_percent, position) select key, percent, $3 \
         from unnest($1::text[], $2::integer[]) as new (key, percent) order by key \
         on conflict (key) do update set probability_percent = excluded.probability_percent, position = excluded.position \
         where excluded.position >= stage.position returning 1 as \"one!\"",
        &keys,
        &percents,
        position,
    )
    .fetch_all(connection)
    .await?;
    Ok(())
}
