//! Texts that the model of an index can't read, and queries that it can't take: found all the same, by words.

use serde_json::Value;

use crate::harness::{Pipeline, World, check_schema, paragraph};

const STAFF: [&str; 1] = ["group:staff"];
const THAI: &str = "แมวกินปลาในบ้านหลังใหญ่ริมแม่น้ำ และนอนหลับตลอดทั้งวันจนถึงเย็น";
const KHMER: &str = "ឆ្មាស៊ីត្រីនៅក្នុងផ្ទះធំក្បែរទន្លេ";

fn ids(hits: &Value) -> Vec<String> {
    let hits = hits["hits"].as_array().unwrap().iter();
    hits.map(|hit| hit["doc_id"].as_str().unwrap().to_owned()).collect()
}

fn search(world: &World, query: &str, mode: &str) -> Value {
    let result = world.search_with(query, &STAFF, &["--mode", mode, "--explain"]).expect(0).json();
    check_schema("search.schema.json", &result);
    result
}

/// A script without spaces, a key and a payload: each is one word that no model knows.
#[test]
fn what_the_model_cannot_read_is_found_by_words_and_said() {
    let world = World::with(Pipeline { more: "", ..Pipeline::default() });
    world.write("english.txt", "The herons nest by the weir in spring.");
    world.write("thai.txt", THAI.repeat(800));
    world.write("khmer.txt", KHMER.repeat(800));
    world.write("key.txt", format!("{}\n", "0123456789abcdef".repeat(2_000)));
    world.write("mixed.md", format!("# Cats\n\n{}\n\n# ឆ្មា\n\n{}\n", paragraph(7), KHMER.repeat(40)));
    let result = world.backfilled(0);
    check_schema("backfill.schema.json", &result);
    assert_eq!(
        (&result["documents"]["indexed"], &result["documents"]["quarantined"]),
        (&5.into(), &0.into())
    );
    let chunks = &result["chunks"];
    let count = |key: &str| chunks[key].as_u64().unwrap();
    assert!(count("words_only") > 20 && count("embedded") >= 2, "{chunks}");
    assert_eq!(count("written"), count("words_only") + count("embedded") + count("reused"), "{chunks}");

    let said = world.run(&["backfill", "pipeline.toml", "--reprocess", "all"]).expect(0).stdout;
    assert!(said.contains("by words only") || said.contains("0 chunks written"), "{said}");
    let status = world.status();
    check_schema("status.schema.json", &status);
    assert_eq!(status["chunks_words_only"], chunks["words_only"], "{status}");

    // Every chunk is bounded, and by words it is found and marked.
    for (query, right, words_only) in [("แมวกินปลา", "thai", false), (KHMER, "khmer", true)]
    {
        let found = search(&world, query, "fts");
        let right = format!("docs/{right}.txt");
        let hits = found["hits"].as_array().unwrap().iter().filter(|hit| hit["doc_id"] == right.as_str());
        let hits: Vec<&Value> = hits.collect();
        assert!(hits.len() > 10, "{query}: {found}");
        for hit in hits {
            assert!(hit["text"].as_str().unwrap().chars().count() <= 64 * 32, "{hit}");
            assert_eq!(hit["words_only"], words_only, "{hit}");
        }
    }
    // By meaning it wins nothing, whatever is asked.
    for query in ["Where do the herons nest?", "zxqv", "cat"] {
        let found = search(&world, query, "vector");
        assert!(!ids(&found).is_empty(), "{found}");
        for hit in found["hits"].as_array().unwrap() {
            assert_eq!(hit["words_only"], false, "{hit}");
        }
    }
    // A query that the model can't read: by both it is one by words, which is said; by meaning it is an error.
    let both = search(&world, KHMER, "hybrid");
    assert!(ids(&both).contains(&"docs/khmer.txt".to_owned()), "{both}");
    assert!(both["notes"][0].as_str().unwrap().contains("by words only"), "{both}");
    assert_eq!(both["plan"]["query"]["known"], false, "{both}");
    let refused = world.search_with(KHMER, &STAFF, &["--mode", "vector"]).expect(2).error();
    assert_eq!(refused[0], "query_unknown", "{refused:?}");

    let chunk = both["hits"][0]["chunk_id"].as_str().unwrap();
    let explained = world.run(&["explain", "pipeline.toml", chunk, "--format", "json"]).expect(0).json();
    check_schema("explain.schema.json", &explained);
    assert_eq!(explained["steps"]["embed"]["words_only"], true, "{explained}");
    let said = world.run(&["explain", "pipeline.toml", chunk]).expect(0).stdout;
    assert!(said.contains("found by words only"), "{said}");
    world.run(&["verify", "pipeline.toml"]).expect(0);
}

/// What stands in a text is text, whatever it means to a model.
#[test]
fn special_tokens_in_a_text_are_text() {
    let world = World::new();
    world.write("bert.txt", "A classifier reads the vector of [CLS], and [SEP] parts two sentences.");
    world.write("other.txt", "A gardener reads the label of the seeds, and a fence parts two gardens.");
    world.backfilled(0);
    for mode in ["fts", "vector", "hybrid"] {
        for query in ["[CLS] [SEP]", "[MASK] [CLS]"] {
            assert_eq!(ids(&search(&world, query, mode))[0], "docs/bert.txt", "{mode} {query}");
        }
    }
}

/// A page that somebody pastes is longer than the model takes.
#[test]
fn a_long_query_works_in_every_mode() {
    let world = World::new();
    world.write("herons.txt", "The herons nest by the weir in spring.");
    world.write("ledger.txt", "The clerk closes the ledger in the evening.");
    world.backfilled(0);
    let lead = "Where do the herons nest in spring? ".repeat(60);
    let query = format!("{lead}{}clerk", "And then something else is asked here. ".repeat(60));
    for mode in ["fts", "vector", "hybrid"] {
        let found = search(&world, &query, mode);
        assert_eq!(ids(&found)[0], "docs/herons.txt", "{mode}: {found}");
        let given = &found["plan"]["query"];
        if mode == "fts" {
            assert!(given.is_null() && ids(&found).contains(&"docs/ledger.txt".to_owned()), "{found}");
            continue;
        }
        let (characters, of) = (given["characters"].as_u64().unwrap(), given["of"].as_u64().unwrap());
        assert_eq!(of, query.chars().count() as u64, "{given}");
        assert!(characters < of && characters > 100, "{given}");
        let end: String = query.chars().take(characters as usize).collect();
        assert!(end.ends_with('?') || end.ends_with('.'), "at the end of a sentence: {end:?}");
        let more = ["--mode", mode, "--explain"];
        let said =
            world.run(&[&["search", "pipeline.toml", &query, "--as", "group:staff"][..], &more].concat());
        assert!(said.expect(0).stdout.contains(&format!("the first {characters} of {of}")), "{mode}");
    }
}
