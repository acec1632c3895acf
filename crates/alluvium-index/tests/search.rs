//! What people find, by every mode, and what nobody may find.
#![allow(missing_docs, clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing)]

mod common;

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use alluvium_core::access::Principals;
use alluvium_core::commit::IndexWriter;
use alluvium_core::id::{DocId, PipelineName};
use alluvium_index::{
    Condition, ErrorKind, Index, RollbackOptions, Scan, SearchMode, SearchRequest, Tuning, Writer, verify,
};
use common::{
    Ask, access_only, acl, commit, delete, denying, described, intervention, sorted, upsert, vector, who,
    writer,
};

const MODES: [SearchMode; 3] = [SearchMode::Vector, SearchMode::Fts, SearchMode::Hybrid];

/// Everything through indexes that are brought up to date after every commit.
const INDEXED: Tuning =
    Tuning { exact_rows: 0, vector_index_rows: 8, unindexed_fragments: 0, ..Tuning::DEFAULT };
/// Nothing is ever maintained.
const NEGLECTED: Tuning = Tuning {
    exact_rows: u64::MAX,
    vector_index_rows: u64::MAX,
    unindexed_fragments: usize::MAX,
    ..Tuning::DEFAULT
};

async fn open(root: &Path, tuning: Tuning) -> Index {
    Index::open(root).await.unwrap().unwrap().tuned(tuning)
}

fn condition(text: &str) -> Condition {
    Condition::parse(text).unwrap()
}

fn texts(found: &alluvium_index::Found) -> Vec<&str> {
    found.hits.iter().map(|h| h.text.as_str()).collect()
}

/// A document as the model has it.
#[derive(Clone)]
struct Doc {
    text: String,
    readers: Vec<&'static str>,
    denied: Vec<&'static str>,
}

/// What these principals must find, by definition.
fn expected(model: &BTreeMap<usize, Doc>, principals: &[&str], even_only: bool) -> Vec<String> {
    let mut found = Vec::new();
    for (i, doc) in model {
        let any = |list: &[&str]| list.iter().any(|p| principals.contains(p));
        if any(&doc.readers) && !any(&doc.denied) && (!even_only || i % 2 == 0) {
            found.extend(doc.text.split("\n\n").map(|text| format!("s/{i}: {text}")));
        }
    }
    found.sort();
    found
}

async fn check(root: &Path, tuning: Tuning, model: &BTreeMap<usize, Doc>, step: u64) {
    let index = open(root, tuning).await;
    for principals in [&["g"][..], &["h"], &["g", "x"], &["nobody"]] {
        for mode in MODES {
            for even_only in [false, true] {
                let conditions = if even_only { vec![condition("parity=even")] } else { vec![] };
                let ask = Ask { limit: 1000, conditions, ..Ask::by(mode, "common") };
                let found = ask.of(&index, principals).await;
                let expected = expected(model, principals, even_only);
                assert_eq!(sorted(&found.hits), expected, "{principals:?} {mode:?} {even_only} step {step}");
                assert!(found.plan.legs.iter().all(|leg| leg.dropped == 0), "{:?}", found.plan);
            }
        }
    }
}

async fn random_changes_are_found_by_exactly_who_may(tuning: Tuning) {
    let lists: [(&[&'static str], &[&'static str]); 5] =
        [(&["g"], &[]), (&["h"], &[]), (&["g", "h"], &["x"]), (&["x"], &["g"]), (&[], &[])];
    let dir = tempfile::tempdir().unwrap();
    let mut w = writer(dir.path()).await.tuned(tuning);
    let mut model: BTreeMap<usize, Doc> = BTreeMap::new();
    let mut state = 7_u64;
    let mut random = |below: usize| {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        usize::try_from(state >> 33).unwrap() % below
    };
    for step in 0..12 {
        let mut changes = BTreeMap::new();
        for _ in 0..4 {
            let (i, (readers, denied)) = (random(12), lists[random(lists.len())]);
            let id = format!("s/{i}");
            match (random(4), model.get_mut(&i)) {
                (0, Some(_)) => {
                    model.remove(&i);
                    changes.insert(i, delete(&id));
                }
                (1 | 2, Some(doc)) if !changes.contains_key(&i) => {
                    (doc.readers, doc.denied) = (readers.to_vec(), denied.to_vec());
                    changes.insert(i, access_only(&id, denying(readers, denied)));
                }
                _ => {
                    let text = format!("common first {step}\n\nCommon second {i}");
                    let metadata = [if i % 2 == 0 { "parity=even" } else { "parity=odd" }];
                    changes.insert(i, described(&id, &text, &metadata, denying(readers, denied)));
                    model.insert(i, Doc { text, readers: readers.to_vec(), denied: denied.to_vec() });
                }
            }
        }
        commit(&mut w, changes.into_values().collect()).await;
        // Now and then a vector index is still being built.
        if tuning == INDEXED && step % 2 == 0 {
            w.maintain().await.unwrap();
        }
        if step % 3 == 2 {
            check(dir.path(), tuning, &model, step).await;
        }
    }
    w.maintain().await.unwrap();
    let plan = Ask::by(SearchMode::Hybrid, "common").of(&open(dir.path(), tuning).await, &["g"]).await.plan;
    let scan = if tuning == INDEXED { Scan::Index } else { Scan::Exact };
    assert!(plan.legs.len() == 2 && plan.legs.iter().all(|leg| leg.scan == scan), "{plan:?}");
}

