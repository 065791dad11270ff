//! Imports as an operator makes them.

use std::fs;

use crate::registry::{HEADER, Registry, gb18030, many, with_map};

#[tokio::test]
async fn gb18030_is_read_as_well_as_utf_8_and_the_wrong_one_is_refused() {
    let registry = with_map().await;
    let table = format!(
        "{HEADER}1,深圳市㐀喆科技有限公司,-,深圳,\"1,234.5\",\n2,杭州样例（集团）股份有限公司,样例Ａ,杭州,,1\n"
    );
    registry.file("gb.csv", gb18030(&table));
    let wrong = registry.import("account", "gb.csv", &["--map", "boss.toml"]);
    assert_eq!((wrong.code, wrong.out.as_str()), (1, ""), "{wrong:?}");
    assert!(wrong.err.contains("表头（文件第 1 行，第 1 字节起）不是有效的 UTF-8"), "{wrong:?}");
    assert!(wrong.err.contains("--encoding gb18030") && wrong.err.contains("未发送"), "{wrong:?}");

    let said = registry.import("account", "gb.csv", &["--map", "boss.toml", "--encoding", "gbk"]);
    assert_eq!((said.code, said.counts()), (0, [2, 0, 0, 0, 0]), "{said:?}");
    let accounts = registry.list().await;
    let first = accounts.iter().find(|account| account.legal_name == "深圳市㐀喆科技有限公司").unwrap();
    assert_eq!(
        (first.short_name.as_str(), first.territory_code.as_str(), first.source.as_str()),
        ("", "440300", "boss")
    );
    assert_eq!(first.registered_capital.as_ref().unwrap().amount, "12345000");
    let second = accounts.iter().find(|account| account.short_name == "样例Ａ").unwrap();
    assert_eq!(second.parent_account_id, first.id);

    registry.file("utf8.csv", format!("\u{FEFF}{table}"));
    let wrong = registry.import("account", "utf8.csv", &["--map", "boss.toml", "--encoding", "gb18030"]);
    assert!(wrong.code == 1 && wrong.err.contains("UTF-8") && wrong.err.contains("未发送"), "{wrong:?}");
    let said = registry.import("account", "utf8.csv", &["--map", "boss.toml"]);
    assert_eq!((said.code, said.counts()), (0, [0, 0, 2, 0, 0]), "{said:?}");
}

#[tokio::test]
async fn what_is_no_table_is_refused_with_what_to_do() {
    let registry = with_map().await;
    let refused = |name: &str, content: &[u8], expected: &str| {
        registry.file(name, content);
        let said = registry.import("account", name, &["--map", "boss.toml", "--language", "en"]);
        assert!(said.code == 1 && said.err.contains(expected), "{name}: {said:?}");
    };
    refused("book.csv", b"PK\x03\x04rest", "Excel workbook");
    refused("wide.csv", b"\xFF\xFEa\0", "UTF-16");
    refused("binary.csv", b"a\0b", "binary");
    refused("empty.csv", b"", "no header");
    // A fault far into the file: nothing of what is before it is sent.
    let mut table = many(2_000).into_bytes();
    table.extend(b"x,\xC4\xE3\xFF,,,,\n");
    refused("late.csv", &table, "row 2001 (line 2002, from byte 3 on)");
    assert_eq!(registry.count().await, (0, 0));

    registry.file("columns.csv", "编号,名称,地市,地市,上级\n1,甲,深圳,深圳,\n");
    let said = registry.import("account", "columns.csv", &["--map", "boss.toml"]);
    assert!(
        said.code == 1 && said.err.contains("没有列 注册资本, 简称") && said.err.contains("列名重复 地市"),
        "{said:?}"
    );
    assert!(said.err.contains("文件的列：编号, 名称"), "{said:?}");
    registry.file("wrong.toml", "noun = \"account\"\n[fields]\nlegalname = \"名称\"\n");
    let said = registry.import("account", "columns.csv", &["--map", "wrong.toml"]);
    assert!(said.code == 1 && said.err.contains("没有字段 legalname") && said.err.contains("legal_name"), "{said:?}");
}

