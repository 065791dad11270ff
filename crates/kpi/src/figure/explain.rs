//! Explanations: what is behind one figure.

use guanxi_filter::{page_place, page_token};
use guanxi_grpc::{Call, Violation, Violations, day, text};
use guanxi_proto::errors::v1::ErrorReason as Shared;
use guanxi_proto::kpi::v1::{
    ExplainIndicatorRequest, ExplainIndicatorResponse, FigureFact, FigureMeasure, FigureQuestion,
};
use guanxi_resource::{Error, Resources};
use prost::Message as _;
use time::Date;

use super::answer::{Desk, Row, answer_at, span};
use super::convert::{decimal, figure, page_size, question};
use super::place::Places;
use super::question::{By, Question, later};
use super::store::{self, Counting, Ended, Shown};
use crate::fact::UNDATED;
use crate::indicator::wire;

/// Facts of a page if the request does not say, and most facts.
const PAGE: (i32, i32) = (100, 1_000);
/// What stands between the parts of the place where a page ended.
const BETWEEN: char = '\u{1f}';

/// What is behind a figure.
pub(crate) async fn explain(
    resources: &Resources,
    call: &Call,
    request: &ExplainIndicatorRequest,
) -> Result<ExplainIndicatorResponse, Error> {
    let asked = question(request.question.as_ref())?;
    let paging = Paging::read(request)?;
    let mut desk = Desk::open(resources, call, &asked.indicator_code).await?;
    let places = Places::of(resources, &mut desk.transaction, call, &asked).await?;
    let found = answer_at(&mut desk, &places, &asked).await?;
    let rows: Vec<&Row> = found.rows.iter().filter(|row| row.key == request.key).collect();
    if rows.is_empty() && asked.by != By::Whole {
        return Err(Error::not_found("figure", &request.key));
    }
    let (facts, next_page_token) = paging.facts(&mut desk, &places, &asked, &request.key).await?;
    let measures = rows.iter().flat_map(|row| {
        row.measures.iter().map(|(code, value)| FigureMeasure {
            measure_code: code.clone(),
            value: decimal(Some(*value)),
            currency_code: row.currency_code.clone(),
        })
    });
    Ok(ExplainIndicatorResponse {
        indicator: Some(wire(&found.indicator)),
        figures: rows.iter().map(|row| figure(row)).collect(),
        measures: measures.collect(),
        facts: facts.into_iter().map(fact).collect(),
        next_page_token,
    })
}

fn fact(shown: Shown) -> FigureFact {
    FigureFact {
        measure_code: shown.measure,
        subject: shown.subject,
        date: day::wire(Some(shown.day).filter(|day| *day != UNDATED)),
        territory_code: shown.territory_code,
        manager_id: shown.manager_id.map(|id| id.to_string()).unwrap_or_default(),
        account_id: shown.account_id.map(|id| id.to_string()).unwrap_or_default(),
        value: decimal(Some(shown.value)),
        currency_code: shown.currency_code,
    }
}

/// Which page of facts.
struct Paging {
    size: usize,
    query: [String; 3],
    after: Option<Ended>,
}

impl Paging {
    fn read(request: &ExplainIndicatorRequest) -> Result<Self, Violations> {
        let mut wrong = Violations::default();
        wrong.keep(text("key", &request.key, 0, 100));
        let size = wrong.keep(page_size(request.page_size, PAGE));
        let question = request.question.as_ref().map(FigureQuestion::encode_to_vec).unwrap_or_default();
        let query = ["facts".to_owned(), request.key.clone(), format!("{question:?}")];
        let place = wrong.keep(page_place(&query.each_ref().map(String::as_str), &request.page_token));
        let invalid = || Violation::new("page_token", Shared::PageTokenInvalid);
        let after = place.filter(|place| !place.is_empty()).map(|place| ended(&place).ok_or_else(invalid));
        let after = wrong.keep(after.transpose());
        match (size, after) {
            (Some(size), Some(after)) if wrong.is_empty() => Ok(Self { size, query, after }),
            _ => Err(wrong),
        }
    }