#[tokio::test]
async fn without_maintenance_everyone_finds_exactly_what_they_may_read() {
    random_changes_are_found_by_exactly_who_may(NEGLECTED).await;
}

#[tokio::test]
async fn through_indexes_everyone_finds_exactly_what_they_may_read() {
    random_changes_are_found_by_exactly_who_may(INDEXED).await;
}

#[tokio::test]
async fn no_text_is_syntax() {
    let dir = tempfile::tempdir().unwrap();
    let mut w = writer(dir.path()).await;
    commit(
        &mut w,
        vec![
            described("s/open", "alpha plain\n\nbeta plain", &["team=people"], acl(&["g"])),
            described("s/secret", "alpha secret\n\nbeta secret", &["team=people"], acl(&["hr"])),
        ],
    )
    .await;
    let index = open(dir.path(), NEGLECTED).await;
    let many = "alpha ".repeat(10_000);
    let long = "alpha".repeat(20_000);
    for text in [
        "alpha",
        "\"alpha\"",
        "\"alpha",
        "alpha AND secret",
        "+alpha -plain",
        "NOT beta",
        "alpha~2",
        "alp*",
        "text:alpha",
        "acl_readers:hr OR alpha",
        "(alpha",
        "[alpha TO beta]",
        "alpha^9",
        "/alph./",
        "^.*$",
        "'] OR true --",
        "alpha'; DROP TABLE chunks; --",
        "{\"match\":{\"text\":\"secret\"}}",
        "\\",
        "%",
        "?!",
        "",
        " ",
        "\u{0}",
        "alpha\u{0}beta",
        "🙂",
        "日本語の文書",
        "שלום alpha",
        "\u{202e}ahpla",
        &many,
        &long,
    ] {
        for mode in MODES {
            let found = Ask { limit: 100, ..Ask::by(mode, text) }.of(&index, &["g"]).await;
            assert!(found.hits.iter().all(|h| h.doc_id == "s/open"), "{mode:?} {text:?}");
        }
    }
    for none in ["?!", "", " ", "\u{0}", "🙂", "alp*", "^.*$", "secre", &long] {
        let found = Ask::by(SearchMode::Fts, none).of(&index, &["g"]).await;
        assert!(found.hits.is_empty(), "{none:?} {found:?}");
    }
    for someone in ["'] OR true --", "hr' OR '1'='1", "h*", "%", "HR", "[\"hr\"]", "hr,g", ".*"] {
        for mode in MODES {
            let found = Ask::by(mode, "alpha secret").of(&index, &[someone]).await;
            assert!(found.hits.is_empty(), "{mode:?} {someone:?}");
        }
    }
    for text in [
        "team=people' OR '1'='1",
        "team=people\") OR true --",
        "title=s/open' OR title='s/secret",
        "team=*",
        "team=peopl.",
        "team=%",
        "team=",
    ] {
        for mode in MODES {
            let ask = Ask { conditions: vec![condition(text)], ..Ask::by(mode, "alpha") };
            assert!(ask.of(&index, &["g"]).await.hits.is_empty(), "{mode:?} {text:?}");
        }
    }
    for text in ["x\" OR 1=1 --=y", "acl_readers=hr", "metadata.acl_readers=hr", "acl_readers!=hr"] {
        for mode in MODES {
            let ask = Ask { conditions: vec![condition(text)], ..Ask::by(mode, "alpha") };
            assert_eq!(ask.refused(&index, &["g"]).await.kind(), ErrorKind::Request, "{mode:?} {text:?}");
        }
    }
}

