//! The copy of offerings and of what one unit of them costs.

use std::collections::HashMap;

use guanxi_db::PgConnection;
use guanxi_events::FollowError;
use guanxi_grpc::day;
use guanxi_grpc::value::minor_unit;
use guanxi_proto::events::v1::Event;
use guanxi_proto::product_catalog::v1::{
    self as pb, ChargeKind, OfferingChange, OfferingState, PriceChange, PriceModel,
};
use guanxi_resource::Error;
use rust_decimal::{Decimal, RoundingStrategy};
use time::Date;

/// What is charged every month and year is counted for so long where nobody says for how long.
const USUAL_TERM: i32 = 12;

/// What is known of an offering, of all its versions together.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Offering {
    /// Of its newest version on sale, else of the newest.
    pub(crate) name_zh: String,
    pub(crate) on_sale: bool,
    pub(crate) prices: Vec<ListPrice>,
}

/// What an offering costs from one day to another, for one kind of charge.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct ListPrice {
    pub(crate) offering_code: String,
    pub(crate) charge_kind: String,
    pub(crate) currency_code: String,
    pub(crate) amount: Decimal,
    pub(crate) per_unit: bool,
    pub(crate) valid_from_date: Date,
    pub(crate) valid_to_date: Option<Date>,
}

impl ListPrice {
    fn applies(&self, day: Date) -> bool {
        self.valid_from_date <= day && self.valid_to_date.is_none_or(|end| day < end)
    }

    /// How often it is charged in so many months.
    fn times(&self, term_months: i32) -> Decimal {
        let months = if term_months == 0 { USUAL_TERM } else { term_months };
        match self.charge_kind.as_str() {
            "MONTHLY" => Decimal::from(months),
            "YEARLY" => Decimal::from((months + 11) / 12),
            _ => Decimal::ONE,
        }
    }
}

impl Offering {
    /// The currency that it is sold in on a day, if it has a price then.
    pub(crate) fn currency_on(&self, day: Date) -> Option<String> {
        self.prices.iter().find(|price| price.applies(day)).map(|price| price.currency_code.clone())
    }

    /// What so many units cost over a term at the prices of a day in a currency, rounded half up to its minor unit; `None` where it has no
    /// price in that currency, or the amount is too large for an opportunity.
    pub(crate) fn list_amount(
        &self,
        quantity: i64,
        term_months: i32,
        currency_code: Option<&str>,
        day: Date,
    ) -> Option<Decimal> {
        let places = minor_unit(currency_code?)?;
        let charged = self.prices.iter().filter(|price| Some(price.currency_code.as_str()) == currency_code);
        let mut amounts = charged.filter(|price| price.applies(day)).map(|price| {
            let units = if price.per_unit { Decimal::from(quantity) } else { Decimal::ONE };
            price.amount.checked_mul(units)?.checked_mul(price.times(term_months))
        });
        let first = amounts.next()??;
        let sum = amounts.try_fold(first, |sum, amount| sum.checked_add(amount?))?;
        let rounded = sum.round_dp_with_strategy(places, RoundingStrategy::MidpointAwayFromZero);
        Some(rounded).filter(|amount| *amount < Decimal::from(1_000_000_000_000_i64))
    }
}

/// The offerings of some codes with their prices.
pub(super) async fn find(connection: &mut PgConnection, codes: &[String]) -> Result<HashMap<String, Offering>, Error> {
    let query = sqlx::query!(
        "select distinct on (code) code, name_zh, on_sale from opportunity_pipeline.offering where code = any($1) \
         order by code, on_sale desc, version_number desc",
        codes,
    );
    let found = query.fetch_all(&mut *connection).await?;
    let prices = sqlx::query_as!(
        ListPrice,
        "select offering_code, charge_kind, currency_code, amount, per_unit, valid_from_date, valid_to_date \
         from opportunity_pipeline.price where offering_code = any($1) and not deleted order by valid_from_date, id",
        codes,
    );
    let unpriced = |name_zh, on_sale| Offering { name_zh, on_sale, prices: Vec::new() };
    let named = found.into_iter().map(|row| (row.code, unpriced(row.name_zh, row.on_sale)));
    let mut by_code: HashMap<String, Offering> = named.collect();
    for price in prices.fetch_all(connection).await? {
        if let Some(known) = by_code.get_mut(&price.offering_code) {
            known.prices.push(price);
        }
    }
    Ok(by_code)
}

