//! Measurements as an operator imports them, into a kpi in this process.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;
use std::{env, fs, process};

use guanxi_test_support::{Keys, Running, Served, TestDatabase, number, rows};

use crate::registry::Said;

const HEADER: &str = "账期,归属,工号,产品,等级,应收\n";
const MAP: &str = r#"noun = "measurement"
[fields]
manager_employee_number = "工号"
[fields.measurement]
measure_code = { value = "revenue" }
date = "{账期}-01"
territory_code = "归属"
offering_code = "产品"
tier = "等级"
value = { from = "应收", thousands = "," }
currency_code = { value = "CNY" }
"#;
const THERE: &str = "select count(*) from kpi.measurement";
const WHOLE: &str =
    "select coalesce(sum(value), 0)::bigint from kpi.rollup_month where territory_code = 'CN' and dimension = ''";

/// A kpi that knows two territories and a manager, and a folder for files.
struct Figures {
    served: Served,
    folder: PathBuf,
}

fn serve(database_url: String, keys: &Keys, max_calls: u16) -> Running {
    let service = guanxi_service::Settings {
        grpc: guanxi_grpc::Settings { max_calls, ..keys.settings() },
        database: guanxi_db::Settings { database_url, owner_database_url: None, database_connections: 8 },
        cluster: "test".to_owned(),
    };
    let peers = guanxi_service::peers::Settings::default();
    let settings = kpi::Settings { service, peers, product_catalog: None, opportunity_pipeline: None };
    Running::start(async move |listener, stop| Ok(kpi::serve(&settings, Some(listener), stop).await?))
}

impl Figures {
    async fn start(name: &str) -> Self {
        let database = TestDatabase::create(kpi::SCHEMA, &kpi::MIGRATOR).await;
        let mut owner = database.admin().await;
        let territories = "insert into kpi.territory (code, path, level) values ('CN', 'CN/', 'HEADQUARTERS'), \
                           ('440000', 'CN/440000/', 'PROVINCE')";
        rows(&mut owner, territories).await;
        let manager = "insert into kpi.name (dimension, key, name_zh, name_en, rank) \
                       values ('MANAGER', '0192f0c1-0000-7000-8000-000000000001', 'M0001', null, 1)";
        rows(&mut owner, manager).await;
        let folder = env::temp_dir().join(format!("guanxi-measurement-{}-{name}", process::id()));
        fs::create_dir_all(&folder).unwrap();
        fs::write(folder.join("map.toml"), MAP).unwrap();
        Self { served: Served::new(database, Keys::new(), serve), folder }
    }

    /// Writes a table.
    fn file(&self, name: &str, rows: &str) -> PathBuf {
        let path = self.folder.join(name);
        fs::write(&path, format!("{HEADER}{rows}")).unwrap();
        path
    }

    fn command(&self, file: &Path, more: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_guanxi"));
        command
            .args(["import", "measurement", file.to_str().unwrap(), "--json"])
            .args(["--map", self.folder.join("map.toml").to_str().unwrap()])
            .args(["--kpi", &format!("http://{}", self.served.address), "--token", &self.served.admin])
            .args(more)
            .env("LANG", "zh_CN.UTF-8");
        command
    }

    /// Imports a file and gives the object.
    fn import(&self, file: &Path, more: &[&str]) -> Said {
        let output = self.command(file, more).output().unwrap();
        let [out, err] = [output.stdout, output.stderr].map(|said| String::from_utf8(said).unwrap());
        Said { code: output.status.code().unwrap(), out, err }
    }

    async fn count(&self, query: &'static str) -> i64 {
        number(&mut self.served.database.admin().await, query).await
    }
}

impl Drop for Figures {
    fn drop(&mut self) {
        if !std::thread::panicking() {
            let _ = fs::remove_dir_all(&self.folder);
        }
    }
}