#[tokio::test]
async fn a_key_that_is_nothing_is_an_error_that_names_the_nearest() {
    let dir = tempfile::tempdir().unwrap();
    let mut w = writer(dir.path()).await;
    commit(
        &mut w,
        vec![
            described("s/a", "one thing", &["department=people", "year=2026"], acl(&["g"])),
            described("s/b", "two thing", &["salary_band=9"], acl(&["hr"])),
        ],
    )
    .await;
    let index = open(dir.path(), NEGLECTED).await;
    for mode in MODES {
        let refused = async |text: &str, principals: &[&str]| {
            let ask = Ask { conditions: vec![condition(text)], ..Ask::by(mode, "thing") };
            ask.refused(&index, principals).await.to_string()
        };
        for (typed, meant) in [
            ("departement=people", "department"),
            ("Department=people", "department"),
            ("metadata.departmnt=x", "department"),
            ("departement!=people", "department"),
            ("media-type=text/plain", "media_type"),
            ("modified=2026-01-01", "modified_at"),
            ("docid=s/a", "doc_id"),
        ] {
            let message = refused(typed, &["g"]).await;
            assert!(message.ends_with(&format!("the nearest is {meant}")), "{mode:?} {typed}: {message}");
        }
        // What only others' documents have is not told.
        let message = refused("salary_bnd=9", &["g"]).await;
        assert!(!message.contains("salary_band"), "{message}");
        assert!(refused("salary_bnd=9", &["hr"]).await.contains("salary_band"));
        assert!(!refused("salary_band=9", &["g"]).await.contains("nearest is salary"));
        for (known, hits) in [("department=sales", 0), ("year!=2026", 0), ("year!=2025", 1)] {
            let ask = Ask { conditions: vec![condition(known)], ..Ask::by(mode, "thing") };
            assert_eq!(ask.of(&index, &["g"]).await.hits.len(), hits, "{mode:?} {known}");
        }
        // Who may read nothing learns nothing.
        let ask = Ask { conditions: vec![condition("departement=x")], ..Ask::by(mode, "thing") };
        assert!(ask.of(&index, &["nobody"]).await.hits.is_empty());
    }
}

#[tokio::test]
async fn times_and_numbers_are_compared() {
    let dir = tempfile::tempdir().unwrap();
    let mut w = writer(dir.path()).await;
    let dated = |id: &str, modified: Option<&str>| {
        let mut change = upsert(id, &format!("thing {id}\n\nthing again {id}"), acl(&["g"]));
        if let alluvium_core::document::PreparedContent::Indexed(content) = &mut change.content {
            content.modified_at = modified.map(|time| time.parse().unwrap());
        }
        change
    };
    commit(
        &mut w,
        vec![
            dated("s/spring", Some("2026-03-01T00:00:00Z")),
            dated("s/noon", Some("2026-03-01T12:00:00.5Z")),
            dated("s/late", Some("2026-03-01T23:59:59.999999Z")),
            dated("s/next", Some("2026-03-02T00:00:00Z")),
            dated("s/never", None),
        ],
    )
    .await;
    let index = open(dir.path(), NEGLECTED).await;
    for (conditions, expected) in [
        (&["modified_at=2026-03-01"][..], "late noon spring"),
        (&["modified_at!=2026-03-01"], "next"),
        (&["modified_at<2026-03-01"], ""),
        (&["modified_at<=2026-03-01"], "late noon spring"),
        (&["modified_at>2026-03-01"], "next"),
        (&["modified_at>=2026-03-01"], "late next noon spring"),
        (&["modified_at=2026-03-01T12:00:00.5Z"], "noon"),
        (&["modified_at=2026-03-01T13:00:00.5+01:00"], "noon"),
        (&["modified_at>2026-03-01T12:00:00.5Z"], "late next"),
        (&["modified_at>=2026-03-01T00:00:00Z", "modified_at<2026-03-01T23:00:00Z"], "noon spring"),
        (&["expires_at>2000-01-01"], ""),
        (&["indexed_at>2000-01-01", "source=s"], "late never next noon spring"),
        (&["chunk_index>=1"], "late never next noon spring"),
        (&["chunk_index>1"], ""),
        (&["char_start=0", "modified_at>2026-03-01"], "next"),
        (&["page_start>=1"], ""),
        (&["page_start!=1"], ""),
        (&["title!=s/noon", "modified_at=2026-03-01"], "late spring"),
    ] {
        for mode in MODES {
            let conditions_ = conditions.iter().map(|c| condition(c)).collect();
            let ask = Ask { limit: 100, conditions: conditions_, ..Ask::by(mode, "thing") };
            let found = ask.of(&index, &["g"]).await;
            let ids: BTreeSet<&str> = found.hits.iter().map(|h| &h.doc_id[2..]).collect();
            assert_eq!(ids.into_iter().collect::<Vec<_>>().join(" "), expected, "{mode:?} {conditions:?}");
        }
    }
}

