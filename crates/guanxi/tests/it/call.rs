//! Methods called by file.

use crate::registry::Registry;

const CREATE: &str = "AccountManagerService/CreateAccountManager";

fn manager(number: &str, territory: &str) -> String {
    let channel = "ACCOUNT_MANAGER_CHANNEL_FIELD";
    let manager =
        serde_json::json!({"employeeNumber": number, "name": "张三", "territoryCode": territory, "channel": channel});
    format!("{}\n", serde_json::json!({"accountManager": manager}))
}

#[tokio::test]
async fn each_line_is_a_request_and_each_answer_a_line() {
    let registry = Registry::with_tree().await;
    registry.file("two.jsonl", format!("{}\n{}", manager("E1", "440300"), manager("E2", "330100")));
    let said = registry.run(&["call", CREATE, "two.jsonl"]);
    assert_eq!((said.code, said.out.lines().count()), (0, 2), "{said:?}");
    let first: serde_json::Value = serde_json::from_str(said.out.lines().next().unwrap()).unwrap();
    assert_eq!(first["accountManager"]["employeeNumber"], "E1");

    // What is there already ends it, or is passed over.
    registry.file("three.jsonl", manager("E1", "440300") + &manager("E3", "440300"));
    let said = registry.run(&["call", CREATE, "three.jsonl"]);
    assert!(said.code == 1 && said.out.is_empty() && said.err.contains("three.jsonl, line 1: "), "{said:?}");
    let said = registry.run(&["call", CREATE, "three.jsonl", "--skip-existing"]);
    assert_eq!((said.code, said.out.lines().count()), (0, 1), "{said:?}");
    assert!(said.err.contains("line 1: it is there already"), "{said:?}");
}

#[tokio::test]
async fn what_cannot_be_called_is_said_before_anything_is_sent() {
    let registry = Registry::with_tree().await;
    registry.file("bad.jsonl", manager("E1", "440300") + "{\"accountManager\": {\"nombre\": \"\"}}\n");
    let said = registry.run(&["call", CREATE, "bad.jsonl"]);
    assert!(said.code == 1 && said.err.contains("bad.jsonl, line 2: ") && said.err.contains("nombre"), "{said:?}");
    assert!(said.out.is_empty(), "{said:?}");
    for method in ["AccountService/Nothing", "AccountService/ImportAccounts", "Nothing"] {
        let said = registry.run(&["call", method, "bad.jsonl"]);
        assert!(said.code == 1 && said.err.contains("there is no method"), "{said:?}");
    }
    registry.file("elsewhere.jsonl", manager("E1", "999999"));
    let said = registry.run(&["call", CREATE, "elsewhere.jsonl"]);
    assert!(said.code == 1 && said.err.contains("999999"), "{said:?}");
}
