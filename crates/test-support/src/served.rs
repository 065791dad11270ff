//! A service on a database of its own, and who calls it.

use std::net::SocketAddr;

use guanxi_auth::Role;
use guanxi_proto::events::v1::change_service_client::ChangeServiceClient;
use guanxi_proto::events::v1::event_feed_service_client::EventFeedServiceClient;
use guanxi_proto::events::v1::{FollowRequest, FollowResponse, GetFeedHeadRequest};
use sqlx::Row as _;
use tonic::transport::{Channel, Endpoint};
use tonic::{Request, Status, Streaming};

use crate::{Keys, Running, TestDatabase, rows, with_token};

/// How a service starts: on the database of a URL, trusting these keys, for at most so many calls at once.
pub type Start = fn(String, &Keys, u16) -> Running;

/// Calls at once, where a test does not say otherwise.
const MAX_CALLS: u16 = 512;

/// A running service with its database. It stops when it is dropped.
pub struct Served {
    /// Its database.
    pub database: TestDatabase,
    /// What it trusts.
    pub keys: Keys,
    /// Where it listens.
    pub address: SocketAddr,
    /// The way to it.
    pub channel: Channel,
    /// A token that may do everything everywhere.
    pub admin: String,
    start: Start,
    running: Option<Running>,
}

impl Served {
    /// Starts a service on a database.
    #[must_use]
    pub fn new(database: TestDatabase, keys: Keys, start: Start) -> Self {
        let running = start(database.service_url(), &keys, MAX_CALLS);
        let admin = keys.token("E0001", &[(Role::Administrator, "*")]);
        let (address, channel) = (running.address, channel(running.address));
        Self { database, keys, address, channel, admin, start, running: Some(running) }
    }

    /// Starts one more process' worth of it on the same database.
    #[must_use]
    pub fn another(&self, max_calls: u16) -> Running {
        (self.start)(self.database.service_url(), &self.keys, max_calls)
    }

    /// Stops as SIGTERM would: calls under way are still answered.
    pub fn stop(&mut self) {
        drop(self.running.take());
    }

    /// Stops, and starts again on the same database.
    pub fn restart(&mut self) {
        self.stop();
        let running = self.another(MAX_CALLS);
        (self.address, self.channel) = (running.address, channel(running.address));
        self.running = Some(running);
    }

    /// A request of who may do everything everywhere.
    pub fn as_admin<T>(&self, message: T) -> Request<T> {
        with_token(message, &self.admin)
    }

    /// A token for a role in a territory and below.
    #[must_use]
    pub fn token(&self, role: Role, territory: &str) -> String {
        self.keys.token("E1000", &[(role, territory)])
    }

    /// The feed.
    #[must_use]
    pub fn feed(&self) -> EventFeedServiceClient<Channel> {
        EventFeedServiceClient::new(self.channel.clone())
    }

    /// The history.
    #[must_use]
    pub fn changes(&self) -> ChangeServiceClient<Channel> {
        ChangeServiceClient::new(self.channel.clone())
    }

    /// Follows the feed.
    pub async fn follow(
        &self,
        token: &str,
        after_position: i64,
        types: &[&str],
    ) -> Result<Streaming<FollowResponse>, Status> {
        let types = types.iter().map(ToString::to_string).collect();
        let request = with_token(FollowRequest { after_position, types }, token);
        Ok(self.feed().follow(request).await?.into_inner())
    }

    /// Position of the newest event.
    pub async fn head(&self) -> i64 {
        self.feed().get_feed_head(self.as_admin(GetFeedHeadRequest {})).await.unwrap().into_inner().newest_position
    }

    /// What is in the tables of the service: their names, the numbers of rows, digests of everything.
    pub async fn contents(&self) -> Vec<(String, i64, String)> {
        let schema = self.database.schema();
        let mut connection = self.database.admin().await;
        let tables = format!("select tablename::text from pg_tables where schemaname = '{schema}' order by 1");
        let mut contents = Vec::new();
        for table in rows(&mut connection, tables).await {
            let table: String = table.get(0);
            let digest = format!(
                "select count(*), coalesce(md5(string_agg(t::text, ' ' order by t::text)), '') from {schema}.{table} t"
            );
            let row = &rows(&mut connection, digest).await[0];
            contents.push((table, row.get(0), row.get(1)));
        }
        contents
    }
}

/// A channel to a service.
#[must_use]
pub fn channel(address: SocketAddr) -> Channel {
    Endpoint::from_shared(format!("http://{address}")).unwrap().connect_lazy()
}