#[tokio::test]
async fn the_case_of_a_text_and_of_a_query_make_no_difference() {
    for tuning in [INDEXED, NEGLECTED] {
        let dir = tempfile::tempdir().unwrap();
        let mut w = writer(dir.path()).await.tuned(tuning);
        let texts = [
            "\u{130}stanbul",
            "istanbul",
            "ISTANBUL",
            "D\u{130}YARBAKIR",
            "diyarbak\u{131}r",
            "Stra\u{df}e",
            "STRASSE",
            "\u{3bf}\u{3b4}\u{3cc}\u{3c2}",
            "\u{39f}\u{394}\u{39f}\u{3a3}",
        ];
        let changes = texts.iter().enumerate().map(|(i, text)| upsert(&format!("s/{i}"), text, acl(&["g"])));
        commit(&mut w, changes.collect()).await;
        let index = open(dir.path(), tuning).await;
        for twins in [&texts[..3], &texts[3..5], &texts[5..7], &texts[7..]] {
            let expected: BTreeSet<&str> = twins.iter().copied().collect();
            for query in twins {
                let found = Ask::by(SearchMode::Fts, query).of(&index, &["g"]).await;
                assert_eq!(
                    found.hits.iter().map(|h| h.text.as_str()).collect::<BTreeSet<_>>(),
                    expected,
                    "{query}"
                );
            }
        }
    }
}

#[tokio::test]
async fn passages_of_one_document_push_no_other_out() {
    let dir = tempfile::tempdir().unwrap();
    let mut w = writer(dir.path()).await;
    let long = (0..300).map(|i| format!("gauge gauge gauge {i}")).collect::<Vec<_>>().join("\n\n");
    let mut changes = vec![upsert("s/long", &long, acl(&["g"]))];
    changes.extend(
        (0..6).map(|i| upsert(&format!("s/short{i}"), &format!("the gauge of station {i}"), acl(&["g"]))),
    );
    commit(&mut w, changes).await;
    let index = open(dir.path(), NEGLECTED).await;
    let documents = |found: &alluvium_index::Found| {
        found.hits.iter().map(|h| h.doc_id.clone()).collect::<BTreeSet<_>>().len()
    };
    let found = Ask { limit: 7, ..Ask::by(SearchMode::Fts, "gauge") }.of(&index, &["g"]).await;
    assert_eq!(documents(&found), 1, "by words alone they do");
    for mode in MODES {
        for most in [1, 2] {
            let per_document = std::num::NonZeroUsize::new(most);
            let found = Ask { limit: 7, per_document, ..Ask::by(mode, "gauge") }.of(&index, &["g"]).await;
            assert_eq!(found.plan.per_document, per_document);
            let long = found.hits.iter().filter(|h| h.doc_id == "s/long").count();
            assert!(long <= most && found.hits.len() == 7, "{mode:?}: {long}");
            assert!(most > 1 || documents(&found) == 7, "{mode:?} {:?}", found.plan);
        }
    }
}

#[tokio::test]
async fn words_are_of_no_language_in_particular() {
    let dir = tempfile::tempdir().unwrap();
    let mut w = writer(dir.path()).await.tuned(INDEXED);
    let hash = "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08";
    let text = format!(
        "The Über-Straße CAFÉ\n\nto be or not to be\n\nrunning\n\n東京都の天気は晴れです\n\nشروط العقد\n\nsee config.toml {hash}"
    );
    commit(&mut w, vec![upsert("s/a", &text, acl(&["g"]))]).await;
    let ask = async |tuning: Tuning, query: &str| {
        let found = Ask::by(SearchMode::Fts, query).of(&open(dir.path(), tuning).await, &["g"]).await;
        texts(&found).join("|")
    };
    let check = async |tuning| {
        assert_eq!(ask(tuning, "cafe").await, "The Über-Straße CAFÉ", "case and accents");
        assert_eq!(ask(tuning, "STRASSE").await, "The Über-Straße CAFÉ");
        assert_eq!(ask(tuning, "or").await, "to be or not to be", "no stop words");
        assert_eq!(ask(tuning, "run").await, "", "no stemming");
        assert_eq!(ask(tuning, "天気").await, "東京都の天気は晴れです", "words without spaces");
        assert_eq!(ask(tuning, "العقد").await, "شروط العقد");
        assert!(ask(tuning, "toml").await.starts_with("see config.toml"));
        assert!(ask(tuning, hash).await.starts_with("see config.toml"), "long and exact");
    };
    check(INDEXED).await;
    // The same words while nothing is indexed yet.
    let dir = tempfile::tempdir().unwrap();
    let mut w = writer(dir.path()).await.tuned(NEGLECTED);
    commit(&mut w, vec![upsert("s/a", "The CAFÉ\n\n東京都の天気", acl(&["g"]))]).await;
    let found = Ask::by(SearchMode::Fts, "cafe 天気").of(&open(dir.path(), NEGLECTED).await, &["g"]).await;
    assert_eq!((found.hits.len(), found.plan.legs[0].scan), (2, Scan::Exact));
}

