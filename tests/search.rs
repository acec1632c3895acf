//! Search by meaning, by words and by both, with conditions and in earlier publishes: it finds what it
//! should, and nobody finds what they may not read.

use std::collections::BTreeSet;
use std::fs;

use serde_json::Value;

use crate::access::{NOBODY, SEARCHERS, demo, permitted};
use crate::harness::{Hit, World, check_schema, ids};

const MODES: [&str; 3] = ["vector", "fts", "hybrid"];
const ALL: &[&str] = &[
    "group:staff",
    "group:board",
    "group:people-team",
    "group:finance",
    "group:field-crew",
    "group:engineering",
    "group:purchasing",
    "group:sales",
    "group:executives",
];

/// A question, and the document that answers it. The first half asks in other words than the document has;
/// most of the second names a thing by a word that the document has and a model knows nothing of.
const LABELLED: [(&str, &str); 16] = [
    ("how do I get money back for a meal with a customer", "finance/expense-guide.html"),
    ("time off after the birth of a child", "people/parental-leave.html"),
    ("working by yourself near a river", "field/safety/lone-working.txt"),
    ("many stations stopped sending data in February", "engineering/incident-2025-02-telemetry-gap.md"),
    ("can I complain about my manager", "people/grievance-procedure.pdf"),
    ("the largest dangers that the board follows", "board/risk-register.html"),
    ("which suppliers are late", "suppliers/delivery-performance.md"),
    ("what a guest should know before coming to the office", "visitor information.html"),
    ("N24-117", "suppliers/delivery-performance.md"),
    ("can the company survive a flood of its own workshop", "board/risk-register.html"),
    ("S-07", "field/safety/lone-working.txt"),
    ("Schneeketten", "field/werkstatt-graz.txt"),
    ("calm region", "field/on-call-runbook.md"),
    ("Glasfabriken", "suppliers/delivery-performance.md"),
    ("LVS-Gerät", "field/werkstatt-graz.txt"),
    ("cold battery restarts", "field/battery-swap-notes.md"),
];

fn search(world: &World, query: &str, principals: &[&str], more: &[&str]) -> Value {
    let result = world.search_with(query, principals, more).expect(0).json();
    check_schema("search.schema.json", &result);
    result
}

fn documents(result: &Value) -> BTreeSet<String> {
    Hit::all(result).into_iter().map(|hit| hit.doc_id).collect()
}

/// At which rank a mode has an answer, among the hits that a search gives by default.
fn rank(world: &World, query: &str, mode: &str, answer: &str) -> Option<usize> {
    let mut args = vec!["search", "pipeline.toml", query, "--mode", mode, "--format", "json"];
    args.extend(ALL.iter().flat_map(|principal| ["--as", principal]));
    let hits = Hit::all(&world.run(&args).expect(0).json());
    hits.iter().position(|hit| hit.doc_id == answer).map(|before| before + 1)
}

#[test]
fn both_find_what_either_finds_alone() {
    let world = demo();
    let found = |rank: Option<usize>| rank.is_some_and(|rank| rank <= 5);
    let mut alone = [0, 0];
    for (query, answer) in LABELLED {
        let rank = |mode| rank(&world, query, mode, &format!("docs/{answer}"));
        let (fts, hybrid) = (rank("fts"), rank("hybrid"));
        // Where words have found it, and once they have where meaning did not, meaning says nothing more.
        let asked = !found(fts) || alone[1] == 0;
        let vector = if asked { rank("vector") } else { None };
        let ranks = format!("{query}: {vector:?} by meaning, {fts:?} by words, {hybrid:?} by both");
        assert!(found(vector) || found(fts), "neither finds {ranks}");
        assert!(hybrid.is_some(), "{ranks}");
        alone[0] += usize::from(found(vector) && !found(fts));
        alone[1] += usize::from(asked && !found(vector) && found(fts));
    }
    assert!(alone[0] > 0 && alone[1] > 0, "neither mode could do without the other here: {alone:?}");
}

