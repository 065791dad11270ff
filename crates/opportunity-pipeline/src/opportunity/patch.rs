//! Wire → model: what a request makes of an opportunity, with everything that is wrong with it.

use std::collections::HashMap;

use guanxi_grpc::value::{code, lines, money};
use guanxi_grpc::{Fields, Violation, Violations, day, number, parse_id, text};
use guanxi_proto::errors::v1::ErrorReason as Shared;
use guanxi_proto::opportunity_pipeline::v1::{self as pb, ErrorReason, UpdateOpportunityRequest};
use guanxi_resource::{Deletable, Error, Update};
use rust_decimal::Decimal;
use sqlx::types::Json;
use time::Date;
use uuid::Uuid;

use super::model::{
    Competitor, FactorKind, Intent, KeySuccessFactor, Kind, Line, Opportunity, State, TeamMember, TeamRole,
};
use crate::copies::{Account, Manager, Offering};
use crate::error::reason;
use crate::pipeline::{ForecastCategory, STANDARD};

/// What a request names that has to be looked up.
#[derive(Default)]
pub(super) struct Named {
    pub(super) account_id: Option<Uuid>,
    pub(super) owner_id: Option<Uuid>,
    pub(super) territory_code: Option<String>,
    pub(super) pipeline_code: String,
    pub(super) lines: Option<Vec<Line>>,
    pub(super) team: Option<Vec<TeamMember>>,
}

impl Named {
    /// The owner and the territory.
    pub(super) fn place(&self) -> (Option<Uuid>, Option<&str>) {
        (self.owner_id, self.territory_code.as_deref())
    }
}

/// What was found of it.
pub(super) struct Found {
    pub(super) account: Option<Account>,
    pub(super) managers: HashMap<Uuid, Manager>,
    pub(super) offerings: HashMap<String, Offering>,
    pub(super) today: Date,
}

/// What becomes of an opportunity by what was found.
pub(super) type Patch = Box<dyn FnOnce(Opportunity, &Found) -> Result<Opportunity, Error> + Send + Sync>;

/// A checked creation: what it names, and what becomes of a blank opportunity.
pub(super) fn creation(sent: Option<pb::Opportunity>) -> Result<(Named, Patch), Violations> {
    let sent = sent.ok_or_else(|| Violation::required("opportunity"))?;
    let mut fields = Fields::of_creation("opportunity");
    let owner_id = fields.optional("owner_id", &sent.owner_id, parse_id).flatten();
    let territory_code = fields.optional("territory_code", &sent.territory_code, territory_code).flatten();
    let pipeline_code = fields.optional("pipeline_code", &sent.pipeline_code, code).flatten();
    let (named, patch) = patch(&mut fields, sent);
    let pipeline_code = pipeline_code.unwrap_or_else(|| STANDARD.to_owned());
    let named = Named { owner_id, territory_code, pipeline_code, ..named };
    fields.finish(Some((named, patch)))
}

/// A checked update: what it names, and what becomes of the opportunity.
pub(super) fn update(request: UpdateOpportunityRequest) -> Result<(Named, Update<Patch>), Violations> {
    let sent = request.opportunity.ok_or_else(|| Violation::required("opportunity"))?;
    let mut fields = Fields::of_update("opportunity", request.update_mask);
    let (id, etag) = (fields.keep(parse_id("opportunity.id", &sent.id)), sent.etag.clone());
    let same = |name: &'static str, sent: String, is: fn(&Opportunity) -> String| (name, sent, is);
    let fixed = [
        same("owner_id", sent.owner_id.clone(), |opportunity| opportunity.owner_id.to_string()),
        same("territory_code", sent.territory_code.clone(), |opportunity| opportunity.territory_code.clone()),
        same("pipeline_code", sent.pipeline_code.clone(), |opportunity| opportunity.pipeline_code.clone()),
    ];
    // They may be sent back as they were read, and nothing else.
    let fixed = fixed.map(|(name, sent, is)| (name, fields.read(name, !sent.is_empty(), |_| Ok(sent)), is));
    let (named, patch) = patch(&mut fields, sent);
    let patch = move |before: Opportunity, found: &Found| {
        before.check_live()?;
        if before.state == State::Lost {
            return Err(Error::StateForbids { state: "LOST", expected: "OPEN, WON, SUSPENDED" });
        }
        let mut violations = Violations::default();
        for (name, sent, is) in fixed {
            if sent.is_some_and(|sent| !sent.is_empty() && sent != is(&before)) {
                let immutable = Violation::new(format!("opportunity.{name}"), Shared::Immutable);
                violations.push(immutable.with("value", is(&before)));
            }
        }
        violations.check()?;
        patch(before, found)
    };
    let patch: Patch = Box::new(patch);
    fields.finish(id.map(|id| (named, Update { id, etag, patch })))
}

