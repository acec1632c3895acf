//! For every format and every chunk: spans, pages, headings and hashes are right, as plain LanceDB in
//! Python sees them, and `explain` names every step.

use serde_json::Value;

use crate::harness::{Hit, World, paragraph, pdf, sentence};

/// A heading of a document: how its line starts, its level, its title.
type Heading = (&'static str, u8, &'static str);

const MARKDOWN: [Heading; 6] = [
    ("# The Kallan", 1, "The Kallan"),
    ("## Fitting it", 2, "Fitting it"),
    ("### In *winter*", 3, "In winter"),
    ("## Reading `it`", 2, "Reading it"),
    ("Åldern\n------", 2, "Åldern"),
    ("# Appendix", 1, "Appendix"),
];

const HTML: [Heading; 4] = [
    ("Pegel & Fluß", 1, "Pegel & Fluß"),
    ("Aufbau", 2, "Aufbau"),
    ("Im Winter 😀", 3, "Im Winter 😀"),
    ("Wartung", 2, "Wartung"),
];

/// Two or three chunks of text, with characters that take more than one byte or UTF-16 unit.
fn body(seed: u64) -> String {
    let odd = "Ein naïves 😀 Café, e\u{301}tude und 水位計 (ﬁn).";
    format!("{}\n\n{odd} {}\n\n{}", paragraph(seed), sentence(seed + 1), paragraph(seed + 2))
}

fn markdown() -> String {
    let sections = MARKDOWN.iter().zip(1..).map(|((line, ..), i)| format!("{line}\n\n{}\n", body(i * 100)));
    sections.collect::<Vec<_>>().join("\n")
}

fn html() -> String {
    let sections = HTML.iter().zip(1..).map(|((_, level, title), i)| {
        let title = title.replace('&', "&amp;").replace('ß', "&szlig;");
        let text = body(1_000 + i * 100).replace("\n\n", "</p>\n<p>");
        format!("<h{level}>{title}</h{level}>\n<p>{text}</p>\n<table><tr><td>a</td><td>b</td></tr></table>\n")
    });
    format!(
        "<!DOCTYPE html><html lang=de><head><meta charset=utf-8><title>Der Pegel</title>\
         <style>p {{ color: red }}</style></head><body><script>var hidden = 'nonsense';</script>\n{}</body></html>",
        sections.collect::<String>()
    )
}

/// Five pages, each with its marker in its first and its last line.
fn paged() -> Vec<u8> {
    let page = |number: u64| {
        let mut lines = vec![format!("Markerpage{number} begins.")];
        lines.extend((0..8 + number * 6).map(|i| sentence(number * 1_000 + i)));
        lines.push(format!("Markerpage{number} ends."));
        lines
    };
    pdf(&(1..=5).map(page).collect::<Vec<_>>())
}

fn all_formats() -> World {
    let world = World::new();
    world.write("a.md", markdown());
    world.write("b/b.html", html());
    world.write("c.txt", format!("\u{feff}{}\r\n\r\n{}", body(3_000), body(3_100)).replace('\n', "\r\n"));
    world.write("d.pdf", paged());
    // Latin-1, which has no valid UTF-8.
    let latin: Vec<u8> =
        format!("Källan är på fjället. {}", paragraph(4_000)).chars().map(|c| c as u8).collect();
    world.write("e.txt", latin);
    assert_eq!(world.backfilled(0)["documents"]["indexed"], 5);
    world
}

/// The path of headings at a position of a text, out of a table and nothing else.
fn path_at(text: &str, headings: &[Heading], at: usize) -> Vec<&'static str> {
    let mut path: Vec<(u8, &'static str)> = Vec::new();
    let mut from = 0;
    for (line, level, title) in headings {
        let start = from + text[from..].find(line).unwrap_or_else(|| panic!("no {line:?} in {text}"));
        from = start + line.len();
        if text[..start].chars().count() <= at {
            path.retain(|(outer, _)| outer < level);
            path.push((*level, title));
        }
    }
    path.into_iter().map(|(_, title)| title).collect()
}

fn check_headings(rows: &Value, doc_id: &str, headings: &[Heading]) {
    let of = |table: &str| {
        let rows = rows[table].as_array().unwrap().iter().filter(|row| row["doc_id"] == doc_id);
        rows.cloned().collect::<Vec<_>>()
    };
    let text = of("documents")[0]["text"].as_str().unwrap().to_owned();
    let chunks = of("chunks");
    let mut seen = std::collections::BTreeSet::new();
    for chunk in &chunks {
        let at = usize::try_from(chunk["char_start"].as_u64().unwrap()).unwrap();
        let expected = path_at(&text, headings, at);
        assert_eq!(chunk["heading_path"], serde_json::json!(expected), "chunk at {at} of {doc_id}: {chunk}");
        seen.insert(expected);
    }
    assert_eq!(seen.len(), headings.len(), "a chunk in every section of {doc_id}: {seen:?}");
}

#[test]
fn spans_pages_headings_and_hashes_are_right() {
    let world = all_formats();
    let args = [world.index(), world.path("docs")];
    let checked = world.python("provenance.py", &args);
    assert_eq!(checked["problems"], serde_json::json!([]));
    assert_eq!(checked["documents"], 5);
    assert!(checked["chunks"].as_u64().unwrap() > 50, "{checked}");
    assert_eq!(checked["pages"], 5, "all pages of the PDF have chunks: {checked}");
    assert_eq!(checked["dimension"], 256);

    let rows = world.rows("index");
    check_headings(&rows, "docs/a.md", &MARKDOWN);
    check_headings(&rows, "docs/b/b.html", &HTML);
    for doc_id in ["docs/c.txt", "docs/d.pdf", "docs/e.txt"] {
        check_headings_are_none(&rows, doc_id);
    }
    check_text(&rows);
}

