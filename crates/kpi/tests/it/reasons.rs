//! Every reason that only kpi gives stands in a test.

use std::path::Path;

use guanxi_proto::DESCRIPTOR_POOL;
use guanxi_test_support::contract::Subject;

use crate::support::Service;

/// Reasons that no test provokes, and why.
const NEVER: [(&str, &str); 1] = [("UNSPECIFIED", "is never sent")];

/// The Rust files in a folder and below.
fn sources(folder: &Path) -> String {
    let mut text = String::new();
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            text += &sources(&path);
        } else if path.extension().is_some_and(|extension| extension == "rs") && !path.ends_with("reasons.rs") {
            text += &std::fs::read_to_string(&path).unwrap();
        }
    }
    text
}

#[test]
fn every_reason_of_the_service_stands_in_a_test() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let tests = sources(&root.join("tests"));
    let reasons = DESCRIPTOR_POOL.get_enum_by_name(&format!("{}.ErrorReason", Service::PACKAGE)).unwrap();
    let mut missing = Vec::new();
    for value in reasons.values() {
        let reason = value.name().trim_start_matches("ERROR_REASON_");
        if !tests.contains(&format!("\"{reason}\"")) && NEVER.iter().all(|(never, _)| *never != reason) {
            missing.push(reason.to_owned());
        }
    }
    assert!(missing.is_empty(), "no test provokes {missing:?}");
}