#[tokio::test]
async fn hybrid_finds_what_either_finds() {
    let dir = tempfile::tempdir().unwrap();
    let mut w = writer(dir.path()).await;
    let query = "parental leave";
    // One near in meaning only: it has the query's own vector and none of its words.
    let mut meaning = upsert("s/meaning", "time off with a newborn", acl(&["g"]));
    let mut both = upsert("s/both", "leave for parents: parental leave", acl(&["g"]));
    for change in [&mut meaning, &mut both] {
        let alluvium_core::document::PreparedContent::Indexed(content) = &mut change.content else {
            panic!()
        };
        content.chunks[0].vector = vector(query);
    }
    let mut changes = vec![meaning, both, upsert("s/words", "benefits of parental leave", acl(&["g"]))];
    changes.extend((0..200).map(|i| upsert(&format!("s/other{i}"), &format!("other {i}"), acl(&["g"]))));
    changes.push(upsert("s/hidden", "parental leave", acl(&["hr"])));
    commit(&mut w, changes).await;
    let index = open(dir.path(), NEGLECTED).await;
    let ids = async |mode| {
        let found = Ask { limit: 3, ..Ask::by(mode, query) }.of(&index, &["g"]).await;
        found.hits.into_iter().map(|h| h.doc_id).collect::<Vec<_>>()
    };
    let (by_vector, by_words) = (ids(SearchMode::Vector).await, ids(SearchMode::Fts).await);
    assert!(by_vector.contains(&"s/meaning".to_owned()) && !by_vector.contains(&"s/words".to_owned()));
    assert_eq!(by_words, ["s/both", "s/words"]);
    // Vectors here are of hashes, and many of the others are near by chance.
    let all = Ask { limit: 100, ..Ask::by(SearchMode::Hybrid, query) }.of(&index, &["g"]).await.hits;
    let hybrid: Vec<&str> = all.iter().map(|h| h.doc_id.as_str()).collect();
    assert_eq!(hybrid[..2], ["s/both", "s/meaning"], "what both find comes first");
    assert!(hybrid.contains(&"s/words") && !hybrid.contains(&"s/hidden"), "{hybrid:?}");
}

#[tokio::test]
async fn conditions_all_hold() {
    let dir = tempfile::tempdir().unwrap();
    let mut w = writer(dir.path()).await;
    commit(
        &mut w,
        vec![
            described("s/a", "one thing", &["team=people", "year=2026"], acl(&["g"])),
            described("s/b", "two thing", &["team=people", "year=2025"], acl(&["g"])),
            described("t/c", "three thing", &["team=ops", "title=odd"], acl(&["g"])),
            described("t/d", "four thing", &["team=people", "year=2026"], acl(&["hr"])),
        ],
    )
    .await;
    let index = open(dir.path(), NEGLECTED).await;
    for (conditions, expected) in [
        (&["team=people"][..], &["s/a", "s/b"][..]),
        (&["team=people", "year=2026"], &["s/a"]),
        (&["team=people", "team=ops"], &[]),
        (&["source=t"], &["t/c"]),
        (&["source=s", "year=2025", "media_type=text/plain"], &["s/b"]),
        (&["doc_id=s/a"], &["s/a"]),
        (&["title=s/b"], &["s/b"]),
        (&["uri=file:///t/c"], &["t/c"]),
        (&["metadata.title=odd"], &["t/c"]),
        (&["tenant=x"], &[]),
        (&["language="], &[]),
    ] {
        for mode in MODES {
            let conditions_ = conditions.iter().map(|c| condition(c)).collect();
            let found = Ask { conditions: conditions_, ..Ask::by(mode, "thing") }.of(&index, &["g"]).await;
            let ids: BTreeSet<&str> = found.hits.iter().map(|h| h.doc_id.as_str()).collect();
            assert_eq!(ids, expected.iter().copied().collect(), "{mode:?} {conditions:?}");
        }
    }
}

