//! What the rows of an import name, looked up together.

use std::collections::HashMap;

use guanxi_db::PgConnection;
use guanxi_resource::Error;
use uuid::Uuid;

use super::{Account, Copies, Manager, Offering, account, account_manager};

/// The id of something in another system: the system and the id there.
pub(crate) type ExternalId = (String, String);

/// What rows name.
#[derive(Default)]
pub(crate) struct Names {
    pub(crate) accounts: Vec<Uuid>,
    pub(crate) external_ids: Vec<ExternalId>,
    pub(crate) managers: Vec<Uuid>,
    pub(crate) employee_numbers: Vec<String>,
    pub(crate) offering_codes: Vec<String>,
}

/// What is known of it; what is not there is missing.
#[derive(Default)]
pub(crate) struct Known {
    pub(crate) accounts: HashMap<Uuid, Account>,
    pub(crate) external_ids: HashMap<ExternalId, Uuid>,
    pub(crate) managers: HashMap<Uuid, Manager>,
    pub(crate) employee_numbers: HashMap<String, Uuid>,
    pub(crate) offerings: HashMap<String, Offering>,
}

impl Known {
    /// True where everything of client-registry is there.
    fn covers(&self, names: &Names) -> bool {
        names.accounts.iter().all(|id| self.accounts.contains_key(id))
            && names.external_ids.iter().all(|id| self.external_ids.contains_key(id))
            && names.managers.iter().all(|id| self.managers.contains_key(id))
            && names.employee_numbers.iter().all(|number| self.employee_numbers.contains_key(number))
    }
}

impl Copies {
    /// What is known of the names, in a fixed number of statements; where something is missing, once the feeds are caught up with.
    pub(crate) async fn known(&self, names: &Names) -> Result<Known, Error> {
        let offerings = self.offerings(&names.offering_codes).await?;
        let found = self.read(names).await?;
        let found = match &self.registry {
            Some(registry) if !found.covers(names) && registry.catch_up().await => self.read(names).await?,
            _ => found,
        };
        Ok(Known { offerings, ..found })
    }

    /// What is in the copies of client-registry.
    async fn read(&self, names: &Names) -> Result<Known, Error> {
        let mut connection = self.database.connection().await?;
        let external_ids = account::ids_of(&mut connection, &names.external_ids).await?;
        let ids: Vec<Uuid> = names.accounts.iter().chain(external_ids.values()).copied().collect();
        let accounts = account::find_all(&mut connection, &ids).await?;
        let managers = account_manager::find_named(&mut connection, &names.managers, &names.employee_numbers).await?;
        connection.release();
        Ok(Known {
            accounts: accounts.into_iter().map(|account| (account.id, account)).collect(),
            external_ids,
            employee_numbers: managers.iter().map(|each| (each.employee_number.clone(), each.id)).collect(),
            managers: managers.into_iter().map(|manager| (manager.id, manager)).collect(),
            offerings: HashMap::new(),
        })
    }
}

/// The paths of territories for what is placed in them: they do not move until the transaction ends. What is not there is missing.
pub(crate) async fn lock_territories(
    connection: &mut PgConnection,
    codes: &[String],
) -> Result<HashMap<String, String>, Error> {
    let found = sqlx::query!(
        "select code, path from opportunity_pipeline.territory where code = any($1) order by code for share",
        codes,
    );
    Ok(found.fetch_all(connection).await?.into_iter().map(|row| (row.code, row.path)).collect())
}
