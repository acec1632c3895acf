//! The schemas in `schemas/` are those of the types here. `UPDATE_SCHEMAS=1` writes them.

use std::path::Path;

use schemars::Schema;

use super::*;
use crate::event;

fn check(file: &str, schema: Schema) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../schemas").join(file);
    let expected = serde_json::to_string_pretty(&schema).unwrap() + "\n";
    if std::env::var_os("UPDATE_SCHEMAS").is_some() {
        std::fs::write(&path, &expected).unwrap();
    }
    let found = std::fs::read_to_string(&path).unwrap_or_default();
    assert!(found == expected, "schemas/{file} is not current: run this test with UPDATE_SCHEMAS=1");
}

#[test]
fn the_schemas_of_results_are_current() {
    check("backfill.schema.json", schema_of::<BackfillResult>());
    check("validate.schema.json", schema_of::<ValidateResult>());
    check("search.schema.json", schema_of::<SearchResult>());
    check("status.schema.json", schema_of::<StatusResult>());
    check("explain.schema.json", schema_of::<ExplainResult>());
    check("quarantine_list.schema.json", schema_of::<QuarantineListResult>());
    check("quarantine_show.schema.json", schema_of::<QuarantineShowResult>());
    check("quarantine_retry.schema.json", schema_of::<QuarantineRetryResult>());
    check("quarantine_drop.schema.json", schema_of::<QuarantineDropResult>());
    check("releases.schema.json", schema_of::<ReleasesResult>());
    check("release.schema.json", schema_of::<ReleaseResult>());
    check("releases_diff.schema.json", schema_of::<DiffResult>());
    check("maintain.schema.json", schema_of::<MaintainResult>());
    check("rollback.schema.json", schema_of::<RollbackResult>());
    check("resume.schema.json", schema_of::<ResumeResult>());
    check("run.schema.json", schema_of::<RunResult>());
    check("erase.schema.json", schema_of::<EraseResult>());
    check("verify.schema.json", schema_of::<VerifyResult>());
    check("models.schema.json", schema_of::<ModelsResult>());
    check("error.schema.json", schema_of::<ErrorResult<'_>>());
}

#[test]
fn the_schema_of_events_is_current() {
    check("document_change.v1.schema.json", event::json_schema());
}