/// Documents `0..60` near the query and `60..80` further off; then the near ones are closed, one way or
/// another.
async fn closed_since(root: &Path) -> (Index, Index) {
    let mut w = writer(root).await;
    let near = |i: usize| {
        let mut change = upsert(&format!("s/{i}"), &format!("word word word {i}"), acl(&["g"]));
        if let alluvium_core::document::PreparedContent::Indexed(content) = &mut change.content {
            content.chunks[0].vector = vector("word");
        }
        change
    };
    let far = |i: usize| upsert(&format!("s/{i}"), &format!("word and much else besides {i}"), acl(&["g"]));
    commit(&mut w, (0..60).map(near).chain((60..80).map(far)).collect()).await;
    let old = open(root, NEGLECTED).await;
    let close = |i: usize| match i % 3 {
        0 => delete(&format!("s/{i}")),
        1 => access_only(&format!("s/{i}"), acl(&["hr"])),
        _ => access_only(&format!("s/{i}"), denying(&["g"], &["g"])),
    };
    commit(&mut w, (0..60).map(close).collect()).await;
    (old, open(root, NEGLECTED).await)
}

#[tokio::test]
async fn an_old_version_is_judged_by_the_newest_policy() {
    let dir = tempfile::tempdir().unwrap();
    let (old, newest) = closed_since(dir.path()).await;
    let open_now: BTreeSet<String> = (60..80).map(|i| format!("s/{i}")).collect();
    let ids = |found: &alluvium_index::Found| -> BTreeSet<String> {
        found.hits.iter().map(|h| h.doc_id.clone()).collect()
    };
    let judged = old.clone().judged_by(&newest).unwrap();
    for mode in MODES {
        let few = Ask { limit: 5, ..Ask::by(mode, "word") };
        let before = few.of(&old, &["g"]).await;
        assert!(ids(&before).is_disjoint(&open_now), "{mode:?}: what is closed now was best then");
        let found = few.of(&judged, &["g"]).await;
        assert_eq!(found.hits.len(), 5, "{mode:?}: what was dropped is made up for: {:?}", found.plan);
        assert!(ids(&found).is_subset(&open_now), "{mode:?} {:?}", ids(&found));
        assert!(found.plan.legs.iter().all(|leg| leg.dropped > 0), "{:?}", found.plan);
        // Fusion fetches as much at once as there is here.
        let again = found.plan.legs.iter().any(|leg| leg.rounds > 1);
        assert!(mode == SearchMode::Hybrid || again, "{:?}", found.plan);
        let all = Ask { limit: 1000, ..Ask::by(mode, "word") };
        assert_eq!(ids(&all.of(&judged, &["g"]).await), open_now, "{mode:?}");
        assert_eq!(ids(&all.of(&newest, &["g"]).await), open_now, "{mode:?}");
        // What was opened to others since is not in the old copy: it stays closed, on the safe side.
        assert!(all.of(&judged, &["hr"]).await.hits.is_empty(), "{mode:?}");
    }
}

async fn write_many(w: &mut Writer, documents: std::ops::Range<usize>) {
    let text = |d: usize| (0..50).map(|c| format!("passage {d} {c}")).collect::<Vec<_>>().join("\n\n");
    let readers = |d: usize| if d.is_multiple_of(10) { acl(&["g", "few"]) } else { acl(&["g"]) };
    commit(w, documents.map(|d| upsert(&format!("s/{d}"), &text(d), readers(d))).collect()).await;
}

#[tokio::test]
async fn the_vector_index_finds_what_an_exact_search_finds() {
    let dir = tempfile::tempdir().unwrap();
    let through_index =
        Tuning { exact_rows: 1000, vector_index_rows: 4000, unindexed_fragments: 0, ..Tuning::DEFAULT };
    let mut w = writer(dir.path()).await.tuned(through_index);
    write_many(&mut w, 0..100).await;
    w.maintain().await.unwrap();
    let indexed = open(dir.path(), through_index).await;
    let exact = open(dir.path(), NEGLECTED).await;
    let mut same = 0;
    for i in 0..20 {
        let text = format!("question {i}");
        let ask = Ask::by(SearchMode::Vector, &text);
        let (approximate, right) = (ask.of(&indexed, &["g"]).await, ask.of(&exact, &["g"]).await);
        assert_eq!(approximate.plan.legs[0].scan, Scan::Index);
        assert_eq!(approximate.plan.admitted, Some(5000));
        assert_eq!((right.plan.legs[0].scan, right.plan.admitted), (Scan::Exact, None));
        let right: BTreeSet<&str> = right.hits.iter().map(|h| h.chunk_id.as_str()).collect();
        same += approximate.hits.iter().filter(|h| right.contains(h.chunk_id.as_str())).count();
    }
    assert!(same >= 190, "recall {}", f64::from(u32::try_from(same).unwrap()) / 200.0);
    // Under a narrow filter the search is exact.
    let narrow = Ask::by(SearchMode::Vector, "question").of(&indexed, &["few"]).await;
    assert_eq!((narrow.plan.legs[0].scan, narrow.plan.admitted), (Scan::Exact, Some(500)));
    // Rows that no index covers yet are found as well, by every mode.
    let mut w = w.tuned(Tuning { unindexed_fragments: usize::MAX, ..through_index });
    commit(&mut w, vec![upsert("s/new", "unheard of", acl(&["g"]))]).await;
    let indexed = open(dir.path(), through_index).await;
    for mode in MODES {
        let found = Ask::by(mode, "unheard of").of(&indexed, &["g"]).await;
        assert_eq!(found.hits[0].doc_id, "s/new", "{mode:?} {:?}", found.plan);
        assert!(found.plan.legs.iter().all(|leg| leg.scan == Scan::Index), "{:?}", found.plan);
    }
}

