//! A client-registry in this process, and the command line against it.

use std::fmt::Write as _;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::{env, fs, process};

use guanxi_auth::Role;
use guanxi_proto::client_registry::v1::account_service_client::AccountServiceClient;
use guanxi_proto::client_registry::v1::{Account, ListAccountsRequest};
use guanxi_test_support::{Keys, Running, TestDatabase, with_token};
use sqlx::Row as _;
use tonic::transport::{Channel, Endpoint};

static COUNT: AtomicUsize = AtomicUsize::new(0);

/// A service on an address that it keeps, and a folder for files.
pub(crate) struct Registry {
    pub(crate) folder: PathBuf,
    pub(crate) token: String,
    address: SocketAddr,
    database: TestDatabase,
    keys: Keys,
    running: Option<Running>,
}

/// What a command said.
#[derive(Debug)]
pub(crate) struct Said {
    pub(crate) code: i32,
    pub(crate) out: String,
    pub(crate) err: String,
}

impl Said {
    pub(crate) fn json(&self) -> serde_json::Value {
        serde_json::from_str(&self.out).unwrap_or_else(|error| panic!("{error}: {self:?}"))
    }

    /// Created, updated, unchanged, repeated, rejected.
    pub(crate) fn counts(&self) -> [u64; 5] {
        let json = self.json();
        ["created", "updated", "unchanged", "repeated", "rejected"].map(|count| json[count].as_u64().unwrap())
    }

    /// Row, line and first reason of every rejected row.
    pub(crate) fn rejected(&self) -> Vec<(i64, i64, String)> {
        let json = self.json();
        let rows = json["rejected_rows"].as_array().unwrap().iter();
        let reason = |row: &serde_json::Value| row["violations"][0]["reason"].as_str().unwrap().to_owned();
        rows.map(|row| (row["row"].as_i64().unwrap(), row["line"].as_i64().unwrap(), reason(row))).collect()
    }
}

impl Registry {
    pub(crate) async fn start() -> Self {
        let database = TestDatabase::create(client_registry::SCHEMA, &client_registry::MIGRATOR).await;
        let keys = Keys::new();
        let token = keys.token("E0001", &[(Role::Administrator, "*")]);
        let folder =
            env::temp_dir().join(format!("guanxi-import-{}-{}", process::id(), COUNT.fetch_add(1, Ordering::Relaxed)));
        fs::create_dir_all(&folder).unwrap();
        let address = SocketAddr::from(([127, 0, 0, 1], 0));
        let mut registry = Self { folder, token, address, database, keys, running: None };
        registry.go_on();
        registry
    }

    /// A registry with CN, two provinces, a city in each and a county.
    pub(crate) async fn with_tree() -> Self {
        let registry = Self::start().await;
        registry.file(
            "tree.csv",
            "code,name.zh,level,parent_code\nCN,中国,HEADQUARTERS,\n330000,浙江省,PROVINCE,CN\n330100,杭州市,CITY,330000\n\
             440000,广东省,PROVINCE,CN\n440300,深圳市,CITY,440000\n440305,南山区,COUNTY,440300\n",
        );
        let said = registry.import("territory", "tree.csv", &[]);
        assert_eq!((said.code, said.counts()), (0, [6, 0, 0, 0, 0]), "{said:?}");
        registry
    }

    /// Serves, on the address from before where there was one.
    pub(crate) fn go_on(&mut self) {
        let settings = guanxi_service::Settings {
            grpc: self.keys.settings(),
            database: self.database.settings(),
            cluster: "test".to_owned(),
        };
        let running = Running::start_at(self.address, async move |listener, stop| {
            Ok(client_registry::serve(&settings, Some(listener), stop).await?)
        });
        self.address = running.address;
        self.running = Some(running);
    }

    /// Ends as with SIGTERM.
    pub(crate) fn stop(&mut self) {
        self.running.take().unwrap().end();
    }

    pub(crate) fn endpoint(&self) -> String {
        format!("http://{}", self.address)
    }

