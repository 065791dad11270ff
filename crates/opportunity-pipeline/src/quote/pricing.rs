//! What product-catalog says that an offer costs. It is asked while no connection is leased: it may be slow, or not there at all.

use guanxi_grpc::{Call, Refusal, Violation, day, pass_on};
use guanxi_proto::client_registry::v1::Tier;
use guanxi_proto::errors::v1::ErrorReason as Shared;
use guanxi_proto::opportunity_pipeline::v1::ErrorReason;
use guanxi_proto::product_catalog::v1::pricing_service_client::PricingServiceClient;
use guanxi_proto::product_catalog::v1::{AccountProfile, LineRefusal, PriceQuoteRequest, PriceQuoteResponse};
use guanxi_resource::Error;
use time::Date;

use super::amount::{Amounts, contract};
use super::decision::conflict;
use super::model::Quote;
use crate::approval_policy::Level;
use crate::copies::{Account, Copies};
use crate::error::reason;

const CATALOG: &str = "product-catalog";

/// A quote's prices, as they were answered.
pub(super) struct Priced {
    pub(super) asked: PriceQuoteRequest,
    pub(super) answer: PriceQuoteResponse,
    pub(super) amounts: Amounts,
    pub(super) required_level: Level,
    pub(super) date: Date,
    /// The version of the quote that was priced.
    version: i64,
}

impl Priced {
    /// Refuses prices of what the quote was before somebody else changed it, its opportunity or the account of that.
    pub(super) fn check(&self, quote: &Quote) -> Result<(), Error> {
        let profile = self.asked.profile.clone().unwrap_or_default();
        let account_id = quote.account_id.map(|id| id.to_string()).unwrap_or_default();
        let same = (self.version, &profile.account_id, &profile.territory_code)
            == (quote.version, &account_id, &quote.territory_code);
        if same { Ok(()) } else { Err(conflict()) }
    }
}

/// Asks what a quote costs now, on the caller's behalf.
pub(super) async fn price(copies: &Copies, call: &Call, quote: &Quote) -> Result<Priced, Error> {
    let no_catalog = || Refusal::unavailable().with("service", CATALOG);
    let catalog = copies.catalog().ok_or_else(no_catalog)?;
    let account = match quote.account_id {
        Some(id) => copies.account(id).await?,
        None => None,
    };
    let asked = PriceQuoteRequest {
        profile: Some(profile(quote, account.as_ref())),
        currency_code: quote.currency_code.clone(),
        lines: quote.asked.0.lines.clone(),
        ..Default::default()
    };
    let mut pricing = PricingServiceClient::new(catalog.channel());
    let answer = pricing.price_quote(catalog.on_behalf(call, asked.clone())?).await;
    let answer = answer.map_err(|status| Error::from(pass_on(CATALOG, status)))?.into_inner();
    check_lines(&answer)?;
    read(asked, answer, quote.version)
}

/// Whom it is for. The place is the opportunity's: the caller sees that one for sure, and the account's perhaps not.
fn profile(quote: &Quote, account: Option<&Account>) -> AccountProfile {
    let tier = match account.and_then(|account| account.tier.as_deref()) {
        Some("A") => Tier::A,
        Some("B") => Tier::B,
        Some("C") => Tier::C,
        _ => Tier::Unspecified,
    };
    AccountProfile {
        tier: tier.into(),
        industry_code: account.and_then(|account| account.industry_code.clone()).unwrap_or_default(),
        territory_code: quote.territory_code.clone(),
        account_id: quote.account_id.map(|id| id.to_string()).unwrap_or_default(),
        ..Default::default()
    }
}

/// Refuses the whole where one line may not be sold, with every reason of every line.
fn check_lines(answer: &PriceQuoteResponse) -> Result<(), Error> {
    let mut refused = Vec::new();
    for (index, line) in answer.lines.iter().enumerate().filter(|(_, line)| !line.allowed) {
        let violation = |refusal: &LineRefusal| {
            let violation = Violation::new(format!("quote.lines[{index}]"), reason(ErrorReason::LineRefused));
            let violation = violation.with("value", &line.offering_code).with("refusal", &refusal.reason);
            violation.with("message", &refusal.message)
        };
        refused.extend(line.refusals.iter().map(violation));
    }
    if refused.is_empty() { Ok(()) } else { Err(Refusal::unmet(refused).into()) }
}

fn read(asked: PriceQuoteRequest, answer: PriceQuoteResponse, version: i64) -> Result<Priced, Error> {
    let level = Level::read("required_level", answer.required_level).ok().flatten();
    let date = day::parse("date", &answer.date).ok();
    match (contract(&asked.lines, &answer), level, date) {
        (Some(amounts), Some(required_level), Some(date)) if amounts.fit() => {
            Ok(Priced { asked, answer, amounts, required_level, date, version })
        }
        (Some(amounts), Some(_), Some(_)) => Err(Violation::new("quote.lines", Shared::OutOfRange)
            .with("value", amounts.list.max(amounts.net).normalize())
            .with("min", 0)
            .with("max", "9999999999999")
            .into()),
        _ => {
            tracing::error!(service = CATALOG, "the prices are no answer to what was asked");
            Err(Refusal::unavailable().with("service", CATALOG).into())
        }
    }
}

#[cfg(test)]
mod tests {
    use guanxi_proto::product_catalog::v1::{AuthorityLevel, PriceQuoteLine, QuotedLine};

    use super::*;

    #[test]
    fn an_answer_to_something_else_counts_as_none() {
        let asked = PriceQuoteRequest { lines: vec![PriceQuoteLine::default()], ..Default::default() };
        let line = QuotedLine { allowed: true, ..Default::default() };
        let required_level = AuthorityLevel::City.into();
        let date = "2026-03-01".to_owned();
        let answer = PriceQuoteResponse { lines: vec![line], date, required_level, ..Default::default() };
        let priced = read(asked.clone(), answer.clone(), 1).ok().unwrap();
        assert_eq!((priced.required_level, priced.date.to_string().as_str()), (Level::City, "2026-03-01"));
        for wrong in [
            PriceQuoteResponse { lines: Vec::new(), ..answer.clone() },
            PriceQuoteResponse { required_level: 0, ..answer.clone() },
            PriceQuoteResponse { date: String::new(), ..answer },
        ] {
            assert_eq!(read(asked.clone(), wrong, 1).err().unwrap().refused_for(), Some("UNAVAILABLE"));
        }
    }

    #[test]
    fn every_reason_of_every_line_is_named() {
        let refusal = |reason: &str| LineRefusal { reason: reason.to_owned(), ..Default::default() };
        let refused = |reasons: &[&str]| QuotedLine {
            allowed: reasons.is_empty(),
            refusals: reasons.iter().map(|reason| refusal(reason)).collect(),
            ..Default::default()
        };
        let lines = vec![refused(&[]), refused(&["PRICE_MISSING", "NOT_ELIGIBLE"]), refused(&["OFFERING_RETIRED"])];
        let answer = PriceQuoteResponse { lines, ..Default::default() };
        let Error::Refused(refusal) = check_lines(&answer).unwrap_err() else { panic!("not refused") };
        let fields: Vec<String> = refusal.into_violations("").into_iter().map(|violation| violation.field).collect();
        assert_eq!(fields, ["quote.lines[1]", "quote.lines[1]", "quote.lines[2]"]);
    }
}
