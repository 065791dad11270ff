//! What rows name, against what is known.

use std::collections::{HashMap, HashSet};

use guanxi_auth::Scope;
use guanxi_db::PgConnection;
use guanxi_grpc::Violations;
use guanxi_grpc::value::unknown;
use uuid::Uuid;

use super::model::{Key, Measurement};
use super::row::{ManagerKey, Row};
use super::store;

/// What is known of what the rows of a message name.
pub(super) struct Known {
    /// Paths of territories in the caller's scope.
    pub(super) paths: HashMap<String, String>,
    managers: HashSet<Uuid>,
    employee_numbers: HashMap<String, Uuid>,
    accounts: HashSet<Uuid>,
}

impl Known {
    /// Looks everything up in a fixed number of statements.
    pub(super) async fn load(connection: &mut PgConnection, scope: &Scope, rows: &[Row]) -> Result<Self, sqlx::Error> {
        let codes: Vec<String> = rows.iter().filter_map(|row| row.territory_code.clone()).collect();
        let mut paths = store::paths(connection, &codes).await?;
        paths.retain(|_, path| scope.contains(path));
        let (mut ids, mut numbers) = (Vec::new(), Vec::new());
        for manager in rows.iter().filter_map(|row| row.manager.as_ref()) {
            match manager {
                ManagerKey::Id(id) => ids.push(id.to_string()),
                ManagerKey::EmployeeNumber(number) => numbers.push(number.clone()),
            }
        }
        let managers = store::managers(connection, &ids, &numbers).await?;
        let accounts: Vec<String> = rows.iter().filter_map(|row| row.account_id).map(|id| id.to_string()).collect();
        Ok(Self {
            paths,
            managers: managers.iter().map(|(id, _)| *id).collect(),
            employee_numbers: managers.into_iter().map(|(id, number)| (number, id)).collect(),
            accounts: store::accounts(connection, &accounts).await?.into_iter().collect(),
        })
    }

    /// The measurement of a row, where everything that it names is there.
    pub(super) fn measurement(&self, row: Row) -> Result<Measurement, Violations> {
        let mut wrong = row.wrong;
        if let Some(code) = row.territory_code.as_ref().filter(|code| !self.paths.contains_key(*code)) {
            wrong.push(unknown("measurement.territory_code", "territory", code));
        }
        let manager_id = row.manager.as_ref().and_then(|manager| self.manager(manager));
        if let (Some(manager), None) = (&row.manager, manager_id) {
            let value = match manager {
                ManagerKey::Id(id) => id.to_string(),
                ManagerKey::EmployeeNumber(number) => number.clone(),
            };
            wrong.push(unknown(manager.field(), "account manager", &value));
        }
        if let Some(id) = row.account_id.filter(|id| !self.accounts.contains(id)) {
            wrong.push(unknown("measurement.account_id", "account", &id.to_string()));
        }
        let needed = row.measure.zip(row.day).zip(row.territory_code.zip(row.value));
        let Some(((measure, day), (territory_code, value))) = needed.filter(|_| wrong.is_empty()) else {
            return Err(wrong);
        };
        let key = Key {
            measure: measure.code.to_owned(),
            day,
            territory_code,
            manager_id,
            account_id: row.account_id,
            offering_code: row.offering_code,
            currency_code: row.currency_code,
        };
        Ok(Measurement { key, tier: row.tier.to_owned(), industry_code: row.industry_code, value })
    }

    fn manager(&self, key: &ManagerKey) -> Option<Uuid> {
        match key {
            ManagerKey::Id(id) => self.managers.get(id).copied(),
            ManagerKey::EmployeeNumber(number) => self.employee_numbers.get(number).copied(),
        }
    }
}