    pub(crate) fn channel(&self) -> Channel {
        Endpoint::from_shared(self.endpoint()).unwrap().connect_lazy()
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder.join(name)
    }

    pub(crate) fn file(&self, name: &str, content: impl AsRef<[u8]>) -> PathBuf {
        let path = self.path(name);
        fs::write(&path, content).unwrap();
        path
    }

    /// A command in the folder, in Chinese.
    pub(crate) fn command(&self, arguments: &[&str]) -> Command {
        self.command_at(&self.endpoint(), arguments)
    }

    /// A command that reaches the service by another address.
    pub(crate) fn command_at(&self, endpoint: &str, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_guanxi"));
        command.args(arguments).args(["--endpoint", endpoint, "--token", &self.token]);
        command.current_dir(&self.folder).env("LANG", "zh_CN.UTF-8").stdin(Stdio::null());
        command.stdout(Stdio::piped()).stderr(Stdio::piped());
        command
    }

    pub(crate) fn run(&self, arguments: &[&str]) -> Said {
        let output = self.command(arguments).output().unwrap();
        let [out, err] = [output.stdout, output.stderr].map(|said| String::from_utf8(said).unwrap());
        Said { code: output.status.code().unwrap(), out, err }
    }

    /// Imports a file of the folder and gives the object.
    pub(crate) fn import(&self, noun: &str, file: &str, more: &[&str]) -> Said {
        self.run(&[&["import", noun, file, "--json"], more].concat())
    }

    /// Exports into a file of the folder.
    pub(crate) fn export(&self, noun: &str, file: &str, more: &[&str]) -> String {
        let said = self.run(&[&["export", noun, "--out", file], more].concat());
        assert_eq!(said.code, 0, "{said:?}");
        String::from_utf8_lossy(&fs::read(self.path(file)).unwrap()).into_owned()
    }

    pub(crate) fn accounts(&self) -> AccountServiceClient<Channel> {
        AccountServiceClient::new(self.channel())
    }

    /// All accounts of a small registry.
    pub(crate) async fn list(&self) -> Vec<Account> {
        let request = ListAccountsRequest { page_size: 1_000, ..Default::default() };
        self.accounts().list_accounts(with_token(request, &self.token)).await.unwrap().into_inner().accounts
    }

    /// How many accounts there are, and how many of them were changed after they were made.
    pub(crate) async fn count(&self) -> (i64, i64) {
        let count = "select count(*), count(*) filter (where version > 1) from client_registry.account";
        let row = sqlx::raw_sql(count).fetch_one(&mut self.database.admin().await).await.unwrap();
        (row.get(0), row.get(1))
    }
}

impl Drop for Registry {
    fn drop(&mut self) {
        if !std::thread::panicking() {
            let _ = fs::remove_dir_all(&self.folder);
        }
    }
}

/// The columns of the map `boss.toml`.
pub(crate) const HEADER: &str = "编号,名称,简称,地市,注册资本,上级\n";
const MAP: &str = r#"
noun = "account"
[fields]
legal_name = "名称"
short_name = { from = "简称", ignore = ["-"] }
territory_code = { from = "地市", lookup = { file = "places.csv", key = "市", value = "编码" } }
registered_capital.amount = { from = "注册资本", thousands = ",", times = 10000 }
source = { value = "boss" }
external_ids.boss = "编号"
parent_external_id.boss = "上级"
"#;

/// A registry with the tree, the map `boss.toml` and its lookup.
pub(crate) async fn with_map() -> Registry {
    let registry = Registry::with_tree().await;
    registry.file("boss.toml", MAP);
    registry.file("places.csv", "市,编码\n深圳,440300\n杭州,330100\n");
    registry
}

/// A text in GB18030.
pub(crate) fn gb18030(text: &str) -> Vec<u8> {
    encoding_rs::GB18030.encode(text).0.into_owned()
}

/// A table of `count` accounts.
pub(crate) fn many(count: usize) -> String {
    (1..=count).fold(HEADER.to_owned(), |mut table, number| {
        let _ = writeln!(table, "{number:06},样例{number}科技有限公司,样例{number},深圳,,");
        table
    })
}
