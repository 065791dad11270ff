//! Names and numbers of persons at leads: whole for those who meet the customer, masked for the others, in no event for anybody.

use guanxi_auth::Role;
use guanxi_proto::opportunity_pipeline::v1::*;
use guanxi_test_support::contract::INSIDE;
use guanxi_test_support::contract::personal::{PERSON, SECRET, personal_values};
use guanxi_test_support::number;
use serde_json::json;

use crate::fixtures::{Need, made, part};
use crate::support::{Service, lead, violations};
use crate::wire::{self, Caller};

const PHONE: &str = "+8613800138765";

/// Fills in the person at what a fixture needs.
pub(crate) async fn with_person(service: &Service, need: Need, fresh: &str, person: &str) {
    let (id, named) = (json!({ "id": fresh }), |id: &str| {
        let contact = json!({"id": id, "contactName": person, "contactPhone": PHONE});
        json!({ "lead": contact })
    });
    match need {
        Need::Lead | Need::LeadPair => {
            made(service, "LeadService/UpdateLead", named(part(fresh, 0))).await;
        }
        // They cannot be changed while they are decided or deleted.
        Need::DisqualifiedLead => {
            made(service, "LeadService/ReopenLead", json!({"id": fresh, "reason": "又"})).await;
            made(service, "LeadService/UpdateLead", named(fresh)).await;
            let why = json!({"id": fresh, "disqualifyReason": "DISQUALIFY_REASON_NO_NEED"});
            made(service, "LeadService/DisqualifyLead", why).await;
        }
        Need::DeletedLead => {
            made(service, "LeadService/UndeleteLead", id.clone()).await;
            made(service, "LeadService/UpdateLead", named(fresh)).await;
            made(service, "LeadService/DeleteLead", id).await;
        }
        // Nothing else has a person.
        _ => {}
    }
}

#[tokio::test]
async fn persons_are_in_no_event_for_anybody() {
    let service = Service::start().await;
    let contact = Lead { contact_name: PERSON.to_owned(), contact_phone: PHONE.to_owned(), ..lead("专线", INSIDE) };
    let id = service.lead(contact).await.unwrap().id;
    made(&service, "LeadService/UpdateLead", json!({"lead": {"id": id, "contactName": "诸葛另一机密"}})).await;
    made(&service, "LeadService/QualifyLead", json!({ "id": id })).await;
    let subject = json!({"subject": format!("lead/{id}")});
    for role in [Role::Administrator, Role::Auditor, Role::Director, Role::Service] {
        let token = service.token(role, "*");
        for (method, request) in
            [("EventFeedService/Follow", json!({})), ("ChangeService/ListChanges", subject.clone())]
        {
            let Ok(answers) = wire::ask(&service, Caller::with(&token), &wire::method(method), &request).await else {
                continue;
            };
            for answer in &answers {
                assert_eq!(personal_values(answer), [], "{method} as {role}");
                let secret = |text: &str| text.contains(SECRET) || text.contains("机密") || text.contains(PHONE);
                let told = wire::texts(answer).into_iter().find(|(_, text)| secret(text));
                assert_eq!(told, None, "{method} as {role}");
            }
            // That the person changed is told, not to whom.
            let changes = answers.iter().filter(|answer| answer.to_string().contains("contact_name")).count();
            assert!(changes > 0 || method.starts_with("Change"), "{method} as {role}");
        }
    }
    // Nor is it in the table that events are read from.
    let mut connection = service.database.admin().await;
    for secret in ["机密", PHONE] {
        let rows = number(
            &mut connection,
            format!(
                "select count(*) from opportunity_pipeline.event \
                 where encode(payload, 'escape') like '%' || encode(convert_to('{secret}', 'UTF8'), 'escape') || '%'"
            ),
        );
        assert_eq!(rows.await, 0);
    }
}

#[tokio::test]
async fn what_was_read_masked_is_not_written_back_and_a_refusal_tells_no_number() {
    let service = Service::start().await;
    let contact = Lead { contact_name: PERSON.to_owned(), contact_phone: PHONE.to_owned(), ..lead("专线", INSIDE) };
    let id = service.lead(contact).await.unwrap().id;
    let token = service.token(Role::Analyst, INSIDE.city);
    let request = crate::support::with(GetLeadRequest { id: id.clone() }, &token);
    let masked = service.leads().get_lead(request).await.unwrap().into_inner().lead.unwrap();
    assert_eq!((masked.contact_name.as_str(), masked.contact_phone.as_str()), ("欧*****", "+*************"));
    let request = UpdateLeadRequest { lead: Some(masked), ..Default::default() };
    let refused = service.leads().update_lead(service.as_admin(request)).await.unwrap_err();
    let fields: Vec<String> = violations(&refused).into_iter().map(|(field, _)| field).collect();
    assert_eq!(fields, ["lead.contact_name", "lead.contact_phone"]);
    let wrong = Lead { id, contact_phone: "13800138765".to_owned(), ..Default::default() };
    let request = UpdateLeadRequest { lead: Some(wrong), ..Default::default() };
    let refused = service.leads().update_lead(service.as_admin(request)).await.unwrap_err();
    let bytes = String::from_utf8_lossy(refused.details()).into_owned();
    assert!(!bytes.contains("13800138765") && !refused.message().contains("13800138765"));
}
