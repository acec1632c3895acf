//! What changes costs what it must and no more; what goes, goes without a ghost; who may read, changes at
//! once.

use std::collections::BTreeSet;
use std::fs;

use serde_json::Value;

use crate::harness::{Pipeline, World, check_same_rows, files, ids, paragraph};

/// A world with a few documents in its index.
fn some(documents: u64) -> World {
    let world = World::new();
    for i in 0..documents {
        world.write(&format!("d{i}.md"), format!("# Document {i}\n\n{}\n", paragraph(i)));
    }
    world.backfilled(0);
    world
}

/// The document id of each row of a table, sorted.
fn row_ids(rows: &Value, table: &str) -> Vec<String> {
    let rows = rows[table].as_array().unwrap();
    let mut ids: Vec<_> = rows.iter().map(|row| row["doc_id"].as_str().unwrap().to_owned()).collect();
    ids.sort_unstable();
    ids
}

fn check_published_nothing(result: &Value, before: &Value) {
    assert_eq!(result["published"], false, "{result}");
    assert_eq!(result["release"], before["release"], "{result}");
    assert_eq!(result["chunks"]["embedded"], 0, "{result}");
    assert_eq!(result["chunks"]["written"], 0, "{result}");
}

#[test]
fn a_rerun_without_change_embeds_and_publishes_nothing() {
    let world = World::new();
    for i in 0..5 {
        world.write(&format!("d{i}.md"), format!("# Document {i}\n\n{}\n", paragraph(i)));
    }
    let first = world.backfilled(0);
    assert_eq!(first["published"], true);
    assert_eq!(first["documents"]["indexed"], 5);
    let (before, on_disk) = (world.rows("index"), files(&world.index()));
    for _ in 0..2 {
        let again = world.backfilled(0);
        check_published_nothing(&again, &first);
        assert_eq!(again["documents"]["unchanged"], 5, "{again}");
        assert_eq!(files(&world.index()), on_disk, "nothing was written");
    }
    // New times, old content.
    world.write("d0.md", fs::read(world.doc("d0.md")).unwrap());
    let touched = world.backfilled(0);
    assert_eq!(touched["chunks"]["embedded"], 0, "{touched}");
    check_same_rows(&world.rows("index"), &before);
}

/// A document of more than 200 chunks, and the same with one paragraph in its middle edited.
fn check_an_edit(name: &str, document: impl Fn(&str) -> String) {
    let world = World::new();
    let original = paragraph(5_000);
    world.write(name, document(&original));
    let first = world.backfilled(0);
    let chunks = first["chunks"]["written"].as_u64().unwrap();
    assert!((200..400).contains(&chunks), "{chunks} chunks");
    assert_eq!(first["chunks"]["embedded"], chunks);

    let edited = original.replacen(". ", ". This sentence is new and tells of herons. ", 1);
    world.write(name, document(&edited));
    let second = world.backfilled(0);
    let embedded = second["chunks"]["embedded"].as_u64().unwrap();
    assert!((1..=3).contains(&embedded), "{embedded} chunks embedded for one paragraph of {name}: {second}");
    let hits = world.search("herons", &["group:staff"]);
    assert_eq!(hits.iter().filter(|hit| hit.text.contains("herons")).count(), 1);
    // The whole table is what a fresh index of the same text would be.
    let fresh = Pipeline { index: "fresh", ..Pipeline::default() };
    world.pipeline("fresh.toml", &fresh);
    world.run(&["backfill", "fresh.toml"]).expect(0);
    check_same_rows(&world.rows("index"), &world.rows("fresh"));
}

#[test]
fn an_edited_paragraph_of_markdown_embeds_three_chunks_at_most() {
    check_an_edit("long.md", |middle| {
        let section = |i: u64| {
            let text = if i == 110 { middle.to_owned() } else { paragraph(i) };
            let heading = if i.is_multiple_of(4) { format!("## Section {i}\n\n") } else { String::new() };
            format!("{heading}{text}\n\n")
        };
        format!("# A long report\n\n{}", (0..220).map(section).collect::<String>())
    });
}

