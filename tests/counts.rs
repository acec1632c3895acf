//! What a result says in numbers adds up, and what it says in words can be acted on.

use std::collections::BTreeMap;
use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use serde_json::{Value, json};

use crate::harness::{EVENT_FILE, EVENTS, Pipeline, World, change_event, event, paragraph};

/// The counts of documents, of which those that were looked at must be the sum of what became of them.
#[track_caller]
fn counted(result: &Value) -> [u64; 5] {
    let documents = &result["documents"];
    let count = |key: &str| documents[key].as_u64().unwrap();
    let outcomes = ["indexed", "unchanged", "quarantined", "skipped"].map(count);
    assert_eq!(count("seen"), outcomes.iter().sum::<u64>(), "{result}");
    let by_type = documents["skipped_by_type"].as_object().unwrap();
    let skipped: u64 = by_type.values().map(|n| n.as_u64().unwrap()).sum();
    assert_eq!(count("skipped"), skipped, "{result}");
    ["indexed", "unchanged", "quarantined", "skipped", "deleted"].map(count)
}

#[test]
fn every_file_is_counted_once() {
    let world = World::with(Pipeline { default_readers: None, ..Pipeline::default() });
    world.write("good.md", paragraph(1));
    world.acl("good.md", &["group:staff"], &[]);
    world.write("no-list.md", paragraph(2));
    world.write("bad-list.md", paragraph(3));
    world.write("bad-list.md.acl.toml", "readers = [");
    world.write("empty-too.txt", "");
    for name in ["table.csv", "other.CSV", "film.mp4", "Makefile"] {
        world.write(name, "x");
    }
    let first = world.backfilled(3);
    assert_eq!(counted(&first), [1, 0, 3, 4, 0], "{first}");
    let types = &first["documents"]["skipped_by_type"];
    assert_eq!(types, &json!({"csv": 2, "mp4": 1, "no extension": 1}));

    let status = world.status();
    let documents = &status["documents"];
    assert_eq!(documents, &json!({"indexed": 1, "deleted": 0, "quarantined": 3, "stale": 0}), "{status}");

    world.remove("good.md");
    let second = world.backfilled(0);
    assert_eq!(counted(&second), [0, 3, 0, 4, 1], "{second}");
    let text = world.run(&["backfill", "pipeline.toml"]).expect(0);
    assert!(text.stdout.contains("4 skipped (2 csv, 1 mp4, 1 no extension)"), "{text}");
}

#[test]
fn every_event_is_counted_once() {
    let world = World::with(Pipeline { more: EVENTS, ..Pipeline::default() });
    let acl = |id: &str, version, reader: &str| {
        change_event(id, "acl", version, json!({"acl": {"readers": [reader], "denied": []}})) + "\n"
    };
    let lines = [
        event("a", "upsert", 1, Some("first")),
        event("a", "upsert", 2, Some("second")),
        event("b", "upsert", 1, Some("bee")),
        event("b", "delete", 2, None),
        event("never", "delete", 1, None),
        event("c", "upsert", 1, None),
        acl("a", 1, "group:board"),
        "no event\n".to_owned(),
    ];
    world.append(EVENT_FILE, &lines.concat());
    let result = world.backfilled(3);
    let documents = &result["documents"];
    let count = |key: &str| documents[key].as_u64().unwrap();
    // Three of them say that something is gone or who may read, and are looked at for nothing else.
    assert_eq!((count("indexed"), count("deleted"), count("quarantined")), (1, 2, 2), "{result}");
    assert_eq!(count("seen"), count("indexed") + count("unchanged") + count("quarantined"), "{result}");
}

/// Everything beneath a folder with the time of its last change.
fn tree(folder: &Path) -> BTreeMap<PathBuf, SystemTime> {
    let mut found = BTreeMap::from([(folder.to_owned(), folder.metadata().unwrap().modified().unwrap())]);
    for item in fs::read_dir(folder).unwrap() {
        let path = item.unwrap().path();
        if path.is_dir() {
            found.extend(tree(&path));
        } else {
            let modified = path.metadata().unwrap().modified().unwrap();
            found.insert(path, modified);
        }
    }
    found
}

/// Root may write anywhere, so that what was written is looked for, too.
#[test]
fn an_index_that_may_not_be_written_can_be_looked_at() {
    let world = World::new();
    world.write("a.md", "# Water\n\nThe river is high.\n");
    world.backfilled(0);
    world.write("a.md", "# Water\n\nThe river is low.\n");
    let seq = world.backfilled(0)["release"]["seq"].as_u64().unwrap();
    let before = tree(&world.index());
    let set = |mode| {
        before.keys().filter(|path| path.is_dir()).for_each(|path| {
            fs::set_permissions(path, Permissions::from_mode(mode)).unwrap();
        })
    };
    set(0o555);
    let first = format!("seq:{}", seq - 1);
    let commands: [&[&str]; 8] = [
        &["releases", "list", "pipeline.toml"],
        &["releases", "diff", "pipeline.toml", &first],
        &["rollback", "pipeline.toml", "--to", &first, "--dry-run"],
        &["search", "pipeline.toml", "river", "--as", "group:staff", "--release", &first],
        &["search", "pipeline.toml", "river", "--as", "group:staff"],
        &["status", "pipeline.toml"],
        &["quarantine", "list", "pipeline.toml"],
        &["verify", "pipeline.toml"],
    ];
    for command in commands {
        world.run(command).expect(0);
        assert_eq!(tree(&world.index()), before, "{command:?} wrote something");
    }
    set(0o755);
    let planned = world.run(&["rollback", "pipeline.toml", "--to", &first, "--dry-run", "--format", "json"]);
    assert_eq!(planned.expect(0).json()["documents"]["restored"], 1);
}

#[test]
fn a_path_that_only_a_shell_knows_is_refused_by_name() {
    let world = World::new();
    let good = Pipeline::default().text();
    for (from, to) in [("root = \"docs\"", "root = \"~/docs\""), ("uri = \"index\"", "uri = \"~/index\"")] {
        fs::write(world.path("tilde.toml"), good.replacen(from, to, 1)).unwrap();
        let [code, message, place, next] =
            world.run(&["validate", "tilde.toml", "--format", "json"]).expect(2).error();
        assert_eq!(code, "config");
        assert!(message.contains("${HOME}") && place.starts_with("tilde.toml:"), "{message} {place}");
        assert!(next.starts_with("Set ") && next.ends_with('.'), "{next}");
    }
}

#[test]
fn the_list_of_what_is_quarantined_says_why_to_programs_too() {
    let world = World::new();
    world.write("broken.pdf", "%PDF-1.7\nnothing that could be read\n");
    world.backfilled(3);
    let list = world.run(&["quarantine", "list", "pipeline.toml", "--format", "json"]).expect(0).json();
    let detail = list["items"][0]["detail"].as_str().unwrap();
    assert!(!detail.is_empty(), "{list}");
    let text = world.run(&["quarantine", "list", "pipeline.toml"]).expect(0).stdout;
    assert!(text.contains(detail), "{text}");
}
