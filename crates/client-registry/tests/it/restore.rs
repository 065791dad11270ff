//! A dump, restored into another server, goes on where it was.

use std::path::Path;
use std::process::Command;

use guanxi_local_postgres::Durability;
use guanxi_proto::client_registry::v1::*;
use guanxi_proto::events::v1::event_feed_service_client::EventFeedServiceClient;
use guanxi_proto::events::v1::{FollowRequest, GetFeedHeadRequest};
use guanxi_test_support::{TestDatabase, skip};

use crate::feed::{Received, Writer};
use crate::postgres::Postgres;
use crate::support::{Service, channel, named, number, serve_at};

fn run(program: &Path, arguments: &[&str]) {
    let output = Command::new(program).args(arguments).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
}

#[tokio::test]
async fn a_dump_restored_into_a_new_server_goes_on_where_it_was() {
    let binaries = TestDatabase::server().binaries();
    let (pg_dump, psql) = (binaries.program("pg_dump"), binaries.program("psql"));
    if !pg_dump.is_file() || !psql.is_file() {
        return skip(&format!("there is no pg_dump or no psql in {}", binaries.dir().display()));
    }
    let service = Service::with_tree().await;
    let request = CreateAccountRequest {
        account: Some(named("样例", "440305")),
        request_id: "0192f0c1-2345-7abc-8def-0123456789ab".to_owned(),
    };
    let created = service.accounts().create_account(service.as_admin(request.clone())).await.unwrap().into_inner();
    let mut writer = Writer::new(&service, 1, 60).await;
    for _ in 0..200 {
        writer.write(10).await;
    }
    let newest = writer.write(1).await;
    let mut subscriber = Received::default();
    subscriber.receive(&mut service.follow(&service.admin, 0, &[]).await.unwrap(), newest / 3).await;

    let restored = Postgres::start(Durability::Throwaway).await;
    let dump = service.keys.folder().join("dump.sql");
    let dump_path = dump.to_str().unwrap();
    run(&pg_dump, &["--dbname", &service.database.admin_url(), "--file", dump_path]);
    run(&psql, &["--no-psqlrc", "--quiet", "--set=ON_ERROR_STOP=1", "--file", dump_path, &restored.admin_url()]);
    let xid = "select pg_current_xact_id()::text::bigint";
    let old_xid = number(&mut service.database.admin().await, xid).await;
    let new_xid = number(&mut restored.admin().await, xid).await;
    assert!(new_xid < old_xid, "the new server counts its transactions from {new_xid}, the old one is at {old_xid}");

    let (address, _stop) = serve_at(restored.service_url(), &service.keys, 512);
    let mut feed = EventFeedServiceClient::new(channel(address));
    let head = feed.get_feed_head(service.as_admin(GetFeedHeadRequest {})).await.unwrap().into_inner();
    assert_eq!((head.oldest_position, head.newest_position), (1, newest));
    let mut accounts = account_service_client::AccountServiceClient::new(channel(address));
    let repeated = accounts.create_account(service.as_admin(request)).await.unwrap().into_inner();
    assert_eq!((repeated.account, repeated.position), (created.account, 0), "request ids are restored too");
    let another = CreateAccountRequest { account: Some(named("后来的", "440305")), ..Default::default() };
    let another = accounts.create_account(service.as_admin(another)).await.unwrap().into_inner();
    assert_eq!(another.position, newest + 1);
    for mut received in [subscriber, Received::default()] {
        let request = FollowRequest { after_position: received.position, types: Vec::new() };
        let mut stream = feed.follow(service.as_admin(request)).await.unwrap().into_inner();
        received.receive(&mut stream, newest + 1).await;
    }
}
