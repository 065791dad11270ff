//! Who sees the history of what.

use guanxi_auth::Role;
use guanxi_proto::opportunity_pipeline::v1::*;
use guanxi_test_support::contract::{INSIDE, OUTSIDE};
use guanxi_test_support::rows;
use serde_json::json;
use sqlx::Row;
use tonic::Code;

use crate::fixtures::made;
use crate::support::{E1000, E1001, Service, named, opportunity, refusal};

#[tokio::test]
async fn a_history_is_seen_by_whoever_sees_the_opportunity() {
    let service = Service::start().await;
    let own = service.opportunity(opportunity("一", INSIDE)).await.unwrap();
    let other = Opportunity { owner_id: E1001.to_owned(), ..opportunity("二", INSIDE) };
    let other = service.opportunity(other).await.unwrap();
    let outside = service.opportunity(opportunity("三", OUTSIDE)).await.unwrap();
    let need = json!({"need": {"opportunityId": other.id, "text": "需求"}});
    let need = made(&service, "NeedService/CreateNeed", need).await;
    let lead = json!({"title": "线索", "companyName": "某公司", "source": "LEAD_SOURCE_PORTAL", "ownerId": E1001});
    let lead = made(&service, "LeadService/CreateLead", json!({ "lead": lead })).await;
    let agent = service.manager("E1000");
    let supervisor = service.token(Role::Supervisor, INSIDE.city);
    let subject = |opportunity: &Opportunity| format!("opportunity/{}", opportunity.id);
    let created = named(&[("created", "")]);
    assert_eq!(service.history(&subject(&own), &agent).await.unwrap(), created);
    for seen in [&own, &other] {
        assert_eq!(service.history(&subject(seen), &supervisor).await.unwrap(), created);
    }
    let hidden = [
        (subject(&other), &agent),
        (subject(&outside), &agent),
        (subject(&outside), &supervisor),
        (format!("need/{need}"), &agent),
        (format!("lead/{lead}"), &agent),
        (format!("secret/{need}"), &supervisor),
    ];
    for (subject, token) in hidden {
        let status = service.history(&subject, token).await.unwrap_err();
        assert_eq!(refusal(&status), (Code::NotFound, "RESOURCE_NOT_FOUND".to_owned()), "{subject}");
    }
    for subject in [format!("need/{need}"), format!("lead/{lead}")] {
        assert_eq!(service.history(&subject, &supervisor).await.unwrap(), created, "{subject}");
    }
    // Whoever comes into the team sees what was before.
    let team = vec![OpportunityTeamMember { account_manager_id: E1000.to_owned(), role: 2, ..Default::default() }];
    service.update(Opportunity { team, ..other.clone() }, &["team"]).await.unwrap();
    assert_eq!(service.history(&subject(&other), &agent).await.unwrap().len(), 2);
    let standard = "select id::text from opportunity_pipeline.pipeline where code = 'STANDARD'";
    let standard: String = rows(&mut service.database.admin().await, standard.to_owned()).await[0].get(0);
    assert_eq!(service.history(&format!("pipeline/{standard}"), &agent).await.unwrap(), created);
}
