//! Going back, from the command line: the text of then, the permissions of now, nothing of what was
//! erased; and the way forward again.

use std::collections::BTreeSet;
use std::fs;

use serde_json::Value;

use crate::harness::{
    EVENT_FILE, EVENTS, Pipeline, Run, World, check_fresh, check_schema, event, files, ids, paragraph,
};

const STAFF: &[&str] = &["group:staff"];

/// `alluvium COMMAND pipeline.toml …`, which must end with this exit code.
fn run(world: &World, command: &[&str], code: i32) -> Run {
    let (words, rest) = match command {
        [group @ ("releases" | "quarantine"), verb, rest @ ..] => (vec![*group, *verb], rest),
        [verb, rest @ ..] => (vec![*verb], rest),
        [] => (vec![], command),
    };
    let args: Vec<&str> = [&words[..], &["pipeline.toml"], rest, &["--format", "json"]].concat();
    let run = world.run(&args).expect(code);
    if let (0 | 3, Some(schema)) = (code, schema_of(command)) {
        check_schema(&format!("{schema}.schema.json"), &run.json());
    }
    run
}

/// The schema of a command's result.
fn schema_of(command: &[&str]) -> Option<&'static str> {
    Some(match command {
        ["releases", "list", ..] => "releases",
        ["releases", "diff", ..] => "releases_diff",
        ["releases", ..] => "release",
        ["rollback", ..] => "rollback",
        ["resume", ..] => "resume",
        ["erase", ..] => "erase",
        ["quarantine", "list", ..] => "quarantine_list",
        ["quarantine", "show", ..] => "quarantine_show",
        ["quarantine", "retry", ..] => "quarantine_retry",
        ["quarantine", "drop", ..] => "quarantine_drop",
        _ => return None,
    })
}

fn live(world: &World) -> u64 {
    world.status()["live"]["seq"].as_u64().unwrap()
}

/// The texts that staff can find, by document.
fn texts(world: &World) -> BTreeSet<String> {
    world.search("anything", STAFF).into_iter().map(|hit| format!("{}: {}", hit.doc_id, hit.text)).collect()
}

fn some(names: &[&str]) -> World {
    let world = World::new();
    for name in names {
        world.write(&format!("{name}.md"), format!("{name} as it was in spring.\n"));
    }
    world.backfilled(0);
    world
}

#[test]
fn a_bad_import_is_undone_and_the_source_comes_back_with_resume() {
    let world = some(&["a", "b", "c", "d"]);
    let before = texts(&world);
    run(&world, &["releases", "create", "before-import"], 0);
    world.write("a.md", "a as it was in autumn, and wrong.\n");
    world.remove("b.md");
    world.acl("c.md", &["group:board"], &[]);
    world.write("new.md", "A new one, and wrong.\n");
    world.backfilled(0);
    run(&world, &["erase", "--doc", "docs/d.md"], 0);
    assert_eq!(world.documents_for(STAFF), ids(&["a.md", "new.md"]));
    let after = texts(&world);

    let before_plan = files(&world.index());
    let plan = run(&world, &["rollback", "--to", "before-import", "--dry-run"], 0).json();
    assert_eq!(files(&world.index()), before_plan, "a dry run writes nothing");
    assert_eq!((&plan["seq"], &plan["dry_run"]), (&Value::Null, &Value::Bool(true)), "{plan}");
    let done = run(&world, &["rollback", "--to", "before-import"], 0).json();
    assert_eq!(done["documents"], plan["documents"]);
    let documents = serde_json::json!({"restored": 1, "removed": 1, "deletions_kept": 1, "erasures_kept": 1,
        "permissions_kept": 1});
    assert_eq!(done["documents"], documents);
    assert_eq!(done["paused"], true);
    let rolled: BTreeSet<String> =
        before.iter().filter(|text| text.starts_with("docs/a.md")).cloned().collect();
    assert_eq!(texts(&world), rolled, "the old text of a; c is the board's now, b and d are gone");
    assert_eq!(world.documents_for(&["group:board"]), ids(&["c.md"]));

    let [code, message, _, next] = world.backfill().expect(1).error();
    assert_eq!(code, "paused", "{message}");
    assert!(next.contains("alluvium resume"), "{next}");
    assert_eq!(texts(&world), rolled);
    assert_eq!(run(&world, &["resume"], 0).json()["resumed"], true);
    assert_eq!(run(&world, &["resume"], 0).json()["resumed"], false);
    world.backfilled(0);
    assert_eq!(texts(&world), after, "resume brings back the state of the source");
}