/// What the fields that a creation and an update have in common say; `None` where the request leaves one alone.
#[expect(clippy::option_option, reason = "left alone, or emptied")]
struct Values {
    title: Option<String>,
    account_id: Option<Option<Uuid>>,
    kind: Option<Option<Kind>>,
    amount: Option<Option<(Decimal, String)>>,
    probability_percent: Option<Option<i32>>,
    forecast_category: Option<Option<ForecastCategory>>,
    expected_close_date: Option<Option<Date>>,
    intent: Option<Option<Intent>>,
    lines: Option<Vec<Line>>,
    competitors: Option<Vec<Competitor>>,
    team: Option<Vec<TeamMember>>,
    key_success_factors: Option<Vec<KeySuccessFactor>>,
    flagship: Option<bool>,
    description: Option<String>,
    tags: Option<Vec<String>>,
}

/// Reads the fields that a creation and an update have in common.
pub(super) fn patch(fields: &mut Fields, sent: pb::Opportunity) -> (Named, Patch) {
    let amount = sent.amount.as_ref();
    let values = Values {
        title: fields.required("title", &sent.title, |field, value| text(field, value, 1, 200)),
        account_id: fields.optional("account_id", &sent.account_id, parse_id),
        kind: fields.read("kind", sent.kind != 0, |field| Kind::read(field, sent.kind)),
        amount: fields.read("amount", amount.is_some(), |field| amount.map(|sum| money(field, sum)).transpose()),
        probability_percent: fields.optional_number("probability_percent", sent.probability_percent, 0, 100),
        forecast_category: fields.read("forecast_category", sent.forecast_category != 0, |field| {
            ForecastCategory::read(field, sent.forecast_category)
        }),
        expected_close_date: fields.optional("expected_close_date", &sent.expected_close_date, day::parse),
        intent: fields.read("intent", sent.intent != 0, |field| Intent::read(field, sent.intent)),
        lines: fields.list(
            "lines",
            sent.lines,
            100,
            |field, sent| line(field, &sent),
            |line| line.offering_code.clone(),
        ),
        competitors: fields.list(
            "competitors",
            sent.competitors,
            20,
            |field, sent| competitor(field, &sent),
            |each| each.name.clone(),
        ),
        team: fields.list(
            "team",
            sent.team,
            30,
            |field, sent| member(field, &sent),
            |each| format!("{} {:?}", each.account_manager_id, each.role),
        ),
        key_success_factors: fields.list(
            "key_success_factors",
            sent.key_success_factors,
            30,
            |field, sent| factor(field, &sent),
            |each| each.text.clone(),
        ),
        flagship: fields.read("flagship", sent.flagship, |_| Ok(sent.flagship)),
        description: fields
            .read("description", !sent.description.is_empty(), |field| lines(field, &sent.description, 2_000)),
        tags: fields.texts("tags", sent.tags, 20, 50),
    };
    let (lines, team) = (values.lines.clone(), values.team.clone());
    let named = Named { account_id: values.account_id.flatten(), lines, team, ..Named::default() };
    (named, Box::new(move |before, found| values.applied(before, found)))
}

impl Values {
    /// The opportunity with these values, as far as what they name was found.
    fn applied(self, before: Opportunity, found: &Found) -> Result<Opportunity, Error> {
        let mut violations = Violations::default();
        let currency_code = currency(&before, self.amount.as_ref(), self.lines.as_deref(), found);
        let lines = self.lines.map(|lines| priced(&mut violations, lines, &before, currency_code.as_deref(), found));
        let team = self.team.map(|team| introduced(&mut violations, team, found));
        violations.check()?;
        let after = Opportunity {
            title: self.title.unwrap_or(before.title),
            account_id: self.account_id.unwrap_or(before.account_id),
            kind: self.kind.map_or(before.kind, |kind| kind.unwrap_or(Kind::New)),
            amount: self.amount.map_or(before.amount, |amount| amount.map(|(amount, _)| amount)),
            currency_code,
            probability_percent: self.probability_percent.unwrap_or(before.probability_percent),
            forecast_category: self.forecast_category.unwrap_or(before.forecast_category),
            expected_close_date: self.expected_close_date.unwrap_or(before.expected_close_date),
            intent: self.intent.unwrap_or(before.intent),
            lines: lines.map_or(before.lines, Json),
            competitors: self.competitors.map_or(before.competitors, Json),
            team: team.map_or(before.team, Json),
            key_success_factors: self.key_success_factors.map_or(before.key_success_factors, Json),
            flagship: self.flagship.unwrap_or(before.flagship),
            description: self.description.unwrap_or(before.description),
            tags: self.tags.unwrap_or(before.tags),
            ..before
        };
        let after = if self.account_id.is_some() { after.with_account(found.account.as_ref()) } else { after };
        Ok(after.settled())
    }
}

