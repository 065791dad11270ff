//! Importing a price book: rows keyed by offering, kind of charge and first day.

use std::collections::HashMap;

use guanxi_db::Transaction;
use guanxi_events::NewEvent;
use guanxi_grpc::{Call, Fields, Refusal, Violation, Violations, text};
use guanxi_proto::errors::v1::ErrorReason as Shared;
use guanxi_proto::imports::v1::{ImportOptions, ImportProgress};
use guanxi_proto::product_catalog::v1::{ImportPriceRow, ImportPricesRequest, ImportPricesResponse};
use guanxi_resource::{Error, Import, Mode, Outcome, Resource, Rows};
use time::{Date, OffsetDateTime};
use uuid::Uuid;

use super::model::{ChargeKind, Price};
use super::patch::Patch;
use super::{PriceRpc, convert, store};
use crate::category::store as categories;
use crate::offering::{self, Plain, Standing, Standings};
use crate::value;

impl Rows for PriceRpc {
    type Request = ImportPricesRequest;
    type Response = ImportPricesResponse;
    type Row = ImportPriceRow;
    const NOUN: &'static str = "price";

    fn take(request: ImportPricesRequest) -> (Option<ImportOptions>, Vec<ImportPriceRow>) {
        (request.options, request.rows)
    }

    fn number(row: &ImportPriceRow) -> i64 {
        row.row_number
    }

    fn answer(progress: ImportProgress) -> ImportPricesResponse {
        ImportPricesResponse { progress: Some(progress) }
    }

    async fn apply(
        &self,
        transaction: &mut Transaction,
        call: &Call,
        import: &Import,
        rows: &[ImportPriceRow],
    ) -> Result<(Vec<Outcome>, Vec<NewEvent>), Error> {
        let parsed: Vec<Result<Row, Violations>> = rows.iter().cloned().map(Row::try_from).collect();
        let mut batch = Batch::load(transaction, call.now, import.mode, parsed.iter().flatten()).await?;
        let judge = |row: Result<Row, Violations>| {
            let outcome = row.map_err(Error::from).and_then(|row| batch.judge(&row));
            outcome.unwrap_or_else(|refusal| {
                let field = field(&refusal);
                Outcome::Rejected(Refusal::from(refusal).into_violations(field))
            })
        };
        let outcomes = parsed.into_iter().map(judge).collect();
        Ok((outcomes, batch.save(transaction).await?))
    }
}

/// What a price is recognised by: offering, kind of charge, first day.
type Key = (String, ChargeKind, Date);

/// A checked row.
struct Row {
    number: i64,
    key: Key,
    patch: Patch,
    name_zh: String,
    name_en: String,
    category_code: Option<String>,
}

impl TryFrom<ImportPriceRow> for Row {
    type Error = Violations;

    fn try_from(row: ImportPriceRow) -> Result<Self, Violations> {
        let (price, name) = (row.price.map(|price| *price).unwrap_or_default(), row.offering_name.unwrap_or_default());
        // Without a mask: empty fields of a row say nothing.
        let mut fields = Fields::of_update("price", None);
        for (field, missing) in [
            ("price.offering_code", price.offering_code.is_empty()),
            ("price.charge_kind", price.charge_kind == 0),
            ("price.valid_from_date", price.valid_from_date.is_empty()),
        ] {
            fields.keep(if missing { Err(Violation::required(field)) } else { Ok(()) });
        }
        // Whether a new price has what it needs is judged when it is known to be new.
        let patch = Patch::read(&mut fields, price);
        let name_zh = fields.keep(text("offering_name.zh", &name.zh, 0, 100));
        let name_en = fields.keep(text("offering_name.en", &name.en, 0, 100));
        let category_code = match row.category_code.as_str() {
            "" => None,
            code => fields.keep(value::code("category_code", code)),
        };
        let key = patch.offering_code.clone().zip(patch.charge_kind).zip(patch.valid_from_date);
        fields.finish(key.zip(name_zh.zip(name_en)).map(|(((code, kind), from), (name_zh, name_en))| Self {
            number: row.row_number,
            key: (code, kind, from),
            patch,
            name_zh,
            name_en,
            category_code,
        }))
    }
}

