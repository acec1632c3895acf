//! The written contract of the tables is the one in the code.
#![allow(missing_docs, clippy::unwrap_used, clippy::expect_used)]

#[test]
fn the_schema_in_the_repository_is_current() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../schemas/index.json");
    let current = format!("{}\n", serde_json::to_string_pretty(&alluvium_index::schema_json()).unwrap());
    if std::env::var_os("UPDATE_SCHEMAS").is_some() {
        std::fs::write(path, &current).unwrap();
    }
    let written = std::fs::read_to_string(path).unwrap_or_default();
    assert!(written == current, "schemas/index.json is not current: run this test with UPDATE_SCHEMAS=1");
}