/// Takes in what events tell of offerings.
pub(super) async fn take(connection: &mut PgConnection, events: &[Event]) -> Result<(), FollowError> {
    let changes = super::newest(events, "offering/", |change: OfferingChange| change.after)?;
    if changes.is_empty() {
        return Ok(());
    }
    let (mut ids, mut codes, mut numbers) = (Vec::new(), Vec::new(), Vec::new());
    let (mut names, mut on_sale, mut versions) = (Vec::new(), Vec::new(), Vec::new());
    for (id, version, offering) in changes {
        ids.push(id);
        on_sale.push(offering.state() == OfferingState::Published);
        codes.push(offering.code);
        numbers.push(offering.version_number);
        names.push(offering.name.unwrap_or_default().zh);
        versions.push(version);
    }
    sqlx::query_scalar!(
        "insert into opportunity_pipeline.offering (id, code, version_number, name_zh, on_sale, version) \
         select id, code, version_number, name_zh, on_sale, version \
         from unnest($1::uuid[], $2::text[], $3::integer[], $4::text[], $5::boolean[], $6::bigint[]) \
         as new (id, code, version_number, name_zh, on_sale, version) order by id \
         on conflict (id) do update set name_zh = excluded.name_zh, on_sale = excluded.on_sale, version = excluded.version \
         where excluded.version >= offering.version returning id",
        &ids,
        &codes,
        &numbers,
        &names,
        &on_sale,
        &versions,
    )
    .fetch_all(connection)
    .await?;
    Ok(())
}

/// Takes in what events tell of prices.
pub(super) async fn take_prices(connection: &mut PgConnection, events: &[Event]) -> Result<(), FollowError> {
    let changes = super::newest(events, "price/", |change: PriceChange| unit_price(change.after?))?;
    if changes.is_empty() {
        return Ok(());
    }
    let prices: Vec<&(ListPrice, bool)> = changes.iter().map(|(_, _, price)| price).collect();
    sqlx::query_scalar!(
        "insert into opportunity_pipeline.price (id, offering_code, charge_kind, currency_code, amount, per_unit, valid_from_date, \
         valid_to_date, deleted, version) \
         select id, offering_code, charge_kind, currency_code, amount, per_unit, valid_from_date, valid_to_date, deleted, version \
         from unnest($1::uuid[], $2::text[], $3::text[], $4::text[], $5::numeric[], $6::boolean[], $7::date[], $8::date[], \
         $9::boolean[], $10::bigint[]) as new (id, offering_code, charge_kind, currency_code, amount, per_unit, valid_from_date, \
         valid_to_date, deleted, version) order by id \
         on conflict (id) do update set currency_code = excluded.currency_code, amount = excluded.amount, \
         per_unit = excluded.per_unit, valid_from_date = excluded.valid_from_date, valid_to_date = excluded.valid_to_date, \
         deleted = excluded.deleted, version = excluded.version where excluded.version >= price.version returning id",
        &changes.iter().map(|(id, _, _)| *id).collect::<Vec<_>>(),
        &prices.iter().map(|(price, _)| price.offering_code.clone()).collect::<Vec<_>>(),
        &prices.iter().map(|(price, _)| price.charge_kind.clone()).collect::<Vec<_>>(),
        &prices.iter().map(|(price, _)| price.currency_code.clone()).collect::<Vec<_>>(),
        &prices.iter().map(|(price, _)| price.amount).collect::<Vec<_>>(),
        &prices.iter().map(|(price, _)| price.per_unit).collect::<Vec<_>>(),
        &prices.iter().map(|(price, _)| price.valid_from_date).collect::<Vec<_>>(),
        &prices.iter().map(|(price, _)| price.valid_to_date).collect::<Vec<_>>() as _,
        &prices.iter().map(|(_, left_out)| *left_out).collect::<Vec<_>>(),
        &changes.iter().map(|(_, version, _)| *version).collect::<Vec<_>>(),
    )
    .fetch_all(connection)
    .await?;
    Ok(())
}