#[test]
fn an_edited_paragraph_of_plain_text_embeds_three_chunks_at_most() {
    check_an_edit("long.txt", |middle| {
        let text = |i: u64| if i == 110 { middle.to_owned() } else { paragraph(i) };
        (0..220).map(|i| format!("{}\n\n", text(i))).collect()
    });
}

#[test]
fn a_renamed_and_a_deleted_document_leave_no_ghost() {
    let world = some(5);
    fs::rename(world.doc("d1.md"), world.doc("renamed.md")).unwrap();
    world.remove("d2.md");
    let result = world.backfilled(0);
    assert_eq!(result["documents"]["deleted"], 2, "{result}");
    let left = ids(&["d0.md", "renamed.md", "d3.md", "d4.md"]);
    assert_eq!(world.documents_for(&["group:staff"]), left);
    let status = world.status();
    assert_eq!(status["documents"]["indexed"], 4, "{status}");
    assert_eq!(status["documents"]["deleted"], 2, "{status}");

    let rows = world.rows("index");
    let chunks = row_ids(&rows, "chunks");
    assert_eq!(chunks.iter().cloned().collect::<BTreeSet<_>>(), left);
    assert_eq!(status["chunks"], chunks.len(), "{status}");
    for gone in ["docs/d1.md", "docs/d2.md"] {
        let of = |row: &&Value| row["doc_id"] == gone;
        let document = rows["documents"].as_array().unwrap().iter().find(of).unwrap();
        assert_eq!(document["state"], "deleted");
        assert_eq!(document["text"], Value::Null, "the text of a deleted document is gone");
    }
    let mut documents = row_ids(&rows, "documents");
    assert_eq!(documents.len(), 6, "one row a document ever seen: {documents:?}");
    documents.dedup();
    assert_eq!(documents.len(), 6);
    check_published_nothing(&world.backfilled(0), &result);
}

#[test]
fn a_deleted_document_comes_back() {
    let world = some(3);
    let content = fs::read(world.doc("d1.md")).unwrap();
    world.remove("d1.md");
    world.backfilled(0);
    assert_eq!(world.documents_for(&["group:staff"]), ids(&["d0.md", "d2.md"]));
    world.write("d1.md", content);
    world.backfilled(0);
    assert_eq!(world.documents_for(&["group:staff"]), ids(&["d0.md", "d1.md", "d2.md"]));
}

#[test]
fn an_access_change_embeds_nothing_and_is_in_force_at_once() {
    let world = some(3);
    let vectors = |world: &World| {
        let rows = world.rows("index");
        let vectors = rows["chunks"].as_array().unwrap().iter().map(|row| row["vector"].clone());
        vectors.collect::<Vec<_>>()
    };
    let before = vectors(&world);
    let check = |staff: &[&str], board: &[&str]| {
        let result = world.backfilled(0);
        assert_eq!(result["chunks"]["embedded"], 0, "{result}");
        assert_eq!(result["published"], true, "{result}");
        assert_eq!(world.documents_for(&["group:staff"]), ids(staff));
        assert_eq!(world.documents_for(&["group:board"]), ids(board));
    };
    world.acl("d0.md", &["group:board"], &[]);
    check(&["d1.md", "d2.md"], &["d0.md"]);
    world.acl("d0.md", &["group:board", "group:staff"], &["group:board"]);
    check(&["d0.md", "d1.md", "d2.md"], &[]);
    world.acl("", &["group:board"], &[]);
    check(&["d0.md"], &["d1.md", "d2.md"]);
    world.remove("d0.md.acl.toml");
    check(&[], &["d0.md", "d1.md", "d2.md"]);
    world.remove(".acl.toml");
    check(&["d0.md", "d1.md", "d2.md"], &[]);
    assert!(vectors(&world) == before, "the rows moved with their vectors");
}

#[test]
fn a_broken_sidecar_hides_the_document_until_it_is_mended() {
    let world = some(3);
    world.write("d0.md.acl.toml", "readers = [\"group:staff\"\n");
    let broken = world.backfilled(3);
    assert_eq!(broken["documents"]["quarantined"], 1, "{broken}");
    assert_eq!(world.documents_for(&["group:staff"]), ids(&["d1.md", "d2.md"]));
    let item = ("docs/d0.md".to_owned(), "bad_access_list".to_owned());
    assert_eq!(world.quarantine(), BTreeSet::from([item]));
    check_published_nothing(&world.backfilled(0), &broken);

    world.acl("d0.md", &["group:staff"], &[]);
    let mended = world.backfilled(0);
    assert_eq!(mended["chunks"]["embedded"], 0, "{mended}");
    assert_eq!(world.documents_for(&["group:staff"]), ids(&["d0.md", "d1.md", "d2.md"]));
    assert_eq!(world.quarantine(), BTreeSet::new());
}

