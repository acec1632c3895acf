//! The daemon on a real tree: the index follows, and is what a fresh backfill would make.

use std::collections::BTreeSet;
use std::fs;

use serde_json::Value;

use crate::harness::{
    EVENT_FILE, EVENTS, Pipeline, Process, World, check_fresh, event, ids, paragraph, poll,
};

const STAFF: &[&str] = &["group:staff"];

/// A world whose daemon does not wait long for anything.
fn quick() -> World {
    let more = "[commit]\ninterval = \"100ms\"\n\n[run]\nsettle = \"100ms\"\ndrain_timeout = \"20s\"";
    World::with(Pipeline { more, ..Pipeline::default() })
}

fn start(world: &World) -> Process {
    Process::start(&mut world.command(&["run", "pipeline.toml"]))
}

/// The status, once there is an index.
fn status(world: &World) -> Option<Value> {
    let run = world.run(&["status", "pipeline.toml", "--format", "json"]);
    (run.code == Some(0)).then(|| run.json())
}

#[track_caller]
fn await_counts(world: &World, indexed: u64, deleted: u64) {
    poll(&format!("state of {indexed} indexed and {deleted} deleted"), || {
        let documents = &status(world)?["documents"];
        (documents["indexed"] == indexed && documents["deleted"] == deleted).then_some(())
    });
}

#[track_caller]
fn await_documents(world: &World, principals: &[&str], expected: &BTreeSet<String>) {
    poll("set of documents", || (world.documents_for(principals) == *expected).then_some(()));
}

#[track_caller]
fn await_text(world: &World, words: &str) {
    poll(&format!("passage with {words:?}"), || {
        world.search(words, STAFF).iter().any(|hit| hit.text.contains(words)).then_some(())
    });
}

#[test]
fn the_index_follows_a_tree_that_people_work_on() {
    let world = quick();
    for name in ["a", "b", "c"] {
        world.write(&format!("{name}.md"), format!("{name} in spring.\n"));
    }
    let mut daemon = start(&world);
    await_counts(&world, 3, 0);
    world.write("a.md", "The herons of autumn.\n");
    await_text(&world, "herons");
    fs::rename(world.doc("b.md"), world.doc("renamed.md")).unwrap();
    world.remove("c.md");
    await_documents(&world, STAFF, &ids(&["a.md", "renamed.md"]));
    // A new folder with files that are there before anyone could watch it.
    world.write("deep/er/one.md", "One.\n");
    world.write("deep/er/two.md", "Two.\n");
    world.acl("deep/", &["group:board"], &[]);
    await_documents(&world, &["group:board"], &ids(&["deep/er/one.md", "deep/er/two.md"]));
    world.acl("deep/er/two.md", &["group:staff"], &[]);
    await_documents(&world, STAFF, &ids(&["a.md", "renamed.md", "deep/er/two.md"]));
    world.remove("deep/.acl.toml");
    await_documents(&world, &["group:board"], &BTreeSet::new());
    // As editors save: a temporary file, renamed over the old one.
    world.write("a.md~", "The cranes of winter.\n");
    fs::rename(world.doc("a.md~"), world.doc("a.md")).unwrap();
    await_text(&world, "cranes");
    fs::rename(world.doc("deep"), world.doc("moved")).unwrap();
    let all = ids(&["a.md", "renamed.md", "moved/er/one.md", "moved/er/two.md"]);
    await_documents(&world, STAFF, &all);
    check_fresh(&world);
    daemon.signal("TERM");
    daemon.end().expect(0);
}

#[test]
fn a_file_that_is_still_being_written_is_whole_in_the_end() {
    use std::io::Write;
    let world = quick();
    world.write("a.md", "A.\n");
    let mut daemon = start(&world);
    await_counts(&world, 1, 0);
    let mut file = fs::File::create(world.doc("growing.txt")).unwrap();
    for i in 0..40 {
        writeln!(file, "{}\n", paragraph(i)).unwrap();
        file.flush().unwrap();
        status(&world);
    }
    writeln!(file, "The last line tells of kingfishers.").unwrap();
    drop(file);
    await_text(&world, "kingfishers");
    check_fresh(&world);
    daemon.signal("TERM");
    daemon.end().expect(0);
}

