//! The index against itself and against its sources, from the command line.

use std::fs;

use serde_json::Value;

use crate::harness::{EVENT_FILE, EVENTS, Pipeline, Run, World, check_schema, event, files};

/// `alluvium verify pipeline.toml …`, which must end with this exit code; its result.
#[track_caller]
fn verify(world: &World, more: &[&str], code: i32) -> Value {
    let args = [&["verify", "pipeline.toml", "--format", "json"], more].concat();
    let result = world.run(&args).expect(code).json();
    check_schema("verify.schema.json", &result);
    result
}

/// What is wrong, as `check subject`, sorted.
fn findings(result: &Value) -> Vec<String> {
    let text = |finding: &Value, key: &str| finding[key].as_str().unwrap().to_owned();
    let findings = result["findings"].as_array().unwrap().iter();
    let mut findings: Vec<String> =
        findings.map(|f| format!("{} {}", text(f, "check"), text(f, "subject"))).collect();
    findings.sort();
    assert_eq!(result["total"], findings.len());
    findings
}

/// Verifies with the sources.
#[track_caller]
fn compared(world: &World, code: i32) -> Vec<String> {
    findings(&verify(world, &["--source"], code))
}

fn company() -> World {
    let world = World::new();
    for name in ["leave", "travel", "mill", "ferry"] {
        world.write(&format!("{name}.md"), format!("# {name}\n\nThe {name} as it was in sprïng.\n"));
    }
    world.write("board/minutes.md", "The board approved the purchase of the mill.\n");
    world.acl("board/", &["group:board"], &[]);
    world.backfilled(0);
    world
}

#[test]
fn what_changed_in_a_folder_is_found_until_it_is_backfilled() {
    let world = company();
    let before = files(&world.index());
    assert_eq!(compared(&world, 0), [""; 0]);
    world.write("new.md", "New.\n");
    world.write("mill.md", "The mill burned down.\n");
    world.remove("ferry.md");
    world.acl("travel.md", &["group:board"], &[]);
    assert_eq!(findings(&verify(&world, &[], 0)), [""; 0], "the index itself is as it was");
    let wrong =
        ["ghost docs/ferry.md", "missing docs/new.md", "stale docs/mill.md", "wrong_access docs/travel.md"];
    assert_eq!(compared(&world, 1), wrong);
    let text = world.run(&["verify", "pipeline.toml", "--source"]).expect(1).stdout;
    assert!(text.contains("4 findings:\n") && text.contains("  stale  docs/mill.md: "), "{text}");
    assert_eq!(files(&world.index()), before, "looking changes nothing");
    world.backfilled(0);
    assert_eq!(compared(&world, 0), [""; 0]);
    // The list of a folder is that of all its files, and one that is broken is nobody's.
    world.acl("board/", &["group:staff"], &[]);
    world.write("leave.md.acl.toml", "readers = 7");
    assert_eq!(compared(&world, 1), ["wrong_access docs/board/minutes.md", "wrong_access docs/leave.md"]);
    world.backfilled(3);
    assert_eq!(compared(&world, 0), [""; 0]);
}

#[test]
fn what_is_held_back_quarantined_or_erased_is_counted() {
    let world = company();
    world.run(&["releases", "create", "pipeline.toml", "spring"]).expect(0);
    world.write("mill.md", "The mill burned down.\n");
    world.write("late.md", "Late.\n");
    world.remove("ferry.md");
    world.write("noise.pdf", "no PDF at all");
    world.write("travel.md", "");
    world.backfilled(3);
    world.run(&["erase", "pipeline.toml", "--doc", "docs/leave.md"]).expect(0);
    let result = verify(&world, &["--source"], 0);
    let source = &result["sources"][0];
    assert_eq!((&source["compared"], &source["note"]), (&Value::Bool(true), &Value::Null));
    let counts = ["documents", "quarantined", "held_back", "erased"].map(|key| source[key].as_u64().unwrap());
    assert_eq!(counts, [6, 2, 0, 1], "{source}");
    let back = ["rollback", "pipeline.toml", "--to", "spring", "--keep-offsets", "--restore-deleted"];
    world.run(&back).expect(0);
    let result = verify(&world, &["--source"], 0);
    let source = &result["sources"][0];
    let counts = ["quarantined", "held_back", "erased"].map(|key| source[key].as_u64().unwrap());
    assert_eq!(counts, [2, 3, 1], "{source}");
    world.run(&["resume", "pipeline.toml"]).expect(0);
    assert_eq!(compared(&world, 0), [""; 0]);
}

#[test]
fn a_source_that_is_not_compared_is_named() {
    let world = World::with(Pipeline { more: EVENTS, ..Pipeline::default() });
    world.write("a.md", "A document.\n");
    world.append(EVENT_FILE, &event("one", "upsert", 1, Some("An event.")));
    world.backfilled(0);
    let result = verify(&world, &["--source"], 0);
    let sources = result["sources"].as_array().unwrap();
    let compared: Vec<_> =
        sources.iter().map(|s| (s["name"].as_str().unwrap(), s["compared"].as_bool().unwrap())).collect();
    assert_eq!(compared, [("events", false), ("docs", true)]);
    let text = world.run(&["verify", "pipeline.toml", "--source"]).expect(0).stdout;
    assert!(text.contains("source events: not compared; "), "{text}");
    // A source that left the file, and one whose folder is gone.
    world.pipeline("pipeline.toml", &Pipeline::default());
    fs::rename(world.path("docs"), world.path("elsewhere")).unwrap();
    let result = verify(&world, &["--source"], 1);
    assert_eq!(findings(&result), ["source_unreadable docs"]);
    let notes: Vec<_> = result["sources"].as_array().unwrap().iter().map(|s| &s["compared"]).collect();
    assert_eq!(notes, [false, false]);
}

#[test]
fn an_index_that_is_broken_is_a_result_and_not_an_error() {
    let world = company();
    let ledger = world.index().join("ledger");
    let mut records: Vec<_> = fs::read_dir(&ledger).unwrap().map(|item| item.unwrap().path()).collect();
    records.sort();
    // The newest comes first.
    fs::write(&records[0], "{").unwrap();
    let result = verify(&world, &["--source"], 1);
    let newest = format!("record_unreadable record {}", records.len());
    assert_eq!(findings(&result), [newest]);
    assert_eq!(result["live"]["generation"], Value::Null);
    assert_eq!(result["sources"][0]["compared"], Value::Bool(false));
}

#[test]
fn another_pipelines_index_and_none_are_errors() {
    let world = company();
    world.pipeline("other.toml", &Pipeline { name: "other", ..Pipeline::default() });
    let [code, ..] =
        Run::of(&mut world.command(&["verify", "other.toml", "--format", "json"])).expect(2).error();
    assert_eq!(code, "other_pipeline");
    world.pipeline("none.toml", &Pipeline { index: "none", ..Pipeline::default() });
    let [code, ..] = world.run(&["verify", "none.toml", "--format", "json"]).expect(1).error();
    assert_eq!(code, "no_index");
}