#[test]
fn a_document_that_changes_under_a_broken_sidecar_stays_hidden() {
    let world = some(2);
    world.write("d0.md.acl.toml", "reader = [\"group:staff\"]\n");
    world.write("d0.md", "# Other\n\nWholly other text about herons.\n");
    world.backfilled(3);
    assert_eq!(world.documents_for(&["group:staff"]), ids(&["d1.md"]));
    world.acl("d0.md", &["group:staff"], &[]);
    world.backfilled(0);
    let hits = world.search("herons", &["group:staff"]);
    assert_eq!(hits[0].doc_id, "docs/d0.md");
    assert!(hits[0].text.contains("herons"), "the new text is served: {hits:?}");
}

#[test]
fn an_empty_or_much_smaller_listing_deletes_nothing_until_a_person_says_so() {
    let world = some(10);
    let all = world.documents_for(&["group:staff"]);
    assert_eq!(all.len(), 10);
    let check_braked = || {
        let run = world.backfill().expect(1);
        let [code, message, place, next] = run.error();
        assert_eq!(code, "mass_delete_brake", "{run}");
        assert!(message.contains("withheld") && place.contains("docs"), "{run}");
        assert!(next.contains("--allow-deletes"), "{run}");
        let text = world.run(&["backfill", "pipeline.toml"]).expect(1);
        text.says(&["--allow-deletes", "withheld"]);
        assert_eq!(world.documents_for(&["group:staff"]), all);
        assert_eq!(world.status()["documents"]["indexed"], 10);
    };
    let allow = || world.run(&["backfill", "pipeline.toml", "--allow-deletes", "--format", "json"]).expect(0);

    fs::create_dir(world.path("away")).unwrap();
    let away = |numbers: std::ops::Range<u64>| {
        for i in numbers {
            fs::rename(world.doc(format!("d{i}.md")), world.path(format!("away/d{i}.md"))).unwrap();
        }
    };
    away(4..10);
    check_braked();
    away(0..4);
    check_braked();
    assert_eq!(allow().json()["documents"]["deleted"], 10);
    assert_eq!(world.documents_for(&["group:staff"]), BTreeSet::new());
    assert_eq!(world.status()["documents"]["deleted"], 10);
}

#[test]
fn a_root_that_is_gone_is_an_error_and_deletes_nothing() {
    let world = some(3);
    fs::rename(world.path("docs"), world.path("elsewhere")).unwrap();
    let [code, message, ..] = world.backfill().expect(1).error();
    assert_eq!(code, "source_broken");
    assert!(message.contains("docs"), "{message}");
    assert_eq!(world.documents_for(&["group:staff"]).len(), 3);
}

#[test]
fn a_file_without_any_access_list_is_quarantined_until_it_has_one() {
    let world = World::with(Pipeline { default_readers: None, ..Pipeline::default() });
    world.write("bare.md", "# Bare\n\nNobody said who may read this.\n");
    world.write("listed.md", "# Listed\n\nThis one has a list.\n");
    world.acl("listed.md", &["group:staff"], &[]);
    let first = world.backfilled(3);
    assert_eq!(first["documents"]["quarantined"], 1, "{first}");
    assert_eq!(world.documents_for(&["group:staff"]), ids(&["listed.md"]));
    let item = ("docs/bare.md".to_owned(), "no_access_list".to_owned());
    assert_eq!(world.quarantine(), BTreeSet::from([item]));
    check_published_nothing(&world.backfilled(0), &first);

    world.acl("bare.md", &["group:staff"], &[]);
    world.backfilled(0);
    assert_eq!(world.documents_for(&["group:staff"]), ids(&["bare.md", "listed.md"]));
    assert_eq!(world.quarantine(), BTreeSet::new());
}
