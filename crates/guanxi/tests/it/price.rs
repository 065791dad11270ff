//! Price books as an operator imports them, into a product-catalog in this process.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::{env, fs, process};

use guanxi_proto::product_catalog::v1::category_service_client::CategoryServiceClient;
use guanxi_proto::product_catalog::v1::price_service_client::PriceServiceClient;
use guanxi_proto::product_catalog::v1::{
    Category, ChargeKind, CreateCategoryRequest, FunctionalClass, ListPricesRequest, Price, PriceModel, StrategicClass,
};
use guanxi_proto::r#type::v1::LocalizedText;
use guanxi_test_support::{Keys, Running, Served, TestDatabase};

use crate::registry::Said;

const EXAMPLE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../examples/price-book");
const HEADER: &str = "产品编码,产品名称,英文名称,目录,收费,金额,单位,底价,成本,生效日期,失效日期\n";

/// A catalog with the categories of the example, and a folder for files.
struct Catalog {
    served: Served,
    folder: PathBuf,
}

fn serve(database_url: String, keys: &Keys, max_calls: u16) -> Running {
    let service = guanxi_service::Settings {
        grpc: guanxi_grpc::Settings { max_calls, ..keys.settings() },
        database: guanxi_db::Settings { database_url, owner_database_url: None, database_connections: 8 },
        cluster: "test".to_owned(),
    };
    let settings = product_catalog::Settings { service, peers: guanxi_service::peers::Settings::default() };
    Running::start(async move |listener, stop| Ok(product_catalog::serve(&settings, Some(listener), stop).await?))
}

impl Catalog {
    async fn start(name: &str) -> Self {
        let database = TestDatabase::create(product_catalog::SCHEMA, &product_catalog::MIGRATOR).await;
        let folder = env::temp_dir().join(format!("guanxi-price-{}-{name}", process::id()));
        fs::create_dir_all(&folder).unwrap();
        let catalog = Self { served: Served::new(database, Keys::new(), serve), folder };
        for code in ["LINE", "MAIL", "OFFICE"] {
            let category = Category {
                code: code.to_owned(),
                name: Some(LocalizedText { zh: format!("分类{code}"), en: String::new() }),
                functional_class: FunctionalClass::OfficeManagement.into(),
                strategic_class: StrategicClass::Foundation.into(),
                ..Default::default()
            };
            let request = CreateCategoryRequest { category: Some(category), request_id: String::new() };
            let mut client = CategoryServiceClient::new(catalog.served.channel.clone());
            client.create_category(catalog.served.as_admin(request)).await.unwrap();
        }
        catalog
    }

    /// Imports a table by the map of the example.
    fn import_rows(&self, name: &str, rows: &str, more: &[&str]) -> Said {
        let path = self.folder.join(name);
        fs::write(&path, format!("{HEADER}{rows}")).unwrap();
        self.import(&path, &[&["--map", &format!("{EXAMPLE}/prices.toml")], more].concat())
    }

    /// Imports a file and gives the object.
    fn import(&self, file: &Path, more: &[&str]) -> Said {
        let url = format!("http://{}", self.served.address);
        let output = Command::new(env!("CARGO_BIN_EXE_guanxi"))
            .args(["import", "price", file.to_str().unwrap(), "--json"])
            .args(["--product-catalog", &url, "--token", &self.served.admin])
            .args(more)
            .env("LANG", "zh_CN.UTF-8")
            .output()
            .unwrap();
        let [out, err] = [output.stdout, output.stderr].map(|said| String::from_utf8(said).unwrap());
        Said { code: output.status.code().unwrap(), out, err }
    }

    async fn prices(&self) -> Vec<Price> {
        let mut client = PriceServiceClient::new(self.served.channel.clone());
        let request = self.served.as_admin(ListPricesRequest::default());
        client.list_prices(request).await.unwrap().into_inner().prices
    }
}

impl Drop for Catalog {
    fn drop(&mut self) {
        if !std::thread::panicking() {
            let _ = fs::remove_dir_all(&self.folder);
        }
    }
}

/// Row, line, field, reason and text of everything that was rejected.
fn violations(said: &Said) -> Vec<(i64, i64, String, String, String)> {
    let json = said.json();
    let text = |value: &serde_json::Value| value.as_str().unwrap().to_owned();
    let rows = json["rejected_rows"].as_array().unwrap().iter();
    rows.flat_map(|row| {
        row["violations"].as_array().unwrap().iter().map(|wrong| {
            let [field, reason, message] = ["field", "reason", "message"].map(|key| text(&wrong[key]));
            (row["row"].as_i64().unwrap(), row["line"].as_i64().unwrap(), field, reason, message)
        })
    })
    .collect()
}

