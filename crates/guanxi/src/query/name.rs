//! Names of persons: kpi knows account managers by number only, client-registry by name.

use std::collections::HashMap;

use guanxi_proto::client_registry::v1::ListAccountManagersRequest;
use guanxi_proto::client_registry::v1::account_manager_service_client::AccountManagerServiceClient;
use guanxi_proto::kpi::v1::Figure;
use guanxi_proto::r#type::v1::LocalizedText;

use super::TTL;
use crate::cluster::Target;
use crate::import::request;
use crate::service::Service;
use crate::terminal::remark;
use crate::wording::{Failure, Language, pick};

const PAGE: i32 = 1_000;

/// Calls the managers by their names, as far as the caller may see them. Where client-registry is away the numbers stay.
pub(super) async fn managers(target: &Target, language: Language, figures: &mut [Figure]) {
    match names(target, language).await {
        Ok(names) => {
            for figure in figures {
                if let Some(name) = names.get(&figure.key) {
                    figure.name = Some(LocalizedText { zh: name.clone(), en: String::new() });
                }
            }
        }
        Err(problem) => {
            let said = pick(language, "客户经理以工号显示", "account managers are shown by number");
            remark(&format!("{said}: {problem}"));
        }
    }
}

/// The names of the managers whom the caller sees, by id. Those that are masked are left out.
async fn names(target: &Target, language: Language) -> Result<HashMap<String, String>, Box<dyn std::error::Error>> {
    let mut client = AccountManagerServiceClient::new(target.connect(Service::ClientRegistry).await?);
    let token = target.token(Service::ClientRegistry, TTL)?;
    let mut message = ListAccountManagersRequest { page_size: PAGE, show_deleted: true, ..Default::default() };
    let mut names = HashMap::new();
    loop {
        let asked = request(message.clone(), &token, language)?;
        let page = client.list_account_managers(asked).await.map_err(|status| Failure::status(&status))?.into_inner();
        let whole = page.account_managers.into_iter().filter(|manager| !manager.name.contains('*'));
        names.extend(whole.map(|manager| (manager.id, manager.name)));
        if page.next_page_token.is_empty() {
            return Ok(names);
        }
        message.page_token = page.next_page_token;
    }
}