#[test]
fn a_burst_of_two_thousand_files_is_followed() {
    let world = quick();
    world.write("a.md", "A.\n");
    let mut daemon = start(&world);
    await_counts(&world, 1, 0);
    for i in 0..2_000 {
        world.write(&format!("burst/{}/{i}.txt", i % 20), format!("Note {i}.\n"));
    }
    await_counts(&world, 2_001, 0);
    for i in 0..500 {
        world.remove(&format!("burst/{}/{i}.txt", i % 20));
    }
    await_counts(&world, 1_501, 500);
    daemon.signal("TERM");
    daemon.end().expect(0);
    assert_eq!(world.backfilled(0)["published"], false, "nothing was missed");
}

#[test]
fn a_second_writer_is_told_who_holds_the_index() {
    let world = quick();
    world.write("a.md", "A.\n");
    let mut daemon = start(&world);
    await_counts(&world, 1, 0);
    let pid = daemon.child().id().to_string();
    for second in ["maintain", "run"] {
        let run = world.run(&[second, "pipeline.toml", "--format", "json"]).expect(4);
        let [code, message, ..] = run.error();
        assert_eq!(code, "index_held");
        assert!(message.contains(&format!("process {pid} on ")), "{message}");
        assert!(message.contains(" since 20"), "{message}");
    }
    assert_eq!(world.documents_for(STAFF), ids(&["a.md"]), "readers are never blocked");
    daemon.signal("TERM");
    daemon.end().expect(0);
    world.backfilled(0);
}

#[test]
fn a_rollback_beside_the_daemon_pauses_it_and_resume_lets_it_follow() {
    let world = quick();
    for name in ["a", "b"] {
        world.write(&format!("{name}.md"), format!("{name} in spring.\n"));
    }
    let mut daemon = start(&world);
    await_counts(&world, 2, 0);
    world.run(&["releases", "create", "pipeline.toml", "spring"]).expect(0);
    world.write("a.md", "The herons of autumn.\n");
    await_text(&world, "herons");
    for _ in 0..2 {
        world.run(&["rollback", "pipeline.toml", "--to", "spring"]).expect(0);
        assert!(world.search("herons", STAFF).iter().all(|hit| !hit.text.contains("herons")));
        world.write("c.md", "While it was paused.\n");
        let paused = status(&world).unwrap();
        assert_eq!(paused["live"]["paused"], true);
        assert_eq!(paused["documents"]["indexed"], 2, "{paused}");
        world.run(&["resume", "pipeline.toml"]).expect(0);
        await_text(&world, "herons");
        await_counts(&world, 3, 0);
    }
    world.run(&["erase", "pipeline.toml", "--doc", "docs/b.md"]).expect(0);
    let left = ids(&["a.md", "c.md"]);
    assert_eq!(world.documents_for(STAFF), left);
    world.write("b.md", "b once more.\n");
    world.write("a.md", "The cranes of winter.\n");
    await_text(&world, "cranes");
    assert_eq!(world.documents_for(STAFF), left, "its source can't bring it back");
    daemon.signal("TERM");
    daemon.end().expect(0);
}

#[test]
fn events_from_a_file_are_followed_in_order() {
    let world = World::with(Pipeline { more: EVENTS, ..Pipeline::default() });
    let append = |lines: &str| world.append(EVENT_FILE, lines);
    append(&event("p", "upsert", 1, Some("The rivers rise.")));
    append("{\"this\": is no event}\n");
    let first = world.backfilled(3);
    assert_eq!(first["documents"]["indexed"], 1, "{first}");
    assert_eq!(first["documents"]["quarantined"], 1, "{first}");
    assert_eq!(world.backfilled(0)["published"], false);
    let mut daemon = start(&world);
    append(&event("p", "upsert", 3, Some("The rivers fall.")));
    append(&event("p", "upsert", 2, Some("The rivers stand.")));
    append(&event("q", "upsert", 1, Some("The lakes freeze.")));
    await_text(&world, "lakes freeze");
    await_text(&world, "rivers fall");
    append(&event("q", "delete", 2, None));
    await_documents(&world, STAFF, &BTreeSet::from(["events/p".to_owned()]));
    daemon.signal("TERM");
    daemon.end().expect(0);
}