#[tokio::test]
async fn a_broken_row_spoils_nothing_but_itself() {
    let registry = with_map().await;
    let table = format!(
        "{HEADER}1,甲有限公司,甲,深圳,,\n2,乙有限公司\n\n,,,,,\n3,\"丙有限公司,丙,深圳,,\n4,\"丁有限公司\",丁,杭州,,\n\
         5,戊\u{FFFD}有限公司,戊,杭州,,\n6,己有限公司,己,北京,,\n7,庚有限公司,庚,深圳,\"1,5\",\n8,\"辛\"\"有限公司\n分行\",辛,深圳,,\n"
    );
    registry.file("broken.csv", table);
    let said = registry.import("account", "broken.csv", &["--map", "boss.toml", "--rejected", "rejected.csv"]);
    assert_eq!((said.code, said.counts()), (2, [2, 0, 0, 0, 6]), "{said:?}");
    let expected = [
        (2, 3, "ROW_BROKEN"),
        (3, 6, "ROW_BROKEN"),
        (5, 8, "FORMAT"),
        (6, 9, "UNKNOWN_VALUE"),
        (7, 10, "FORMAT"),
        (8, 11, "FORMAT"),
    ];
    assert_eq!(said.rejected(), expected.map(|(row, line, reason)| (row, line, reason.to_owned())));
    let names: Vec<_> = registry.list().await.into_iter().map(|account| account.short_name).collect();
    assert_eq!(names, ["丁", "甲"]);
    let rejected = fs::read_to_string(registry.path("rejected.csv")).unwrap();
    assert_eq!(rejected.lines().next(), Some("row,line,field,reason,message"));
    assert!(rejected.contains("2,3,,ROW_BROKEN,该行有 2 列，表头有 6 列。"), "{rejected}");
    assert!(rejected.contains("6,9,account.territory_code,UNKNOWN_VALUE"), "{rejected}");

    // People see tables.
    let said = registry.run(&["import", "account", "broken.csv", "--map", "boss.toml"]);
    assert!(said.code == 2 && said.out.contains("此前已导入") && said.err.contains("引号没有正确闭合"), "{said:?}");
}

#[tokio::test]
async fn half_a_file_and_then_the_whole() {
    let registry = with_map().await;
    let table = many(700);
    // In the middle of a character of the name in row 601.
    let cut = table.find("样例601科").unwrap() + 1;
    registry.file("half.csv", &table.as_bytes()[..cut]);
    let said = registry.import("account", "half.csv", &["--map", "boss.toml"]);
    assert_eq!((said.code, said.counts()), (2, [600, 0, 0, 0, 1]), "{said:?}");
    assert_eq!(said.rejected(), [(601, 602, "ROW_BROKEN".to_owned())]);
    assert!(said.err.contains("没有换行"), "{said:?}");
    registry.file("whole.csv", &table);
    let said = registry.import("account", "whole.csv", &["--map", "boss.toml"]);
    assert_eq!((said.code, said.counts()), (0, [100, 0, 600, 0, 0]), "{said:?}");
    assert_eq!(registry.count().await, (700, 0));

    // Under the id of the half, the whole brings what was missing, the broken row too.
    let registry = with_map().await;
    let id = ["--map", "boss.toml", "--import-id", "0192f0c1-2345-7abc-8def-0123456789ab"];
    registry.file("half.csv", &gb18030(&table)[..=gb18030(&table[..cut - 1]).len()]);
    let said = registry.import("account", "half.csv", &[&id[..], &["--encoding", "gb18030"]].concat());
    assert_eq!((said.code, said.counts()), (2, [600, 0, 0, 0, 1]), "{said:?}");
    registry.file("whole.csv", gb18030(&table));
    let said = registry.import("account", "whole.csv", &[&id[..], &["--encoding", "gb18030"]].concat());
    assert_eq!((said.code, said.counts()), (0, [100, 0, 0, 600, 0]), "{said:?}");
}

#[tokio::test]
async fn the_same_file_twice_changes_nothing() {
    let registry = with_map().await;
    let table = format!("{}999999,北方样例有限公司,,北京,,\n", many(1_200));
    registry.file("same.csv", &table);
    let first = registry.import("account", "same.csv", &["--map", "boss.toml"]);
    assert_eq!((first.code, first.counts()), (2, [1_200, 0, 0, 0, 1]), "{first:?}");
    let again = registry.import("account", "same.csv", &["--map", "boss.toml"]);
    assert_eq!((again.code, again.counts()), (2, [0, 0, 0, 1_200, 1]), "{again:?}");
    assert_eq!(again.json()["import_id"], first.json()["import_id"]);
    let anew = registry.import(
        "account",
        "same.csv",
        &["--map", "boss.toml", "--import-id", &uuid::Uuid::now_v7().to_string()],
    );
    assert_eq!(anew.counts(), [0, 0, 1_200, 0, 1], "{anew:?}");
    assert_eq!(registry.count().await, (1_200, 0));

    // Another lookup is another import: the row that was rejected lands.
    registry.file("places.csv", "市,编码\n深圳,440300\n北京,330100\n");
    let mended = registry.import("account", "same.csv", &["--map", "boss.toml"]);
    assert_eq!((mended.code, mended.counts()), (0, [1, 0, 1_200, 0, 0]), "{mended:?}");
    assert_ne!(mended.json()["import_id"], first.json()["import_id"]);

    registry.file("changed.csv", table.replace("样例7科技", "样例七科技"));
    let changed = ["--map", "boss.toml", "--mode"];
    let differs = registry.import("account", "changed.csv", &[&changed[..], &["report-differences"]].concat());
    assert_eq!(
        (differs.counts(), differs.rejected()[0].2.as_str()),
        ([0, 0, 1_200, 0, 1], "ROW_DIFFERS"),
        "{differs:?}"
    );
    let insert = registry.import("account", "changed.csv", &[&changed[..], &["insert-only"]].concat());
    assert_eq!((insert.counts(), insert.rejected()[0].2.as_str()), ([0, 0, 0, 0, 1_201], "RESOURCE_EXISTS"));
    let update = registry.import("account", "changed.csv", &["--map", "boss.toml"]);
    assert_eq!(update.counts(), [0, 1, 1_200, 0, 0], "{update:?}");
}

