//! Wire → model: what a request makes of a lead, with everything that is wrong with it.

use guanxi_grpc::value::lines;
use guanxi_grpc::{Fields, Violation, Violations, parse_id, text};
use guanxi_proto::errors::v1::ErrorReason as Shared;
use guanxi_proto::opportunity_pipeline::v1::{self as pb, UpdateLeadRequest};
use guanxi_resource::{Error, Update, personal};
use uuid::Uuid;

use super::model::{Lead, Source};
use crate::copies::Account;
use crate::opportunity::territory_code;

/// What a request names that has to be looked up.
pub(super) struct Named {
    pub(super) account_id: Option<Uuid>,
    pub(super) owner_id: Option<Uuid>,
    pub(super) territory_code: Option<String>,
}

impl Named {
    /// The owner and the territory.
    pub(super) fn place(&self) -> (Option<Uuid>, Option<&str>) {
        (self.owner_id, self.territory_code.as_deref())
    }
}

/// What becomes of a lead, with the account that the request names.
pub(super) type Patch = Box<dyn FnOnce(Lead, Option<&Account>) -> Result<Lead, Error> + Send>;

/// A checked creation: what it names, and what becomes of a blank lead.
pub(super) fn creation(sent: Option<pb::Lead>) -> Result<(Named, Patch), Violations> {
    let sent = sent.ok_or_else(|| Violation::required("lead"))?;
    let mut fields = Fields::of_creation("lead");
    let nobody = sent.account_id.is_empty() && sent.company_name.trim().is_empty();
    let owner_id = fields.optional("owner_id", &sent.owner_id, parse_id).flatten();
    let territory_code = fields.optional("territory_code", &sent.territory_code, territory_code).flatten();
    let (account_id, patch) = patch(&mut fields, sent);
    if nobody {
        fields.keep(Err::<(), _>(Violation::required("lead.company_name")));
    }
    fields.finish(Some((Named { account_id, owner_id, territory_code }, patch)))
}

/// A checked update: the account that it names, and what becomes of the lead.
pub(super) fn update(request: UpdateLeadRequest) -> Result<(Option<Uuid>, Update<Patch>), Violations> {
    let sent = request.lead.ok_or_else(|| Violation::required("lead"))?;
    let mut fields = Fields::of_update("lead", request.update_mask);
    let (id, etag) = (fields.keep(parse_id("lead.id", &sent.id)), sent.etag.clone());
    let same = |name: &'static str, sent: String, is: fn(&Lead) -> String| (name, sent, is);
    let fixed = [
        same("owner_id", sent.owner_id.clone(), |lead| lead.owner_id.to_string()),
        same("territory_code", sent.territory_code.clone(), |lead| lead.territory_code.clone()),
    ];
    // They may be sent back as they were read, and nothing else.
    let fixed = fixed.map(|(name, sent, is)| (name, fields.read(name, !sent.is_empty(), |_| Ok(sent)), is));
    let (account_id, patch) = patch(&mut fields, sent);
    let patch = move |before: Lead, account: Option<&Account>| {
        before.check_undecided()?;
        let mut violations = Violations::default();
        for (name, sent, is) in fixed {
            if sent.is_some_and(|sent| !sent.is_empty() && sent != is(&before)) {
                let immutable = Violation::new(format!("lead.{name}"), Shared::Immutable);
                violations.push(immutable.with("value", is(&before)));
            }
        }
        violations.check()?;
        patch(before, account)
    };
    fields.finish(id.map(|id| (account_id, Update { id, etag, patch: Box::new(patch) as Patch })))
}

/// Reads the fields that a creation and an update have in common: the account that is named, and what becomes of a lead.
fn patch(fields: &mut Fields, sent: pb::Lead) -> (Option<Uuid>, Patch) {
    let title = fields.required("title", &sent.title, |field, value| text(field, value, 1, 200));
    let source = fields.read("source", sent.source != 0, |field| {
        Source::read(field, sent.source)?.ok_or_else(|| Violation::required(field))
    });
    let source_reference = fields.optional_text("source_reference", &sent.source_reference, 100);
    let account_id = fields.optional("account_id", &sent.account_id, parse_id);
    let company_name = fields.optional_text("company_name", &sent.company_name, 200);
    let contact_name = fields.optional("contact_name", &sent.contact_name, personal::name);
    let contact_phone = fields.optional("contact_phone", &sent.contact_phone, personal::phone);
    let description = &sent.description;
    let description = fields.read("description", !description.is_empty(), |field| lines(field, description, 2_000));
    let score = fields.optional_number("score", sent.score, 0, 100);
    let tags = fields.texts("tags", sent.tags, 20, 50);
    let patch = move |before: Lead, account: Option<&Account>| {
        let (account_name, account_tier, account_industry_code) = match account_id {
            None => (before.account_name, before.account_tier, before.account_industry_code),
            Some(_) => (
                account.map(|account| account.legal_name.clone()),
                account.and_then(|account| account.tier.clone()),
                account.and_then(|account| account.industry_code.clone()),
            ),
        };
        let after = Lead {
            title: title.unwrap_or(before.title),
            source: source.unwrap_or(before.source),
            source_reference: source_reference.map_or(before.source_reference, Option::unwrap_or_default),
            account_id: account_id.unwrap_or(before.account_id),
            account_name,
            account_tier,
            account_industry_code,
            company_name: company_name.map_or(before.company_name, Option::unwrap_or_default),
            contact_name: contact_name.map_or(before.contact_name, Option::unwrap_or_default),
            contact_phone: contact_phone.unwrap_or(before.contact_phone),
            description: description.unwrap_or(before.description),
            score: score.unwrap_or(before.score),
            tags: tags.unwrap_or(before.tags),
            ..before
        };
        Ok(after.settled()?)
    };
    (account_id.flatten(), Box::new(patch))
}