#[tokio::test]
async fn the_example_lands_once() {
    let catalog = Catalog::start("example").await;
    let (book, map) = (format!("{EXAMPLE}/prices.csv"), format!("{EXAMPLE}/prices.toml"));
    let import = |more: &[&str]| catalog.import(Path::new(&book), &[&["--map", &map], more].concat());
    let dry = import(&["--dry-run"]);
    assert_eq!((dry.code, dry.counts()), (0, [5, 0, 0, 0, 0]), "{dry:?}");
    assert_eq!(catalog.prices().await, []);
    let said = import(&[]);
    assert_eq!((said.code, said.counts()), (0, [5, 0, 0, 0, 0]), "{said:?}");

    let landed = catalog.prices().await;
    let line =
        landed.iter().find(|price| price.offering_code == "LINE-100M" && price.charge_kind() == ChargeKind::Monthly);
    let line = line.unwrap();
    assert_eq!((line.model(), line.currency_code.as_str(), line.unit.as_str()), (PriceModel::PerUnit, "CNY", "线"));
    assert_eq!([&line.amount, &line.floor_amount, &line.cost_amount], ["3600", "2880", "1900"]);
    let days = |price: &Price| (price.valid_from_date.clone(), price.valid_to_date.clone());
    let mail: Vec<_> = landed.iter().filter(|price| price.offering_code == "MAIL-PRO").map(days).collect();
    let day = str::to_owned;
    assert_eq!(mail, [(day("2026-01-01"), day("2027-01-01")), (day("2027-01-01"), day(""))]);

    // The same import, and the same rows as another one.
    assert_eq!(import(&[]).counts(), [0, 0, 0, 5, 0]);
    let other = import(&["--import-id", "0199d3a6-0000-7000-8000-000000000001"]);
    assert_eq!((other.code, other.counts()), (0, [0, 0, 5, 0, 0]), "{other:?}");
    assert_eq!(catalog.prices().await, landed);
}

#[tokio::test]
async fn every_bad_row_is_named_in_both_languages() {
    let catalog = Catalog::start("bad").await;
    let rows = "A,甲,,OFFICE,月,10,,,,2026-01-01,\nB,乙,,OFFICE,周,10,,,,2026-01-01,\nC,丙,,OFFICE,月,\"1,0\",,,,2026-01-01,\n\
                D,丁,,NONE,月,10,,,,2026-01-01,\nE,戊,,OFFICE,月,10,,11,,2026/01/01,\nA,甲,,OFFICE,月,12,,,,2026-01-01,\n";
    let expected = [
        (2, 3, "price.charge_kind", "UNKNOWN_VALUE"),
        (3, 4, "price.amount", "FORMAT"),
        (4, 5, "category_code", "RESOURCE_NOT_FOUND"),
        (5, 6, "price.valid_from_date", "FORMAT"),
        (6, 7, "price", "ROW_REPEATED"),
    ];
    for (language, words) in [("zh", "“周”不在对照表中"), ("en", "\"周\" is not in the table")] {
        let said = catalog.import_rows("bad.csv", rows, &["--dry-run", "--language", language]);
        assert_eq!((said.code, said.counts()), (2, [1, 0, 0, 0, 5]), "{said:?}");
        let wrong = violations(&said);
        let named = wrong.iter().map(|(row, line, field, reason, _)| (*row, *line, field.as_str(), reason.as_str()));
        assert_eq!(named.collect::<Vec<_>>(), expected, "{said:?}");
        assert!(wrong[0].4.contains(words), "{said:?}");
        let chinese =
            |text: &str| text.chars().any(|character| ('，'..='）').contains(&character) || character == '。');
        assert!(wrong.iter().all(|wrong| chinese(&wrong.4) == (language == "zh")), "{wrong:?}");
    }
    let said = catalog.import_rows("bad.csv", rows, &[]);
    assert_eq!((said.code, said.counts()), (2, [1, 0, 0, 0, 5]), "{said:?}");
}

#[tokio::test]
async fn without_a_map_columns_are_titled_by_the_paths_of_fields() {
    let catalog = Catalog::start("plain").await;
    let path = catalog.folder.join("plain.csv");
    let header = "price.offering_code,price.charge_kind,price.model,price.currency_code,price.amount,\
                  price.valid_from_date,offering_name.zh,category_code\n";
    let rows = "A,MONTHLY,FLAT,CNY,10,2026-01-01,甲,OFFICE\nA,CHARGE_KIND_ONE_TIME,PRICE_MODEL_FLAT,CNY,5,2026-01-01,,\n\
                A,WEEKLY,TIERED,CNY,5,2026-01-01,,\n";
    fs::write(&path, format!("{header}{rows}")).unwrap();
    let said = catalog.import(&path, &[]);
    assert_eq!((said.code, said.counts()), (2, [2, 0, 0, 0, 1]), "{said:?}");
    let wrong = violations(&said);
    let reasons: Vec<_> = wrong.iter().map(|wrong| (wrong.2.as_str(), wrong.3.as_str())).collect();
    assert_eq!(reasons, [("price.charge_kind", "UNKNOWN_VALUE"), ("price.model", "NOT_APPLICABLE")]);
    assert!(wrong[0].4.contains("ONE_TIME, MONTHLY, YEARLY, USAGE") && wrong[1].4.contains("CreatePrice"), "{wrong:?}");
}