#[test]
fn nobody_finds_what_they_may_not_read_by_any_mode_or_condition() {
    let world = demo();
    let query = "the company, its stations, people, prices and customers";
    let conditions = [
        &["--where", "doc_id=docs/board/acquisition-paper.txt"][..],
        &["--where", "source=docs"],
        &["--where", "source=docs' OR '1'='1"],
        &["--where", "media_type!=text/html"],
        &["--where", "modified_at>=2000-01-01", "--where", "tokens>0"],
        &["--where", "media_type=text/html", "--where", "source=docs"],
    ];
    for mode in MODES {
        for principals in SEARCHERS {
            let may = permitted(principals);
            let found = documents(&search(&world, query, principals, &["--mode", mode]));
            assert!(found.is_subset(&may), "{mode} {principals:?}: {found:?}");
            // By meaning every chunk is a hit, and words such as these stand in most documents.
            assert!(mode == "fts" || found == may, "{mode} {principals:?} misses {:?}", &may - &found);
            assert!(!found.is_empty(), "{mode} {principals:?}");
        }
        // By words every pair; where the model is loaded each time, half of them in one mode and half in
        // the other.
        let pairs = conditions.into_iter().flat_map(|c| [&["group:staff"][..], &NOBODY].map(|p| (c, p)));
        let turn = usize::from(mode == "hybrid");
        for (_, (more, principals)) in
            pairs.enumerate().filter(|(i, _)| mode == "fts" || (i / 2 + i) % 2 == turn)
        {
            let more = [&["--mode", mode], more].concat();
            let found = documents(&search(&world, query, principals, &more));
            assert!(found.is_subset(&permitted(principals)), "{more:?} {principals:?}: {found:?}");
        }
        let by_html = ["--mode", mode, "--where", "media_type=text/html"];
        let found = documents(&search(&world, query, &["group:staff"], &by_html));
        let is_html = |id: &String| id.ends_with(".html");
        assert!(!found.is_empty() && found.iter().all(is_html), "{mode}: {found:?}");
    }
}

#[test]
fn an_earlier_publish_gives_what_may_be_read_then_and_now() {
    let world = World::new();
    for name in ["kept", "edited", "closed", "deleted", "erased"] {
        world.write(&format!("{name}.md"), format!("The {name} gauge as it was in spring.\n"));
    }
    world.backfilled(0);
    let then = world.status()["live"]["seq"].as_u64().unwrap();
    world.run(&["releases", "create", "pipeline.toml", "spring"]).expect(0);
    world.write("edited.md", "The edited gauge as it was in autumn.\n");
    world.write("new.md", "The new gauge as it was in autumn.\n");
    world.acl("closed.md", &["group:board"], &[]);
    world.remove("deleted.md");
    world.backfilled(0);
    world.run(&["erase", "pipeline.toml", "--doc", "docs/erased.md"]).expect(0);
    for mode in MODES {
        for release in ["spring".to_owned(), format!("seq:{then}")] {
            let more = ["--mode", mode, "--release", &release];
            let result = search(&world, "gauge spring autumn", &["group:staff"], &more);
            assert_eq!(documents(&result), ids(&["edited.md", "kept.md"]), "{mode} {release}");
            let autumn = Hit::all(&result).into_iter().find(|hit| hit.text.contains("autumn"));
            assert!(autumn.is_none(), "{autumn:?}");
            assert_eq!(result["release"]["seq"], then);
            assert_eq!(result["live"]["seq"], world.status()["live"]["seq"]);
            let result = search(&world, "gauge spring autumn", &["group:board"], &more);
            // Who got access since then may not read what was for others then.
            assert_eq!(documents(&result), BTreeSet::new(), "{mode} {release}");
        }
    }
    for (release, code) in [("summer", "not_found"), ("seq:999", "not_found"), ("../spring", "not_found")] {
        let run = world.search_with("gauge", &["group:staff"], &["--release", release]);
        assert_eq!(run.error()[0], code, "{release}: {run}");
    }
}

#[test]
fn a_search_says_how_it_was_carried_out() {
    let world = World::new();
    world.write("a.md", "A gauge in the river.\n");
    world.backfilled(0);
    let plan = |mode: &str, query: &str| {
        let mut result = search(&world, query, &["group:staff"], &["--mode", mode, "--explain"]);
        assert_eq!(result["plan"]["mode"], mode);
        assert_eq!(result["plan"]["rows"], 1);
        let legs = result["plan"]["legs"].take();
        let of = |leg: &Value| (leg["mode"].as_str().unwrap().to_owned(), leg["fetched"].as_u64().unwrap());
        legs.as_array().unwrap().iter().map(of).collect::<Vec<_>>()
    };
    let leg = |mode: &str, fetched| (mode.to_owned(), fetched);
    assert_eq!(plan("vector", "river"), [leg("vector", 1)]);
    assert_eq!(plan("fts", "river"), [leg("fts", 1)]);
    assert_eq!(plan("fts", "mountain"), [leg("fts", 0)]);
    assert_eq!(plan("hybrid", "river"), [leg("vector", 1), leg("fts", 1)]);
    assert_eq!(plan("hybrid", "?!"), [leg("vector", 1)], "no word in it");
    let plain = search(&world, "river", &["group:staff"], &[]);
    assert!(plain.get("plan").is_none() && plain.get("release").is_none(), "{plain}");
    let shown =
        world.run(&["search", "pipeline.toml", "river", "--as", "group:staff", "--explain"]).expect(0);
    assert!(shown.stdout.contains("hybrid search over 1 chunks"), "{shown}");
    for bad in [
        &["--where", "river"][..],
        &["--where", "=x"],
        &["--where", "modified_at=2026"],
        &["--where", "title>a"],
        &["--where", "tokens=many"],
        &["--where", "1=1"],
        &["--where", "acl_readers=group:staff"],
        &["--per-document", "0"],
        &["--mode", "sql"],
    ] {
        let run = world.search_with("river", &["group:staff"], bad).expect(2);
        assert_eq!(run.error()[0], "usage", "{run}");
    }
}