/// What a search by vector among all rows goes through, and how many documents it finds.
async fn by_vector(root: &Path, tuning: Tuning) -> (Scan, BTreeSet<String>) {
    let ask = Ask { limit: 10_000, ..Ask::by(SearchMode::Vector, "any") };
    let found = ask.of(&open(root, tuning).await, &["g"]).await;
    (found.plan.legs[0].scan, found.hits.into_iter().map(|hit| hit.doc_id.to_string()).collect())
}

/// Enough rows for a vector index, whose training takes longer than a commit.
const TRAINED: Tuning =
    Tuning { exact_rows: 0, vector_index_rows: 1000, unindexed_fragments: 0, ..Tuning::DEFAULT };

#[tokio::test]
async fn commits_go_on_while_a_vector_index_is_trained() {
    let dir = tempfile::tempdir().unwrap();
    let mut w = writer(dir.path()).await.tuned(TRAINED);
    write_many(&mut w, 0..30).await;
    assert!(!has_index(dir.path(), "vector").await, "a commit waited for it");
    let mut expected = by_vector(dir.path(), TRAINED).await.1;
    // Whatever happens meanwhile is no less true of the index that comes.
    commit(&mut w, vec![upsert("s/new", "one more", acl(&["g"])), delete("s/1")]).await;
    commit(&mut w, vec![access_only("s/2", acl(&["h"])), upsert("s/3", "shorter", acl(&["g"]))]).await;
    expected.insert("s/new".to_owned());
    expected.retain(|id| id != "s/1" && id != "s/2");
    assert_eq!(by_vector(dir.path(), TRAINED).await.1, expected);
    w.maintain().await.unwrap();
    assert_eq!(by_vector(dir.path(), TRAINED).await, (Scan::Index, expected));
    let found = verify(dir.path(), &PipelineName::new("handbook").unwrap()).await.unwrap();
    assert_eq!(found.findings, []);
}

#[tokio::test]
async fn a_vector_index_that_is_built_is_taken_on_though_no_commit_comes() {
    let dir = tempfile::tempdir().unwrap();
    let mut w = writer(dir.path()).await.tuned(TRAINED);
    write_many(&mut w, 0..30).await;
    for _ in 0..3000 {
        w.tend().await.unwrap();
        if has_index(dir.path(), "vector").await {
            return;
        }
        tokio::time::sleep(std::time::Duration::from_millis(10)).await;
    }
    panic!("it never came");
}

#[tokio::test]
async fn a_vector_index_is_trained_anew_after_another_writer_came_between() {
    let dir = tempfile::tempdir().unwrap();
    let mut w = writer(dir.path()).await.tuned(TRAINED);
    write_many(&mut w, 0..30).await;
    let mut person = intervention(dir.path()).await;
    person.erase(&DocId::parse("s/1").unwrap()).await.unwrap();
    drop(person);
    w.renew().await.unwrap();
    commit(&mut w, vec![upsert("s/new", "one more", acl(&["g"]))]).await;
    w.maintain().await.unwrap();
    let (scan, found) = by_vector(dir.path(), TRAINED).await;
    assert!(scan == Scan::Index && found.contains("s/new") && !found.contains("s/1"), "{found:?}");
}

#[tokio::test]
async fn requests_that_make_no_sense_are_refused() {
    let dir = tempfile::tempdir().unwrap();
    let mut w = writer(dir.path()).await;
    commit(&mut w, vec![upsert("s/a", "word", acl(&["g"]))]).await;
    let index = open(dir.path(), NEGLECTED).await;
    let principals: Principals = who(&["g"]);
    let request = |mode, vector| SearchRequest {
        principals: &principals,
        mode,
        text: "word",
        vector,
        limit: 10,
        per_document: None,
        conditions: &[],
    };
    for mode in [SearchMode::Vector, SearchMode::Hybrid] {
        for vector in [None, Some(&[1.0_f32][..]), Some(&[f32::NAN; 8])] {
            assert_eq!(index.search(&request(mode, vector)).await.unwrap_err().kind(), ErrorKind::Request);
        }
    }
    assert_eq!(index.search(&request(SearchMode::Fts, None)).await.unwrap().hits.len(), 1);
    let conditions: Vec<Condition> = (0..1000).map(|i| condition(&format!("k{i}=v"))).collect();
    let deep = SearchRequest { conditions: &conditions, ..request(SearchMode::Fts, None) };
    assert_eq!(index.search(&deep).await.unwrap_err().kind(), ErrorKind::Request);
    for (limit, hits) in [(0, 0), (usize::MAX, 1)] {
        for mode in MODES {
            let found = Ask { limit, ..Ask::by(mode, "word") }.of(&index, &["g"]).await;
            assert_eq!(found.hits.len(), hits, "{mode:?} {limit}");
        }
    }
}