/// The currency of an opportunity: of the amount that is sent, else what it has been in, else that of the first line with a price.
fn currency(
    before: &Opportunity,
    sent: Option<&Option<(Decimal, String)>>,
    lines: Option<&[Line]>,
    found: &Found,
) -> Option<String> {
    let sent = sent.and_then(|sent| sent.as_ref()).map(|(_, currency_code)| currency_code.clone());
    let priced = || {
        let mut offerings = lines?.iter().filter_map(|line| found.offerings.get(&line.offering_code));
        offerings.find_map(|offering| offering.currency_on(found.today))
    };
    sent.or_else(|| before.currency_code.clone()).or_else(priced)
}

/// The lines with their names and today's list amounts; a line that is as it was keeps what it had.
fn priced(
    violations: &mut Violations,
    lines: Vec<Line>,
    before: &Opportunity,
    currency_code: Option<&str>,
    found: &Found,
) -> Vec<Line> {
    let mut priced = Vec::with_capacity(lines.len());
    for (index, line) in lines.into_iter().enumerate() {
        let field = format!("opportunity.lines[{index}].offering_code");
        let same = |old: &&Line| {
            (&old.offering_code, old.quantity, old.term_months)
                == (&line.offering_code, line.quantity, line.term_months)
        };
        if let Some(old) = before.lines.iter().find(same).filter(|_| before.currency_code.as_deref() == currency_code) {
            priced.push(old.clone());
            continue;
        }
        let Some(offering) = found.offerings.get(&line.offering_code).filter(|offering| offering.on_sale) else {
            let unknown = Violation::new(field, reason(ErrorReason::OfferingUnknown));
            violations.push(unknown.with("value", &line.offering_code));
            continue;
        };
        let list_amount = offering.list_amount(line.quantity, line.term_months, currency_code, found.today);
        if let (None, Some(other)) = (list_amount, offering.currency_on(found.today)) {
            let mixed = Violation::new(field, reason(ErrorReason::CurrenciesMixed)).with("value", other);
            violations.push(mixed.with("expected", currency_code.unwrap_or_default()));
        }
        priced.push(Line { offering_name: offering.name_zh.clone(), list_amount, ..line });
    }
    priced
}

/// The team with employee numbers.
fn introduced(violations: &mut Violations, team: Vec<TeamMember>, found: &Found) -> Vec<TeamMember> {
    let mut introduced = Vec::with_capacity(team.len());
    for (index, member) in team.into_iter().enumerate() {
        if let Some(manager) = found.managers.get(&member.account_manager_id) {
            introduced.push(TeamMember { employee_number: manager.employee_number.clone(), ..member });
        } else {
            let field = format!("opportunity.team[{index}].account_manager_id");
            violations.push(unknown_manager(field, member.account_manager_id));
        }
    }
    introduced
}

/// There is no such account manager.
pub(super) fn unknown_manager(field: impl Into<String>, id: Uuid) -> Violation {
    Violation::new(field, reason(ErrorReason::ManagerUnknown)).with("value", id)
}

fn line(field: &str, sent: &pb::OpportunityLine) -> Result<Line, Violation> {
    Ok(Line {
        offering_code: code(&format!("{field}.offering_code"), &sent.offering_code)?,
        offering_name: String::new(),
        quantity: match sent.quantity {
            0 => 1,
            quantity => number(&format!("{field}.quantity"), quantity, 1, 1_000_000_000)?,
        },
        term_months: number(&format!("{field}.term_months"), sent.term_months, 0, 120)?,
        list_amount: None,
    })
}

fn competitor(field: &str, sent: &pb::OpportunityCompetitor) -> Result<Competitor, Violation> {
    let price = sent.price.as_ref().map(|price| money(&format!("{field}.price"), price)).transpose()?;
    let (price, currency_code) = price.unzip();
    let name = text(&format!("{field}.name"), &sent.name, 1, 100)?;
    Ok(Competitor { name, offer: lines(&format!("{field}.offer"), &sent.offer, 500)?, price, currency_code })
}

fn member(field: &str, sent: &pb::OpportunityTeamMember) -> Result<TeamMember, Violation> {
    let role_field = format!("{field}.role");
    let role = TeamRole::read(&role_field, sent.role)?.ok_or_else(|| Violation::required(role_field))?;
    let account_manager_id = parse_id(&format!("{field}.account_manager_id"), &sent.account_manager_id)?;
    Ok(TeamMember { account_manager_id, employee_number: String::new(), role })
}

fn factor(field: &str, sent: &pb::KeySuccessFactor) -> Result<KeySuccessFactor, Violation> {
    let kind = FactorKind::read(&format!("{field}.kind"), sent.kind)?.unwrap_or(FactorKind::SuccessFactor);
    Ok(KeySuccessFactor { text: text(&format!("{field}.text"), &sent.text, 1, 300)?, kind, met: sent.met })
}

/// The code of a territory.
pub(crate) fn territory_code(field: &str, value: &str) -> Result<String, Violation> {
    match code(field, value)? {
        code if code.len() <= 32 && !code.contains('-') => Ok(code),
        _ => Err(Violation::new(field, Shared::Format)
            .with("value", value)
            .with("expected", "1 to 32 letters, digits and _")),
    }
}
