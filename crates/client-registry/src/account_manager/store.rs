//! SQL of account managers.

use guanxi_auth::Scope;
use guanxi_db::PgConnection;
use guanxi_events::NewEvent;
use guanxi_filter::{Field, Kind, Listing, Order};
use guanxi_proto::client_registry::v1 as pb;
use guanxi_resource::{Error, Noun, Sight};
use sqlx::types::Json;
use uuid::Uuid;

use super::convert;
use super::model::{AccountManager, Channel, EmploymentType, Key};

impl Noun for AccountManager {
    const NAME: &'static str = "account_manager";
    type Message = pb::AccountManager;

    fn territory_path(&self) -> Option<&str> {
        Some(&self.territory_path)
    }

    fn message(&self, sight: &Sight) -> pb::AccountManager {
        convert::seen(sight, self)
    }

    fn event(kind: &'static str, before: Option<&Self>, after: &Self) -> NewEvent {
        convert::event(kind, before, after, "")
    }

    async fn find(connection: &mut PgConnection, id: Uuid) -> Result<Option<Self>, Error> {
        find(connection, Some(id), None).await
    }

    async fn lock(connection: &mut PgConnection, id: Uuid) -> Result<(), Error> {
        let locked =
            sqlx::query_scalar!("select id from client_registry.account_manager where id = $1 for no key update", id);
        locked.fetch_optional(connection).await?;
        Ok(())
    }

    async fn save(connection: &mut PgConnection, manager: &Self) -> Result<(), Error> {
        let saved = sqlx::query_scalar!(
            "insert into client_registry.account_manager (id, employee_number, name, phone, territory_code, territory_path, channel, \
         grade, industry_codes, skills, employment_type, version, create_time, update_time, delete_time, depart_date) \
         select id, employee_number, name, phone, territory_code, territory_path, channel, grade, industry_codes, skills, \
         employment_type, version, create_time, update_time, delete_time, depart_date \
         from jsonb_to_record($1) as new (id uuid, employee_number text, name text, phone text, territory_code text, \
         territory_path text, channel text, grade integer, industry_codes text[], skills text[], employment_type text, version bigint, \
         create_time timestamptz, update_time timestamptz, delete_time timestamptz, depart_date date) \
         on conflict (id) do update set name = excluded.name, phone = excluded.phone, territory_code = excluded.territory_code, \
         territory_path = excluded.territory_path, channel = excluded.channel, grade = excluded.grade, \
         industry_codes = excluded.industry_codes, skills = excluded.skills, \
         employment_type = excluded.employment_type, version = excluded.version, \
         update_time = excluded.update_time, delete_time = excluded.delete_time, depart_date = excluded.depart_date \
         returning id",
            Json(manager) as _,
        )
        .fetch_one(connection)
        .await;
        let constraint = "account_manager_employee_number_key";
        let error = |error| {
            Error::from(error).or_exists(constraint, "account_manager", "employee_number", &manager.employee_number)
        };
        saved.map(|_id| ()).map_err(error)
    }
}

/// The manager of an id or an employee number.
async fn find(
    connection: &mut PgConnection,
    id: Option<Uuid>,
    employee_number: Option<&str>,
) -> Result<Option<AccountManager>, Error> {
    let found = sqlx::query_as!(
        AccountManager,
        r#"select id, employee_number, name, phone, territory_code, territory_path, channel as "channel: Channel", grade,
            industry_codes, skills, employment_type as "employment_type: EmploymentType", version, create_time, update_time,
            delete_time, depart_date
        from client_registry.account_manager where id = $1 or employee_number = $2"#,
        id,
        employee_number,
    );
    Ok(found.fetch_optional(connection).await?)
}

/// The manager of a key, or the refusal that it does not exist for this scope.
pub(super) async fn get(connection: &mut PgConnection, scope: &Scope, key: &Key) -> Result<AccountManager, Error> {
    let (id, employee_number, value) = match key {
        Key::Id(id) => (Some(*id), None, id.to_string()),
        Key::EmployeeNumber(number) => (None, Some(number.as_str()), number.clone()),
    };
    let found = find(connection, id, employee_number).await?;
    let visible = found.filter(|manager| scope.contains(&manager.territory_path));
    visible.ok_or(Error::NotFound { resource: "account_manager", value })
}

/// How account managers are listed.
pub(super) static LISTING: Listing = Listing {
    name: "account_manager",
    columns: "id, employee_number, name, phone, territory_code, territory_path, channel, grade, industry_codes, skills, \
         employment_type, version, create_time, update_time, delete_time, depart_date",
    from: "client_registry.account_manager",
    id: "id",
    path: Some("territory_path"),
    live: Some("delete_time is null"),
    fields: &[
        Field { name: "employee_number", column: "employee_number", kind: Kind::Text },
        Field { name: "territory_code", column: "territory_code", kind: Kind::Text },
        Field { name: "channel", column: "channel", kind: Kind::Enum(&CHANNELS) },
        Field { name: "grade", column: "grade", kind: Kind::Integer },
        Field { name: "industry_codes", column: "industry_codes", kind: Kind::TextList },
        Field { name: "skills", column: "skills", kind: Kind::TextList },
        Field { name: "employment_type", column: "employment_type", kind: Kind::Enum(&EMPLOYMENT_TYPES) },
        Field {
            name: "state",
            column: "(case when delete_time is not null then 'DELETED' when depart_date is null then 'IN_SERVICE' else 'DEPARTED' end)",
            kind: Kind::Enum(&STATES),
        },
        Field { name: "create_time", column: "create_time", kind: Kind::Instant },
        Field { name: "update_time", column: "update_time", kind: Kind::Instant },
    ],
    orders: &[Order { name: "territory", key: Some("territory_path"), descending: false }],
    default_page_size: 50,
    max_page_size: 1_000,
};

const CHANNELS: [(&str, &str); 3] = [
    ("ACCOUNT_MANAGER_CHANNEL_FIELD", "FIELD"),
    ("ACCOUNT_MANAGER_CHANNEL_PHONE", "PHONE"),
    ("ACCOUNT_MANAGER_CHANNEL_INDUSTRY", "INDUSTRY"),
];

const STATES: [(&str, &str); 3] = [
    ("ACCOUNT_MANAGER_STATE_IN_SERVICE", "IN_SERVICE"),
    ("ACCOUNT_MANAGER_STATE_DEPARTED", "DEPARTED"),
    ("ACCOUNT_MANAGER_STATE_DELETED", "DELETED"),
];

const EMPLOYMENT_TYPES: [(&str, &str); 3] = [
    ("EMPLOYMENT_TYPE_REGULAR", "REGULAR"),
    ("EMPLOYMENT_TYPE_OUTSOURCED", "OUTSOURCED"),
    ("EMPLOYMENT_TYPE_AGENT", "AGENT"),
];