#[test]
fn words_are_found_without_the_model() {
    let world = World::new();
    world.write("a.md", "A gauge in the river.\n");
    world.backfilled(0);
    let bare = world.path("bare");
    fs::create_dir(&bare).unwrap();
    let search = |mode: &str| {
        let args = ["search", "pipeline.toml", "GAUGE", "--as", "group:staff", "--mode", mode];
        let mut command = world.command(&args);
        command.env("ALLUVIUM_HOME", &bare);
        crate::harness::Run::of(&mut command)
    };
    assert!(search("fts").expect(0).stdout.contains("docs/a.md"));
    search("hybrid").expect(1);
}

#[test]
fn a_key_that_is_nothing_is_an_error_that_names_the_nearest() {
    let world = World::new();
    world.write("a.md", "A gauge in the river.\n");
    world.backfilled(0);
    for mode in MODES {
        let more = ["--mode", mode, "--where", "media-type=text/markdown"];
        let [code, message, place, next] =
            world.search_with("river", &["group:staff"], &more).expect(2).error();
        assert_eq!(code, "usage");
        assert!(
            message.contains("media-type") && message.ends_with("the nearest is media_type"),
            "{message}"
        );
        assert!(!place.is_empty() && next.contains("--help"), "{next}");
    }
    let run = world.search_with("river", &["group:staff"], &["--where", "modified_at=2026"]).expect(2);
    assert!(run.error()[1].contains("2026-03-01"), "{run}");
    let by_day = ["--where", "modified_at>=2020-01-01", "--mode", "fts"];
    assert_eq!(documents(&search(&world, "river", &["group:staff"], &by_day)), ids(&["a.md"]));
    let by_day = ["--where", "modified_at<2020-01-01", "--mode", "fts"];
    assert_eq!(documents(&search(&world, "river", &["group:staff"], &by_day)), BTreeSet::new());
}

#[test]
fn a_query_finds_what_its_twin_finds_in_every_mode() {
    let world = World::new();
    world.write("a.md", "The \u{130}stanbul office is near the river, with a caf\u{e9}.\n");
    world.write("b.md", "The istanbul office keeps soft\u{ad}ware for \u{fb01}eld gauges.\n");
    world.write("c.md", "The warehouse in Graz sells soft drinks and wares.\n");
    world
        .write("d.md", "\u{ff76}\u{ff9e}\u{ff72}\u{ff84}\u{ff9e} and \u{fee1}\u{fe8e}\u{fe8d} for guests.\n");
    world.backfilled(0);
    for (query, twin, found) in [
        ("istanbul", "\u{130}STANBUL", &["a.md", "b.md"][..]),
        ("software field", "soft\u{200b}wa\u{2060}re \u{202a}\u{fb01}eld\u{202c}", &["b.md"]),
        ("caf\u{e9}", "cafe\u{301}", &["a.md"]),
        ("\u{30ac}\u{30a4}\u{30c9}", "\u{ff76}\u{ff9e}\u{ff72}\u{ff84}\u{ff9e}", &["d.md"]),
        ("\u{645}\u{627}\u{627}", "\u{fee1}\u{fe8e}\u{fe8d}", &["d.md"]),
    ] {
        for mode in MODES {
            let hits = |query: &str| {
                let result = search(&world, query, &["group:staff"], &["--mode", mode]);
                let hits = result["hits"].as_array().unwrap();
                hits.iter().map(|h| (h["doc_id"].clone(), h["score"].clone())).collect::<Vec<_>>()
            };
            assert_eq!(hits(query), hits(twin), "{mode} {query}");
            if mode == "fts" {
                assert_eq!(documents(&search(&world, twin, &["group:staff"], &["--mode", mode])), ids(found));
            }
        }
    }
    let run = world.search_with("\u{200b}\u{ad}\u{2060}", &["group:staff"], &[]).expect(2);
    assert_eq!(run.error()[0], "usage", "nothing is left of it");
}