#[test]
fn after_resume_the_index_is_what_it_would_have_been() {
    let world = some(&["a", "b", "c"]);
    let then = live(&world);
    world.write("a.md", paragraph(7));
    world.remove("b.md");
    world.backfilled(0);
    run(&world, &["rollback", "--to", &format!("seq:{then}")], 0);
    run(&world, &["rollback", "--to", &format!("seq:{}", live(&world) - 1)], 0);
    run(&world, &["rollback", "--to", &format!("seq:{then}"), "--restore-deleted"], 0);
    assert_eq!(world.documents_for(STAFF), ids(&["a.md", "b.md", "c.md"]));
    run(&world, &["resume"], 0);
    world.backfilled(0);
    check_fresh(&world);
}

#[test]
fn an_erased_document_stays_erased_through_everything() {
    let world = some(&["a", "b"]);
    let then = live(&world);
    let erased = run(&world, &["erase", "--doc", "docs/a.md"], 0).json();
    assert_eq!(erased["erased"], true);
    let only_b = ids(&["b.md"]);
    assert_eq!(world.documents_for(STAFF), only_b);
    assert_eq!(world.backfilled(0)["chunks"]["embedded"], 0, "its source is not even read");
    assert_eq!(world.documents_for(STAFF), only_b);
    world.write("a.md", "a with new words.\n");
    world.backfilled(0);
    world.run(&["backfill", "pipeline.toml", "--reprocess", "all"]).expect(0);
    assert_eq!(world.documents_for(STAFF), only_b);
    run(&world, &["rollback", "--to", &format!("seq:{then}"), "--restore-deleted"], 0);
    assert_eq!(world.documents_for(STAFF), only_b);
    run(&world, &["resume"], 0);
    world.backfilled(0);
    assert_eq!(world.documents_for(STAFF), only_b);

    run(&world, &["erase", "--doc", "docs/a.md", "--undo"], 0);
    assert_eq!(world.documents_for(STAFF), only_b);
    world.backfilled(0);
    assert_eq!(world.documents_for(STAFF), ids(&["a.md", "b.md"]));
    run(&world, &["rollback", "--to", &format!("seq:{then}")], 0);
    assert_eq!(world.documents_for(STAFF), only_b, "the text from before the erasure is not served");
    for (doc, code) in [("docs/never.md", "not_found"), ("nowhere", "usage")] {
        let run = world.run(&["erase", "pipeline.toml", "--doc", doc, "--format", "json"]);
        assert_eq!(run.error()[0], code, "{run}");
    }
}

#[test]
fn kept_offsets_hold_files_back_until_they_change() {
    let world = some(&["a", "b", "c"]);
    let then = format!("seq:{}", live(&world));
    world.write("a.md", "a as it was in autumn, and wrong.\n");
    world.write("new.md", "A new one, and wrong.\n");
    world.remove("c.md");
    world.backfilled(0);
    let options = ["rollback", "--to", &then, "--keep-offsets", "--no-pause", "--restore-deleted"];
    let done = run(&world, &options, 0).json();
    assert_eq!(done["paused"], false);
    let spring = ids(&["a.md", "b.md", "c.md"]);
    assert_eq!(world.documents_for(STAFF), spring);
    let again = world.backfilled(0);
    assert_eq!(again["published"], false, "{again}");
    assert_eq!(world.documents_for(STAFF), spring, "nothing changed, so nothing comes back");
    world.write("new.md", "A new one, and right.\n");
    world.backfilled(0);
    assert_eq!(world.documents_for(STAFF), ids(&["a.md", "b.md", "c.md", "new.md"]));
    let waiting: BTreeSet<String> = world.quarantine().into_iter().map(|(doc, _)| doc).collect();
    assert_eq!(waiting, ids(&["a.md", "c.md"]));
    run(&world, &["quarantine", "retry"], 0);
    assert_eq!(world.documents_for(STAFF), ids(&["a.md", "b.md", "new.md"]));
    assert!(texts(&world).iter().any(|text| text.contains("autumn")));
    world.run(&["rollback", "pipeline.toml", "--to", &then, "--no-pause"]).expect(2);
}