/// Drops an index behind the writer's back, and has the newest record name the version without it.
async fn drop_index(root: &Path, column: &str) {
    use lance::index::DatasetIndexExt;
    let mut records: Vec<_> =
        std::fs::read_dir(root.join("ledger")).unwrap().map(|e| e.unwrap().path()).collect();
    records.sort();
    let mut record: serde_json::Value = serde_json::from_slice(&std::fs::read(&records[0]).unwrap()).unwrap();
    let tables = record["tables"].as_object_mut().unwrap();
    let (name, version) = tables.iter_mut().find(|(name, _)| name.starts_with("chunks_")).unwrap();
    let path = root.join(format!("{name}.lance"));
    let mut table = lance::Dataset::open(path.to_str().unwrap()).await.unwrap();
    assert_eq!(table.version().version, version.as_u64().unwrap());
    table.drop_index(&format!("{column}_idx")).await.unwrap();
    *version = table.version().version.into();
    std::fs::write(&records[0], serde_json::to_vec(&record).unwrap()).unwrap();
}

#[tokio::test]
async fn a_table_without_an_index_is_searched_and_gets_it_back() {
    let dir = tempfile::tempdir().unwrap();
    let mut w = writer(dir.path()).await.tuned(INDEXED);
    commit(&mut w, vec![upsert("s/a", "word one", acl(&["g"])), upsert("s/b", "word two", acl(&["hr"]))])
        .await;
    drop(w);
    for column in ["text", "acl_readers", "acl_denied", "metadata"] {
        drop_index(dir.path(), column).await;
    }
    let index = open(dir.path(), NEGLECTED).await;
    for mode in MODES {
        let found = Ask::by(mode, "word").of(&index, &["g"]).await;
        assert_eq!(texts(&found), ["word one"], "{mode:?}");
        assert!(found.plan.legs.iter().all(|leg| leg.scan == Scan::Exact), "{:?}", found.plan);
    }
    let mut w = writer(dir.path()).await.tuned(INDEXED);
    commit(&mut w, vec![upsert("s/c", "WORD three", acl(&["g"]))]).await;
    let found = Ask::by(SearchMode::Fts, "word").of(&open(dir.path(), NEGLECTED).await, &["g"]).await;
    assert_eq!((found.hits.len(), found.plan.legs[0].scan), (2, Scan::Index));
}

async fn has_index(root: &Path, column: &str) -> bool {
    use lance::index::DatasetIndexExt;
    let index = open(root, NEGLECTED).await;
    let mut tables = index.record().tables.iter();
    let (name, version) = tables.find(|(name, _)| name.starts_with("chunks_")).unwrap();
    let path = root.join(format!("{name}.lance"));
    let table = lance::Dataset::open(path.to_str().unwrap()).await.unwrap();
    let table = table.checkout_version(*version).await.unwrap();
    table.load_indices().await.unwrap().iter().any(|i| i.name == format!("{column}_idx"))
}

#[tokio::test]
async fn a_rollback_to_a_table_without_an_index_gives_it_back() {
    let dir = tempfile::tempdir().unwrap();
    let mut w = writer(dir.path()).await;
    commit(&mut w, vec![upsert("s/a", "word one", acl(&["g"]))]).await;
    let then = w.head().unwrap().seq;
    drop(w);
    drop_index(dir.path(), "text").await;
    assert!(!has_index(dir.path(), "text").await);
    let mut w = writer(dir.path()).await;
    commit(&mut w, vec![upsert("s/b", "word two", acl(&["g"]))]).await;
    drop(w);
    let options = RollbackOptions { to: then, restore_deleted: false, keep_offsets: false, pause: false };
    intervention(dir.path()).await.rollback(&options).await.unwrap();
    assert!(has_index(dir.path(), "text").await);
    let found = Ask::by(SearchMode::Fts, "word").of(&open(dir.path(), NEGLECTED).await, &["g"]).await;
    assert_eq!(texts(&found), ["word one"]);
}