#[tokio::test]
async fn a_dry_run_changes_nothing_and_knows_parents_of_the_same_file() {
    let registry = with_map().await;
    let table =
        many(30).replace("样例20,深圳,,", "样例20,深圳,,000002").replace("样例25,深圳,,", "样例25,深圳,,000020");
    registry.file("dry.csv", format!("{table}31,样例31,,深圳,,777\n32,样例32,,北京,,\n"));
    let dry = registry.import("account", "dry.csv", &["--map", "boss.toml", "--dry-run", "--batch", "10"]);
    assert_eq!((dry.code, dry.counts()), (2, [28, 0, 0, 0, 2]), "{dry:?}");
    assert_eq!(dry.json()["after_parent"], 2, "{dry:?}");
    assert_eq!(registry.count().await, (0, 0));
    let said = registry.import("account", "dry.csv", &["--map", "boss.toml", "--batch", "10"]);
    assert_eq!((said.code, said.counts()), (2, [30, 0, 0, 0, 2]), "{said:?}");
    assert_eq!(
        said.rejected().iter().map(|row| row.2.as_str()).collect::<Vec<_>>(),
        ["RESOURCE_NOT_FOUND", "UNKNOWN_VALUE"]
    );
}

#[tokio::test]
async fn children_may_come_before_their_parents() {
    let registry = with_map().await;
    let rows = "1,孙有限公司,,深圳,,2\n2,子有限公司,,深圳,,3\n3,父有限公司,,杭州,,\n";
    registry.file("family.csv", format!("{HEADER}{rows}"));
    let said = registry.import("account", "family.csv", &["--map", "boss.toml", "--batch", "1"]);
    assert_eq!((said.code, said.counts()), (0, [3, 0, 0, 0, 0]), "{said:?}");
    let accounts = registry.list().await;
    let id = |name: &str| accounts.iter().find(|account| account.legal_name.starts_with(name)).unwrap();
    assert_eq!((&id("孙").parent_account_id, &id("子").parent_account_id), (&id("子").id, &id("父").id));

    // The first level of this tree comes last.
    registry.file(
        "tree2.csv",
        "code,name.zh,level,parent_code\nA2,乙,CITY,A1\nA3,丙,COUNTY,A2\nA1,甲,PROVINCE,CN\nB1,丁,CITY,B0\n",
    );
    let said = registry.import("territory", "tree2.csv", &["--batch", "1"]);
    assert_eq!((said.code, said.counts()), (2, [3, 0, 0, 0, 1]), "{said:?}");
    assert_eq!(said.rejected(), [(4, 5, "RESOURCE_NOT_FOUND".to_owned())]);
}

#[test]
fn the_documented_map_is_a_map() {
    let documentation = fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/IMPORT.md")).unwrap();
    let map = documentation.split("```toml\n").nth(1).unwrap().split("```").next().unwrap();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let registry = Registry::with_tree().await;
        registry.file("boss.toml", map);
        registry.file("grids.csv", "网格名称,编码\n粤海,440305\n");
        let table = "客户名称,省,市,详细地址,简称,客户性质,归属网格,注册资本(万元),员工数,统一社会信用代码,旧证号,英文名称,曾用名,标签,集团编号,上级集团编号,开户日期,带宽\n\
                     样例有限公司,广东省,深圳市,样例路1号,无,企业,粤海,\"1,234.5\",\"12,000\",,,Sample,甲、乙,重点;园区,G1,,2020-01-01,千兆\n";
        registry.file("groups.csv", gb18030(table));
        let said = registry.import("account", "groups.csv", &["--map", "boss.toml"]);
        assert_eq!((said.code, said.counts()), (0, [1, 0, 0, 0, 0]), "{said:?}");
        let account = registry.list().await.remove(0);
        assert_eq!((account.address.as_str(), account.short_name.as_str()), ("广东省深圳市样例路1号", ""));
        assert_eq!((account.aliases, account.tags), (vec!["Sample".to_owned(), "甲".to_owned(), "乙".to_owned()], vec!["BOSS".to_owned(), "重点".to_owned(), "园区".to_owned()]));
        assert_eq!((account.employee_count, account.registered_capital.unwrap().amount.as_str()), (Some(12_000), "12345000"));
        assert_eq!(account.attributes["bandwidth"], "1000");
    });
}