/// The rows of one message against what is known.
struct Batch {
    now: OffsetDateTime,
    today: Date,
    mode: Mode,
    offerings: Standings,
    /// Live ones, of what rows name.
    categories: Vec<String>,
    /// Offerings that landed rows are the first to name.
    new_offerings: Vec<Plain>,
    /// Live prices of the offerings.
    prices: HashMap<(String, ChargeKind), Vec<Price>>,
    /// Which row was about a price.
    rows: HashMap<Key, i64>,
    /// What the rows touched, in their order, as it was before: `None` for a new price.
    touched: Vec<(Uuid, Option<Price>)>,
}

impl Batch {
    /// Reads everything that the rows name, in a fixed number of statements. The offerings with their prices, and the categories, stay as
    /// they are until the transaction ends.
    async fn load(
        transaction: &mut Transaction,
        now: OffsetDateTime,
        mode: Mode,
        rows: impl Iterator<Item = &Row> + Clone,
    ) -> Result<Self, Error> {
        let codes: Vec<String> = rows.clone().map(|row| row.key.0.clone()).collect();
        let offerings = offering::lock_offerings(transaction, &codes).await?;
        let unknown = rows.filter(|row| !offerings.contains_key(&row.key.0));
        let wanted: Vec<String> = unknown.filter_map(|row| row.category_code.clone()).collect();
        let categories =
            if wanted.is_empty() { Vec::new() } else { categories::lock_live(transaction, &wanted).await? };
        let mut prices = HashMap::<_, Vec<Price>>::new();
        for price in store::of_offerings(transaction, &codes).await? {
            prices.entry((price.offering_code.clone(), price.charge_kind)).or_default().push(price);
        }
        Ok(Self {
            now,
            today: guanxi_grpc::day::of(now),
            mode,
            offerings,
            categories,
            new_offerings: Vec::new(),
            prices,
            rows: HashMap::new(),
            touched: Vec::new(),
        })
    }

    fn judge(&mut self, row: &Row) -> Result<Outcome, Error> {
        if let Some(earlier) = self.rows.get(&row.key) {
            return Err(Violation::new("price", Shared::RowRepeated).with("row", earlier).into());
        }
        let offering = self.offering(row)?;
        let (code, kind, from) = &row.key;
        let of_kind = self.prices.get(&(code.clone(), *kind)).map(Vec::as_slice).unwrap_or_default();
        let outcome = match of_kind.iter().find(|price| price.valid_from_date == *from).cloned() {
            Some(before) => self.judge_known(row, before)?,
            None => self.judge_new(row)?,
        };
        if let Some(offering) = offering {
            self.offerings.insert(code.clone(), Standing::OnSale);
            self.new_offerings.push(offering);
        }
        self.rows.insert(row.key.clone(), row.number);
        Ok(outcome)
    }

    /// The offering that the row would make, where there is none of its code yet.
    fn offering(&self, row: &Row) -> Result<Option<Plain>, Error> {
        let code = &row.key.0;
        match self.offerings.get(code) {
            Some(Standing::OnSale | Standing::Unsold) => return Ok(None),
            Some(Standing::Deleted) => {
                return Err(Error::Exists { resource: "offering", field: "code", value: code.clone() });
            }
            None => {}
        }
        let mut violations = Violations::default();
        if row.name_zh.is_empty() {
            violations.push(Violation::required("offering_name.zh"));
        }
        match &row.category_code {
            None => violations.push(Violation::required("category_code")),
            Some(code) if !self.categories.contains(code) => {
                violations.push(value::unknown("category_code", "category", code));
            }
            Some(_) => {}
        }
        violations.check()?;
        Ok(row.category_code.clone().map(|category_code| Plain {
            code: code.clone(),
            name_zh: row.name_zh.clone(),
            name_en: (!row.name_en.is_empty()).then(|| row.name_en.clone()),
            category_code,
        }))
    }