/// What one unit costs, and whether it counts for nothing: deleted, or charged by use. In tiers it is the amount of the first one.
fn unit_price(price: pb::Price) -> Option<(ListPrice, bool)> {
    let tier = price.tiers.first().map(|tier| tier.amount.as_str());
    let amount = if price.amount.is_empty() { tier? } else { &price.amount };
    let kind = price.charge_kind();
    let list = ListPrice {
        amount: amount.parse().ok()?,
        per_unit: !matches!(price.model(), PriceModel::Flat | PriceModel::Stairstep),
        charge_kind: kind.as_str_name().trim_start_matches("CHARGE_KIND_").to_owned(),
        valid_from_date: day::parse("valid_from_date", &price.valid_from_date).ok()?,
        valid_to_date: day::read("valid_to_date", &price.valid_to_date).ok()?,
        offering_code: price.offering_code,
        currency_code: price.currency_code,
    };
    Some((list, price.delete_time.is_some() || kind == ChargeKind::Usage))
}

#[cfg(test)]
mod tests {
    use time::macros::date;

    use super::*;

    const DAY: Date = date!(2026 - 03 - 01);

    fn price(charge_kind: &str, amount: &str, per_unit: bool) -> ListPrice {
        ListPrice {
            offering_code: "MAIL".to_owned(),
            charge_kind: charge_kind.to_owned(),
            currency_code: "CNY".to_owned(),
            amount: amount.parse().unwrap(),
            per_unit,
            valid_from_date: DAY,
            valid_to_date: None,
        }
    }

    #[test]
    fn a_list_amount_is_that_of_all_charges_over_the_term() {
        let prices =
            vec![price("ONE_TIME", "100", false), price("MONTHLY", "1.005", true), price("YEARLY", "10", true)];
        let offering = Offering { name_zh: "邮箱".to_owned(), on_sale: true, prices };
        let amount = |quantity, term, currency, day| offering.list_amount(quantity, term, currency, day);
        let cny = Some("CNY");
        // 100 + 2 × 1.005 × 13 + 2 × 10 × 2, rounded half up.
        assert_eq!(amount(2, 13, cny, DAY), Some(Decimal::new(16613, 2)));
        assert_eq!(amount(1, 0, cny, DAY), Some(Decimal::new(12206, 2)));
        assert_eq!(amount(1, 0, Some("USD"), DAY), None);
        assert_eq!(amount(1, 0, cny, date!(2026 - 02 - 28)), None);
        assert_eq!(amount(1_000_000_000, 120, cny, DAY), Some(Decimal::from(220_600_000_100_i64)));
        assert_eq!((offering.currency_on(DAY).as_deref(), offering.currency_on(date!(2026 - 02 - 28))), (cny, None));
    }

    #[test]
    fn a_unit_of_tiers_costs_what_the_first_one_says_and_use_is_left_out() {
        let tier = |amount: &str| pb::PriceTier { amount: amount.to_owned(), ..Default::default() };
        let sent = pb::Price {
            charge_kind: ChargeKind::Usage.into(),
            model: PriceModel::Stairstep.into(),
            tiers: vec![tier("5"), tier("4")],
            valid_from_date: "2026-03-01".to_owned(),
            ..Default::default()
        };
        let (list, left_out) = unit_price(sent).unwrap();
        assert_eq!(
            (list.amount, list.per_unit, list.charge_kind.as_str(), left_out),
            (Decimal::from(5), false, "USAGE", true)
        );
    }
}