#[tokio::test]
async fn a_file_lands_once_and_a_corrected_one_replaces_it() {
    let figures = Figures::start("once").await;
    let bills = figures.file("bills.csv", "2026-03,440000,M0001,LINE,A,\"1,200\"\n2026-03,440000,,MAIL,,30\n");
    let dry = figures.import(&bills, &["--dry-run"]);
    assert_eq!((dry.code, dry.counts(), figures.count(THERE).await), (0, [2, 0, 0, 0, 0], 0), "{dry:?}");
    assert_eq!(figures.import(&bills, &[]).counts(), [2, 0, 0, 0, 0]);
    assert_eq!(figures.import(&bills, &[]).counts(), [0, 0, 0, 2, 0]);
    let other = figures.import(&bills, &["--import-id", "0199d3a6-0000-7000-8000-000000000001"]);
    assert_eq!((other.code, other.counts()), (0, [0, 0, 2, 0, 0]), "{other:?}");
    assert_eq!(figures.count(WHOLE).await, 1_230);
    let corrected = figures.file("late.csv", "2026-03,440000,M0001,LINE,A,1000\n2026-03,440000,,MAIL,,0\n");
    assert_eq!(figures.import(&corrected, &[]).counts(), [0, 2, 0, 0, 0]);
    assert_eq!((figures.count(WHOLE).await, figures.count(THERE).await), (1_000, 1));
}

#[tokio::test]
async fn every_bad_row_is_named() {
    let figures = Figures::start("bad").await;
    let bad = "2026-13,440000,,LINE,A,1\n2026-03,999999,M0002,LINE,,1\n2026-03,440000,,LINE,D,1\n\
               2026-03,440000,,LINE,,1.00001\n2026-03,440000,,LINE,,1\n2026-03,440000,,LINE,,2\n";
    let said = figures.import(&figures.file("bad.csv", bad), &[]);
    assert_eq!((said.code, said.counts()), (2, [1, 0, 0, 0, 5]), "{said:?}");
    let json = said.json();
    let text = |value: &serde_json::Value| value.as_str().unwrap().to_owned();
    let of = |row: &serde_json::Value| -> Vec<(i64, String, String)> {
        let violations = row["violations"].as_array().unwrap().iter();
        violations.map(|wrong| (row["row"].as_i64().unwrap(), text(&wrong["field"]), text(&wrong["reason"]))).collect()
    };
    let named: Vec<_> = json["rejected_rows"].as_array().unwrap().iter().flat_map(of).collect();
    let expected = [
        (1, "measurement.date", "FORMAT"),
        (2, "measurement.territory_code", "RESOURCE_NOT_FOUND"),
        (2, "manager_employee_number", "RESOURCE_NOT_FOUND"),
        (3, "measurement.tier", "UNKNOWN_VALUE"),
        (4, "measurement.value", "FORMAT"),
        (6, "measurement", "ROW_REPEATED"),
    ];
    assert_eq!(named, expected.map(|(row, field, reason)| (row, field.to_owned(), reason.to_owned())));
}

#[tokio::test]
async fn a_killed_import_is_gone_on_with_and_counts_once() {
    let figures = Figures::start("killed").await;
    let many: Vec<String> = (0..5_000).map(|number| format!("2026-03,440000,,P{number},,2")).collect();
    let many = figures.file("many.csv", &(many.join("\n") + "\n"));
    let mut process = figures.command(&many, &["--batch", "50"]).stdout(process::Stdio::null()).spawn().unwrap();
    while figures.count(THERE).await < 500 {
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    process.kill().unwrap();
    process.wait().unwrap();
    let landed = figures.count(THERE).await;
    assert!(landed < 5_000, "{landed}");
    let said = figures.import(&many, &["--batch", "50"]);
    let [created, _, _, repeated, _] = said.counts();
    // Of what was on its way something may have landed after it was counted.
    assert!(said.code == 0 && created + repeated == 5_000 && repeated >= u64::try_from(landed).unwrap(), "{said:?}");
    assert_eq!((figures.count(THERE).await, figures.count(WHOLE).await), (5_000, 10_000));
}
