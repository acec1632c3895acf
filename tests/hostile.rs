//! Files that bite: each costs itself at most, never its neighbours.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use crate::harness::{Pipeline, World, ids, paragraph, pdf};

/// Little time and memory for a document, so that what bites is soon done.
const SMALL_LIMITS: &str = "[extract]\nwall = \"5s\"\ncpu = \"4s\"\nmemory = \"256MiB\"";

/// What may become of a hostile file: one of these causes, or (`indexed`) it is read after all.
const ANY_PDF: &[&str] = &["corrupt", "empty", "image_only", "timeout", "out_of_memory", "crashed"];
const HEAVY: &[&str] = &["indexed", "corrupt", "timeout", "out_of_memory", "crashed"];
const FATES: [(&str, &[&str]); 30] = [
    ("empty.md", &["empty"]),
    ("empty.txt", &["empty"]),
    ("empty.html", &["empty"]),
    ("empty.pdf", &["empty"]),
    ("blank.txt", &["empty"]),
    ("no-text.html", &["empty"]),
    ("noise.txt", &["not_text"]),
    ("noise.md", &["not_text"]),
    ("noise.html", &["not_text"]),
    ("noise.pdf", &["corrupt"]),
    ("invalid-utf8.txt", &["indexed"]),
    ("invalid-utf8.md", &["indexed"]),
    ("zeros.txt", &["empty", "not_text"]),
    ("divs-300k.html", &["corrupt", "timeout", "out_of_memory"]),
    ("quotes-10k.md", HEAVY),
    ("lists-10k.md", HEAVY),
    ("links-100k.md", HEAVY),
    // One word that no model knows: found by words only.
    ("one-line-1m.txt", &["indexed"]),
    ("bomb.pdf", ANY_PDF),
    ("nested-bomb.pdf", ANY_PDF),
    ("object-bomb.pdf", ANY_PDF),
    ("page-tree-cycle.pdf", ANY_PDF),
    (
        "page-tree-deep.pdf",
        &["corrupt", "empty", "image_only", "timeout", "out_of_memory", "crashed", "indexed"],
    ),
    ("arrays-deep.pdf", ANY_PDF),
    ("form-cycle.pdf", ANY_PDF),
    ("stack-deep.pdf", ANY_PDF),
    ("truncated.pdf", &["corrupt", "empty", "indexed"]),
    ("header-only.pdf", &["corrupt"]),
    ("encrypted.pdf", &["encrypted"]),
    ("pictures.pdf", &["image_only"]),
];

/// Documents that are nothing but good, before, between and after the others.
const GOOD: [&str; 6] = ["0.md", "a.txt", "m/n.md", "m/o.html", "p.pdf", "zz.md"];

fn hostile() -> World {
    let world = World::with(Pipeline { more: SMALL_LIMITS, ..Pipeline::default() });
    let made = world.python("hostile.py", &[world.path("docs/m")]);
    assert_eq!(made["files"], FATES.len(), "{made}");
    for (seed, name) in GOOD.iter().enumerate() {
        let text = format!("A good neighbour. {}", paragraph(seed as u64));
        match name.rsplit_once('.').unwrap().1 {
            "pdf" => world.write(name, pdf(&[vec![text]])),
            "html" => world.write(name, format!("<title>x</title><p>{text}</p>")),
            _ => world.write(name, text),
        }
    }
    world
}

/// What became of each document: its cause, or `indexed`.
fn fates(world: &World, rows: &Value) -> BTreeMap<String, String> {
    let documents = rows["documents"].as_array().unwrap().iter();
    let state = |row: &Value| (text(row, "doc_id"), text(row, "state"));
    let mut fates: BTreeMap<String, String> = documents.map(state).collect();
    for (id, cause) in world.quarantine() {
        assert_eq!(fates.insert(id.clone(), cause).as_deref(), Some("quarantined"), "{id}");
    }
    fates
}

fn text(row: &Value, key: &str) -> String {
    row[key].as_str().unwrap().to_owned()
}

/// No row of a refused document but the one that says so.
fn check_no_partial_rows(rows: &Value, indexed: &BTreeSet<String>) {
    let of = |table: &str| rows[table].as_array().unwrap().clone();
    let with_chunks: BTreeSet<_> = of("chunks").iter().map(|row| text(row, "doc_id")).collect();
    assert_eq!(&with_chunks, indexed);
    for row in of("documents") {
        let refused = !indexed.contains(&text(&row, "doc_id"));
        assert_eq!(row["text"].is_null(), refused, "{}", row["doc_id"]);
        assert_eq!(row["chunk_count"] == 0, refused, "{}", row["doc_id"]);
    }
    for row in of("quarantine") {
        assert!(!text(&row, "detail").is_empty(), "{row}");
    }
}

#[test]
fn each_hostile_file_costs_itself_at_most() {
    let world = hostile();
    let run = world.backfill().expect(3);
    let first = run.json();
    let rows = world.rows("index");
    let fates = fates(&world, &rows);
    eprintln!("{fates:#?}\n{first}");
    let mut wrong = Vec::new();
    for (name, allowed) in FATES {
        let fate = fates.get(&format!("docs/m/{name}")).map_or("lost", String::as_str);
        if !allowed.contains(&fate) {
            wrong.push(format!("{name}: {fate}, not {allowed:?}"));
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
    let indexed: BTreeSet<_> =
        fates.iter().filter(|(_, fate)| *fate == "indexed").map(|(id, _)| id.clone()).collect();
    assert!(indexed.is_superset(&ids(&GOOD)), "{indexed:?}");
    assert_eq!(first["documents"]["seen"], FATES.len() + GOOD.len(), "{first}");
    assert_eq!(first["documents"]["indexed"], indexed.len(), "{first}");
    assert_eq!(first["documents"]["quarantined"], fates.len() - indexed.len(), "{first}");
    check_no_partial_rows(&rows, &indexed);
    let found: BTreeSet<_> =
        world.search("A good neighbour.", &["group:staff"]).into_iter().map(|hit| hit.doc_id).collect();
    assert!(found.is_superset(&ids(&GOOD)), "{found:?}");

    let again = world.backfilled(0);
    assert_eq!(again["published"], false, "{again}");
    assert_eq!(again["documents"]["unchanged"], FATES.len() + GOOD.len(), "{again}");
}

#[test]
fn a_good_document_that_turns_hostile_keeps_its_last_good_version() {
    let world = World::with(Pipeline { more: SMALL_LIMITS, ..Pipeline::default() });
    world.write("a.txt", "The herons nest by the weir.");
    world.write("b.txt", "Another one.");
    world.backfilled(0);
    world.write("a.txt", [0u8, 159, 146, 150, 0, 1, 2, 3].repeat(200));
    world.backfilled(3);
    let hits = world.search("herons", &["group:staff"]);
    assert_eq!(
        (hits[0].doc_id.as_str(), hits[0].text.as_str()),
        ("docs/a.txt", "The herons nest by the weir.")
    );
    assert_eq!(world.quarantine().len(), 1);
    world.write("a.txt", "The herons are gone.");
    world.backfilled(0);
    assert_eq!(world.search("herons", &["group:staff"])[0].text, "The herons are gone.");
    assert_eq!(world.quarantine(), BTreeSet::new());
}