    fn judge_known(&mut self, row: &Row, before: Price) -> Result<Outcome, Error> {
        if self.mode == Mode::InsertOnly {
            let value = before.valid_from_date.to_string();
            return Err(Error::Exists { resource: "price", field: "valid_from_date", value });
        }
        let after = convert::changed(&before, &row.patch, self.today)?;
        if after == before {
            return Ok(Outcome::Unchanged);
        }
        if self.mode == Mode::ReportDifferences {
            let fields = convert::differences(&before, &after).join(", ");
            return Err(Violation::new("price", Shared::RowDiffers).with("fields", fields).into());
        }
        self.check_free(&after, None)?;
        self.note(Some(before), after);
        Ok(Outcome::Updated)
    }

    /// A new price ends the one before it that has no end: that is what a new price book means.
    fn judge_new(&mut self, row: &Row) -> Result<Outcome, Error> {
        let read = row.patch.check_new();
        let price = row.patch.complete(read, Price::blank(guanxi_db::new_id(self.now), self.now))?;
        let earlier = self
            .of_kind(&price)
            .iter()
            .find(|one| one.valid_to_date.is_none() && one.valid_from_date < price.valid_from_date);
        let ended = earlier.map(|earlier| {
            let ended = Price { valid_to_date: Some(price.valid_from_date), ..earlier.clone() };
            (earlier.clone(), ended)
        });
        if let Some((earlier, ended)) = &ended {
            earlier.check_change(ended, self.today)?;
        }
        self.check_free(&price, ended.as_ref().map(|(earlier, _)| earlier.id))?;
        if let Some((earlier, ended)) = ended {
            self.note(Some(earlier), ended);
        }
        self.note(None, price);
        Ok(Outcome::Created)
    }

    fn of_kind(&self, price: &Price) -> &[Price] {
        let known = self.prices.get(&(price.offering_code.clone(), price.charge_kind));
        known.map(Vec::as_slice).unwrap_or_default()
    }

    /// Refuses a price that overlaps another one than the one that it ends.
    fn check_free(&self, price: &Price, ended: Option<Uuid>) -> Result<(), Error> {
        let others = self.of_kind(price).iter().filter(|other| Some(other.id) != ended && price.overlaps(other));
        match others.min_by_key(|other| other.valid_from_date) {
            Some(other) => Err(convert::overlaps(other).into()),
            None => Ok(()),
        }
    }

    /// A change, for the rows that follow too.
    fn note(&mut self, before: Option<Price>, after: Price) {
        if self.touched.iter().all(|(id, _)| *id != after.id) {
            self.touched.push((after.id, before));
        }
        let known = self.prices.entry((after.offering_code.clone(), after.charge_kind)).or_default();
        known.retain(|price| price.id != after.id);
        known.push(after);
    }

    async fn save(self, transaction: &mut Transaction) -> Result<Vec<NewEvent>, Error> {
        if self.mode == Mode::ReportDifferences {
            return Ok(Vec::new());
        }
        let mut events = offering::publish_plain(transaction, self.new_offerings, self.now).await?;
        let mut known: HashMap<Uuid, Price> =
            self.prices.into_values().flatten().map(|price| (price.id, price)).collect();
        let mut changed = Vec::with_capacity(self.touched.len());
        for (id, before) in self.touched {
            let Some(mut after) = known.remove(&id) else { continue };
            if before.is_some() {
                after.stamp().advance(self.now);
            }
            let kind = if before.is_some() { "price.updated" } else { "price.created" };
            events.push(convert::event(kind, before.as_ref(), &after));
            changed.push(after);
        }
        if !changed.is_empty() {
            store::save_all(transaction, &changed).await?;
        }
        Ok(events)
    }
}

/// The field of the row that a refusal is about, where it does not say so itself.
fn field(refusal: &Error) -> &'static str {
    match refusal {
        Error::Exists { resource: "offering", .. } => "price.offering_code",
        Error::Exists { .. } | Error::Refused(_) => "price.valid_from_date",
        _ => "price",
    }
}