    /// A page of the facts behind a figure, and the token of the next one.
    async fn facts(
        &self,
        desk: &mut Desk<'_>,
        places: &Places,
        question: &Question,
        key: &str,
    ) -> Result<(Vec<Shown>, String), Error> {
        let narrowed = narrowed(question, key);
        let path = if question.by == By::Territory { desk.resources.paths().path_of(key) } else { None };
        let direct = path.is_some() && path == places.rest;
        let mut only = narrowed.only.clone();
        only.extend(direct.then(|| (By::Territory, key.to_owned())));
        let within =
            |scope: &guanxi_auth::Scope| path.as_ref().map_or_else(|| scope.clone(), |path| scope.within(path));
        let mut found = Vec::new();
        let limit = i64::try_from(self.size).unwrap_or(i64::MAX) + 1;
        let nothing = guanxi_auth::Scope::nothing();
        let own = places.own.as_ref().map(|(within, manager)| (within, &places.everything, Some(*manager)));
        for stock in [false, true] {
            let measures = desk.formula.measures().into_iter().filter(|measure| measure.stock == stock);
            let measures: Vec<String> = measures.map(|measure| measure.code.to_owned()).collect();
            let span = if key.is_empty() && question.by.is_time() { undated() } else { span(&narrowed, stock) };
            for (seen, without, manager_id) in [(&places.everything, &nothing, None)].into_iter().chain(own) {
                if measures.is_empty() || seen.is_nothing() {
                    continue;
                }
                let counting = Counting {
                    measures: &measures,
                    within: within(seen),
                    without: without.clone(),
                    manager_id,
                    only: &only,
                };
                let page = (self.after.as_ref(), limit);
                found.extend(store::page(&mut desk.transaction, &counting, &span, page).await?);
            }
        }
        found.sort_by(|one, other| other.day.cmp(&one.day).then_with(|| place(one).cmp(&place(other))));
        let more = found.len() > self.size;
        found.truncate(self.size);
        let query = self.query.each_ref().map(String::as_str);
        let token = found.last().filter(|_| more).map(|last| page_token(&query, &token(last)));
        Ok((found, token.unwrap_or_default()))
    }
}

/// Only what has no date.
fn undated() -> super::span::Span {
    super::span::Span { months: (UNDATED, UNDATED), days: vec![(UNDATED, UNDATED)] }
}

/// The question that asks for one figure of another alone.
fn narrowed(question: &Question, key: &str) -> Question {
    let whole = Question { by: By::Whole, ..question.clone() };
    match question.by {
        By::Whole | By::Territory => whole,
        by if by.is_time() => {
            let first = by.first_day(key);
            let last = first.and_then(|first| later(first, by.months())).and_then(Date::previous_day);
            let latest = |one: Option<Date>, other: Option<Date>| one.max(other);
            let earliest = |one: Option<Date>, other: Option<Date>| one.into_iter().chain(other).min();
            Question { from: latest(question.from, first), to: earliest(question.to, last), ..whole }
        }
        by => {
            let mut only = question.only.clone();
            only.push((by, key.to_owned()));
            Question { only, ..whole }
        }
    }
}

/// The order of facts of one day.
fn place(shown: &Shown) -> (&str, &str, i64, &str, String, String) {
    let id = |id: Option<uuid::Uuid>| id.map(|id| id.to_string()).unwrap_or_default();
    let (manager, account) = (id(shown.manager_id), id(shown.account_id));
    (&shown.subject, &shown.measure, shown.digest, &shown.territory_code, manager, account)
}

fn token(last: &Shown) -> String {
    let (subject, measure, digest, territory, manager, account) = place(last);
    let parts = [&last.day.to_string(), subject, measure, &digest.to_string(), territory, &manager, &account];
    parts.join(&BETWEEN.to_string())
}

fn ended(place: &str) -> Option<Ended> {
    let parts: Vec<&str> = place.split(BETWEEN).collect();
    let [day, subject, measure, digest, territory, manager, account] = parts.as_slice() else { return None };
    Some(Ended {
        day: day::parse("", day).ok()?,
        subject: (*subject).to_owned(),
        measure: (*measure).to_owned(),
        digest: digest.parse().ok()?,
        territory_code: (*territory).to_owned(),
        manager_id: (*manager).to_owned(),
        account_id: (*account).to_owned(),
    })
}
