//! The text in the index is the text that a reader of the document sees.

use serde_json::{Value, json};

use crate::harness::{EVENT_FILE, EVENTS, Pipeline, World, change_event};

const STAFF: &[&str] = &["group:staff"];

/// The whole text that a document is found with.
fn text_of(world: &World, document: &str) -> String {
    let hits = world.search("anything at all", STAFF);
    hits.into_iter().filter(|hit| hit.doc_id == document).map(|hit| hit.text).collect()
}

/// What extraction says of a document in `explain`.
fn extracted(world: &World, document: &str) -> Value {
    let hits = world.search("anything at all", STAFF);
    let chunk = hits.into_iter().find(|hit| hit.doc_id == document).unwrap().chunk_id;
    world.run(&["explain", "pipeline.toml", &chunk, "--format", "json"]).expect(0).json()["steps"]["extract"]
        .clone()
}

#[test]
fn a_text_is_what_a_reader_sees_of_it() {
    let world = World::new();
    let german = "Über die schönen Brücken am Fluß führen größere Straßen. ";
    world.write("cut.txt", [german.as_bytes(), b"Gr\xfc", b"\xe6\x97"].concat());
    world.write(
        "page.html",
        "<p>seen <a href=1>one</a><a href=2>two</a></p><p hidden>planted</p><img alt='a heron'>",
    );
    world.write("page.xhtml", "<html xmlns='http://www.w3.org/1999/xhtml'><head><title/></head><body><p>a<![CDATA[ < ]]>b</p></body></html>");
    let data = "iVBORw0KGgoAAAANSUhEUgAA".repeat(300);
    world.write("picture.md", format!("---\ntitle: Of herons\nteam: birds\n---\n\n![it](data:image/png;base64,{data}) <!-- planted --> done\n"));
    world.backfilled(0);

    assert_eq!(text_of(&world, "docs/cut.txt"), format!("{german}Gr\u{fffd}\u{fffd}"));
    assert_eq!(extracted(&world, "docs/cut.txt")["replaced_characters"], 2);
    assert_eq!(text_of(&world, "docs/page.html"), "seen one two\n\na heron");
    assert_eq!(extracted(&world, "docs/page.html")["hidden_characters"], 7);
    assert_eq!(text_of(&world, "docs/page.xhtml"), "a < b");
    assert_eq!(text_of(&world, "docs/picture.md").trim(), "![it](data:image/png;base64,[…])  done");
    assert_eq!(extracted(&world, "docs/picture.md")["encoded_bytes"], data.len());
    let found = world.search_with("herons", STAFF, &["--where", "team=birds"]).expect(0).json();
    assert_eq!(found["hits"][0]["title"], "Of herons", "{found}");
}

#[test]
fn what_is_hidden_can_be_kept() {
    let world = World::with(Pipeline { more: "[extract]\nhidden = \"keep\"\n", ..Pipeline::default() });
    world.write("page.html", "<p>seen</p><p hidden>kept</p>");
    world.backfilled(0);
    assert_eq!(text_of(&world, "docs/page.html"), "seen\n\nkept");
}

#[test]
fn the_charset_that_a_producer_names_is_used() {
    let world = World::with(Pipeline { more: EVENTS, ..Pipeline::default() });
    let event = |id: &str, media_type: &str, base64: &str| {
        change_event(id, "upsert", 1, json!({"content": {"base64": base64, "media_type": media_type}})) + "\n"
    };
    // "5 € und grün" in ISO-8859-15, and "mark" in UTF-16LE without one.
    world.append(EVENT_FILE, &event("euro", "text/plain; charset=iso-8859-15", "NSCkIHVuZCBncvxu"));
    world.append(EVENT_FILE, &event("wide", "text/plain; charset=\"utf-16\"", "bQBhAHIAawA="));
    world.backfilled(0);
    assert_eq!(text_of(&world, "events/euro"), "5 € und grün");
    assert_eq!(text_of(&world, "events/wide"), "mark");
}