#[test]
fn releases_are_listed_compared_and_dropped() {
    let world = some(&["a", "b"]);
    run(&world, &["releases", "create", "spring"], 0);
    world.write("a.md", "other\n");
    world.write("c.md", "new\n");
    world.remove("b.md");
    world.backfilled(0);
    let diff = run(&world, &["releases", "diff", "spring"], 0).json();
    assert_eq!(diff["added"], serde_json::json!(["docs/c.md"]));
    assert_eq!(diff["removed"], serde_json::json!(["docs/b.md"]));
    assert_eq!(diff["changed"], serde_json::json!(["docs/a.md"]));
    let list = run(&world, &["releases", "list"], 0).json();
    assert_eq!(list["releases"][0]["name"], "spring");
    assert_eq!(list["records"][0]["seq"], list["live"]);
    assert_eq!(run(&world, &["releases", "create", "spring"], 1).error()[0], "exists");
    assert_eq!(run(&world, &["releases", "create", "../x"], 2).error()[0], "usage");
    run(&world, &["releases", "drop", "spring"], 0);
    assert_eq!(run(&world, &["rollback", "--to", "spring"], 1).error()[0], "not_found");
    let live = format!("seq:{}", live(&world));
    assert_eq!(run(&world, &["rollback", "--to", &live], 1).error()[0], "already_live");
    assert!(world.run(&["releases", "list", "pipeline.toml"]).expect(0).stdout.contains("commit"));
}

#[test]
fn quarantined_documents_are_shown_retried_and_dropped() {
    let world = some(&["a"]);
    world.write("empty.txt", "");
    world.write("blank.txt", "");
    world.backfilled(3);
    let list = run(&world, &["quarantine", "list"], 0).json();
    let id = |doc: &str| {
        let items = list["items"].as_array().unwrap();
        items.iter().find(|item| item["doc_id"] == doc).unwrap()["id"].as_str().unwrap().to_owned()
    };
    let (empty, blank) = (id("docs/empty.txt"), id("docs/blank.txt"));
    let shown = run(&world, &["quarantine", "show", &empty], 0).json();
    assert_eq!(shown["item"]["cause"], "empty");
    assert!(!shown["detail"].as_str().unwrap().is_empty());
    let retried = run(&world, &["quarantine", "retry", &empty], 3).json();
    assert_eq!(retried["documents"], serde_json::json!(["docs/empty.txt"]));
    assert_eq!(retried["run"]["documents"]["quarantined"], 1);
    assert_eq!(run(&world, &["quarantine", "show", &empty], 0).json()["item"]["attempts"], 2);
    run(&world, &["quarantine", "drop", &blank], 0);
    assert_eq!(world.quarantine().len(), 1);
    assert_eq!(world.backfilled(0)["documents"]["quarantined"], 0, "dropped content is not tried again");
    assert_eq!(world.quarantine().len(), 1);
    fs::write(world.doc("blank.txt"), "Words at last.\n").unwrap();
    world.backfilled(0);
    assert_eq!(world.documents_for(STAFF), ids(&["a.md", "blank.txt"]));
    assert_eq!(run(&world, &["quarantine", "show", "nope"], 1).error()[0], "not_found");
    assert_eq!(run(&world, &["quarantine", "drop", "nope"], 1).error()[0], "not_found");
}

#[test]
fn events_since_then_are_replayed_after_resume() {
    let world = World::with(Pipeline { more: EVENTS, ..Pipeline::default() });
    world.append(EVENT_FILE, &event("p", "upsert", 1, Some("The rivers rise.")));
    world.backfilled(0);
    let then = live(&world);
    world.append(EVENT_FILE, &event("p", "upsert", 2, Some("The rivers fall.")));
    world.append(EVENT_FILE, &event("q", "upsert", 1, Some("The lakes freeze.")));
    world.backfilled(0);
    let after = texts(&world);
    run(&world, &["rollback", "--to", &format!("seq:{then}")], 0);
    assert_eq!(texts(&world), BTreeSet::from(["events/p: The rivers rise.".to_owned()]));
    run(&world, &["resume"], 0);
    assert_eq!(world.backfilled(0)["documents"]["indexed"], 2);
    assert_eq!(texts(&world), after);
}