fn check_headings_are_none(rows: &Value, doc_id: &str) {
    for chunk in rows["chunks"].as_array().unwrap().iter().filter(|row| row["doc_id"] == doc_id) {
        assert_eq!(chunk["heading_path"], serde_json::json!([]), "{chunk}");
    }
}

/// Normalized the same way everywhere, nothing lost, nothing that is not text.
fn check_text(rows: &Value) {
    let documents = rows["documents"].as_array().unwrap();
    let text = |doc_id: &str| {
        documents.iter().find(|row| row["doc_id"] == doc_id).unwrap()["text"].as_str().unwrap()
    };
    for doc_id in ["docs/a.md", "docs/b/b.html", "docs/c.txt"] {
        assert!(text(doc_id).contains("naïves 😀 Café, étude und 水位計 (fin)."), "{}", text(doc_id));
        assert!(!text(doc_id).contains(['\r', '\u{feff}', '\u{301}']), "{doc_id}");
    }
    assert!(!text("docs/b/b.html").contains("nonsense") && !text("docs/b/b.html").contains("color"));
    assert!(text("docs/e.txt").starts_with("Källan är på fjället."), "{}", text("docs/e.txt"));
    for page in 1..=5 {
        assert_eq!(text("docs/d.pdf").matches(&format!("Markerpage{page} ")).count(), 2);
    }
    let title = |doc_id: &str| documents.iter().find(|row| row["doc_id"] == doc_id).unwrap()["title"].clone();
    assert_eq!(title("docs/a.md"), "The Kallan");
    assert_eq!(title("docs/b/b.html"), "Der Pegel");
}

#[test]
fn explain_names_every_step_with_version_and_hash() {
    let world = all_formats();
    let rows = world.rows("index");
    let hits = world.search("anything", &["group:staff"]);
    for (doc_id, extractor) in [
        ("docs/a.md", "markdown@"),
        ("docs/b/b.html", "html@"),
        ("docs/c.txt", "plain@"),
        ("docs/d.pdf", "pdfboss@"),
    ] {
        let hit = hits.iter().find(|hit| hit.doc_id == doc_id).unwrap();
        check_explained(&world, hit, extractor, &rows);
    }
    let unknown = world.run(&["explain", "pipeline.toml", "0123456789abcdef", "--format", "json"]).expect(1);
    assert_eq!(unknown.error()[0], "not_found", "{unknown}");
}

fn check_explained(world: &World, hit: &Hit, extractor: &str, rows: &Value) {
    let run = world.run(&["explain", "pipeline.toml", &hit.chunk_id, "--format", "json"]).expect(0);
    let explained = run.json();
    let row = |table: &str, key: &str, id: &str| {
        rows[table].as_array().unwrap().iter().find(|row| row[key] == id).unwrap().clone()
    };
    let chunk = row("chunks", "chunk_id", &hit.chunk_id);
    let document = row("documents", "doc_id", &hit.doc_id);
    for key in
        ["chunk_id", "doc_id", "text", "char_start", "char_end", "page_start", "page_end", "heading_path"]
    {
        assert_eq!(explained[key], chunk[key], "{key} of {explained}");
    }
    let steps = &explained["steps"];
    assert_eq!(steps["source"]["name"], "docs");
    check_hash(&steps["source"]["content_hash"], &document["content_hash"]);
    let named = steps["extract"]["extractor"].as_str().unwrap();
    assert!(named.starts_with(extractor) && named.len() > extractor.len(), "{named}");
    check_hash(&steps["extract"]["text_hash"], &document["text_hash"]);
    let chunker = steps["chunk"]["chunker"].as_str().unwrap();
    assert!(chunker.starts_with("text-splitter@"), "{chunker}");
    assert_eq!(steps["chunk"]["max_tokens"], 64);
    assert_eq!(steps["chunk"]["overlap_tokens"], 8);
    assert_eq!(steps["chunk"]["of"], document["chunk_count"]);
    check_hash(&steps["chunk"]["chunk_hash"], &chunk["chunk_hash"]);
    let model = steps["embed"]["model"].as_str().unwrap();
    assert!(model.starts_with("potion-base-8M@") && model.contains("0.1.10"), "{model}");
    check_hash(&steps["embed"]["artifact"], &steps["embed"]["artifact"]);
    check_hash(&steps["embed"]["tokenizer"], &steps["embed"]["tokenizer"]);
    assert_eq!(steps["embed"]["dimension"], 256);
    assert_eq!(explained["access"]["readers"], serde_json::json!(["group:staff"]));
    assert_eq!(explained["live"]["pipeline"], "test");
    check_hash(&explained["live"]["pipeline_fingerprint"], &chunk["pipeline_fingerprint"]);
    // What people read names the same.
    let text = world.run(&["explain", "pipeline.toml", &hit.chunk_id]).expect(0).stdout;
    for word in [named, chunker, model, steps["extract"]["text_hash"].as_str().unwrap()] {
        assert!(text.contains(word), "{word:?} is not in\n{text}");
    }
}

fn check_hash(found: &Value, expected: &Value) {
    let hash = found.as_str().unwrap_or_default();
    assert!(hash.len() == 64 && hash.bytes().all(|b| b.is_ascii_hexdigit()), "{found}");
    assert_eq!(found, expected);
}
