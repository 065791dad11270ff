//! What becomes of the quotes of an opportunity.

use guanxi_proto::opportunity_pipeline::v1::{OpportunityState, Quote, QuoteChange, QuoteState};
use rust_decimal::Decimal;

use super::deal::{Deal, in_currency};
use super::feed::{Feed, Kept, uuid};
use super::random::Random;

/// Does something with the quotes of a deal: makes one, or moves one on.
pub(super) fn step(feed: &mut Feed, random: &mut Random, deal: &mut Deal) {
    let open = deal.kept.now.state() == OpportunityState::Open && !deal.kept.now.account_id.is_empty();
    if open && (deal.quotes.is_empty() || random.chance(15)) {
        let made = if deal.quotes.is_empty() { ("created", "CreateQuote") } else { ("revised", "ReviseQuote") };
        create(feed, deal, made);
        return;
    }
    if deal.quotes.is_empty() || deal.kept.now.state() == OpportunityState::Deleted {
        return;
    }
    let index = random.index(deal.quotes.len());
    let (state, what, method) = match (deal.quotes[index].now.state(), random.between(0, 9)) {
        (QuoteState::Draft, 0) if open => (QuoteState::Draft, "updated", "UpdateQuote"),
        (QuoteState::Draft, 1..=7) if open => (QuoteState::Waiting, "submitted", "SubmitQuote"),
        // Within the authority of who submits it.
        (QuoteState::Draft, _) if open => (QuoteState::Approved, "submitted", "SubmitQuote"),
        (QuoteState::Waiting, 0..=2) if open => (QuoteState::Approved, "approved", "ApproveQuote"),
        (QuoteState::Waiting, 3..=4) => (QuoteState::Rejected, "rejected", "RejectQuote"),
        (QuoteState::Waiting | QuoteState::Approved, 5..=6) => (QuoteState::Withdrawn, "withdrawn", "WithdrawQuote"),
        (QuoteState::Waiting | QuoteState::Approved, 7) => (QuoteState::Expired, "expired", "ExpireQuotes"),
        (QuoteState::Approved, 0..=2) if open => (QuoteState::Accepted, "accepted", "AcceptQuote"),
        (QuoteState::Approved, 3..=4 | 8..=9) => (QuoteState::Declined, "declined", "DeclineQuote"),
        _ => return,
    };
    let territory = deal.kept.now.territory_code.clone();
    let quote = &mut deal.quotes[index];
    let before = feed.change(quote, |quote| {
        quote.state = state.into();
        quote.territory_code.clone_from(&territory);
    });
    tell(feed, what, method, Some(before), quote);
}

fn create(feed: &mut Feed, deal: &mut Deal, (what, method): (&str, &str)) {
    let opportunity = &deal.kept.now;
    let currency = opportunity.value.as_ref().map_or("CNY", |value| value.currency_code.as_str());
    let new = feed.create(Quote {
        id: uuid(feed.now, 3_000_000 + i64::try_from(feed.events.len()).unwrap()).to_string(),
        opportunity_id: opportunity.id.clone(),
        version_number: i32::try_from(deal.quotes.len()).unwrap() + 1,
        state: QuoteState::Draft.into(),
        territory_code: opportunity.territory_code.clone(),
        account_id: opportunity.account_id.clone(),
        currency_code: currency.to_owned(),
        contract_net_amount: Some(in_currency(Decimal::ONE_THOUSAND, currency)),
        ..Quote::default()
    });
    tell(feed, what, method, None, &new);
    deal.quotes.push(new);
}

fn tell(feed: &mut Feed, what: &str, method: &str, before: Option<Quote>, quote: &Kept<Quote>) {
    let change = QuoteChange { before, after: Some(quote.now.clone()) };
    let method = format!("QuoteService/{method}");
    feed.tell(&format!("quote.{what}"), &method, quote.key(), &quote.now.territory_code, &change);
}
