//! From files to hits, through the program and a real model.

use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};

use super::{Place, check, pipeline};

fn filled() -> Place {
    let place = Place::new();
    place.write("docs/leave.md", "# Leave\n\nParents may take parental leave for up to 26 weeks.\n");
    place.write(
        "docs/board.txt",
        "The board will sell the parental leave business. Parental leave is over.\n",
    );
    place.write("docs/board.txt.acl.toml", "readers = [\"group:board\"]\n");
    place.write("docs/mast.html", "<title>Masts</title><p>Tighten the bolts of the antenna mast.</p>");
    place.write("docs/picture.png", "not read");
    place
}

#[test]
fn documents_are_found_by_those_who_may_read_them() {
    let place = filled();
    let (code, result, error) = place.backfill();
    check("backfill", &result);
    assert_eq!(code, 0, "{error}");
    assert_eq!(result["documents"]["indexed"], 3, "{result}");
    assert_eq!(
        (&result["documents"]["skipped"], &result["published"]),
        (&1.into(), &true.into()),
        "{result}"
    );

    let mut staff = place.search("parental leave", &["group:staff"]);
    staff.sort();
    assert_eq!(staff, ["docs/leave.md", "docs/mast.html"]);
    assert_eq!(place.search("parental leave", &["group:board"]), ["docs/board.txt"]);
    assert_eq!(place.search("parental leave", &["group:board", "group:staff"]).len(), 3);
    for nobody in ["GROUP:STAFF", "group:staff' OR '1'='1", "*"] {
        assert!(place.search("parental leave", &[nobody]).is_empty(), "{nobody}");
    }

    let (_, status, _) = place.run(&["status", "pipeline.toml"]);
    check("status", &status);
    assert_eq!((&status["documents"]["indexed"], &status["sources"][0]["name"]), (&3.into(), &"docs".into()));

    let (_, found, _) =
        place.run(&["search", "pipeline.toml", "mast", "--as", "group:staff", "--limit", "1"]);
    let (code, lineage, _) =
        place.run(&["explain", "pipeline.toml", found["hits"][0]["chunk_id"].as_str().unwrap()]);
    check("explain", &lineage);
    assert_eq!((code, &lineage["doc_id"]), (0, &"docs/mast.html".into()));
    assert_eq!(place.run(&["explain", "pipeline.toml", "nothing"]).0, 1);
}

#[test]
fn a_second_run_embeds_and_publishes_nothing_and_an_edit_little() {
    let place = filled();
    let (_, first, _) = place.backfill();
    let (code, again, _) = place.backfill();
    assert_eq!(
        (code, &again["published"], &again["chunks"]["embedded"]),
        (0, &false.into(), &0.into()),
        "{again}"
    );
    assert_eq!((&again["documents"]["unchanged"], &again["release"]), (&3.into(), &first["release"]));

    place.write("docs/board.txt.acl.toml", "readers = [\"group:staff\"]\n");
    let (_, access, _) = place.backfill();
    assert_eq!((&access["chunks"]["embedded"], &access["published"]), (&0.into(), &true.into()), "{access}");
    assert_eq!(place.search("parental leave", &["group:board"]).len(), 0);

    std::fs::remove_file(place.path("docs/mast.html")).unwrap();
    assert_eq!(place.backfill().1["documents"]["deleted"], 1);
    assert!(!place.search("mast", &["group:staff"]).contains(&"docs/mast.html".to_owned()));
}

#[test]
fn a_refused_document_is_listed_and_its_neighbours_are_indexed() {
    let place = filled();
    place.write("docs/broken.pdf", "%PDF-1.4\nthis is no PDF");
    let (code, result, _) = place.backfill();
    assert_eq!((code, &result["documents"]["quarantined"]), (3, &1.into()), "{result}");
    assert_eq!(result["documents"]["indexed"], 3);
    let (_, list, _) = place.run(&["quarantine", "list", "pipeline.toml"]);
    check("quarantine_list", &list);
    assert_eq!(list["items"][0]["doc_id"], "docs/broken.pdf", "{list}");
    assert_eq!(place.backfill().0, 0, "it was not quarantined in this run");
}

/// The id of the one item that waits in quarantine.
fn the_item(place: &Place) -> String {
    let (_, list, _) = place.run(&["quarantine", "list", "pipeline.toml"]);
    assert_eq!(list["items"].as_array().map(Vec::len), Some(1), "{list}");
    list["items"][0]["id"].as_str().unwrap().to_owned()
}

#[test]
fn what_a_file_does_not_say_any_more_is_not_served() {
    for emptied in ["", " \n\u{a0}"] {
        let place = filled();
        let before = place.backfill().1["published"].clone();
        assert!(before.is_boolean());
        let (_, status, _) = place.run(&["status", "pipeline.toml"]);
        let seq = status["live"]["seq"].to_string();
        place.write("docs/leave.md", emptied);
        let (code, result, _) = place.backfill();
        assert_eq!((code, &result["documents"]["quarantined"]), (3, &1.into()), "{result}");
        assert!(!place.search("parental leave", &["group:staff"]).contains(&"docs/leave.md".to_owned()));
        let (code, again, _) = place.backfill();
        assert_eq!((code, &again["published"]), (0, &false.into()), "{again}");
        let (_, status, _) = place.run(&["status", "pipeline.toml"]);
        let documents = &status["documents"];
        let counts = ["indexed", "quarantined", "stale"].map(|name| documents[name].as_u64().unwrap());
        assert_eq!(counts, [2, 1, 0], "{status}");
        assert_eq!(place.run(&["verify", "pipeline.toml", "--source"]).0, 0);
        let (code, _, error) = place.run(&["rollback", "pipeline.toml", "--to", &format!("seq:{seq}")]);
        assert_eq!(code, 0, "{error}");
        assert!(place.search("parental leave", &["group:staff"]).contains(&"docs/leave.md".to_owned()));
        place.run(&["resume", "pipeline.toml"]);
        place.write("docs/leave.md", "# Leave\n\nParental leave is 30 weeks now.\n");
        assert_eq!(place.backfill().0, 0);
        assert!(place.search("parental leave", &["group:staff"]).contains(&"docs/leave.md".to_owned()));
    }
}

#[test]
fn a_last_good_version_says_that_it_is_stale_and_ends_with_what_a_person_drops() {
    let place = filled();
    place.backfill();
    let stale = |place: &Place| {
        let (_, found, _) = place.run(&["search", "pipeline.toml", "mast", "--as", "group:staff"]);
        check("search", &found);
        let hits = found["hits"].as_array().unwrap().clone();
        let mast = hits.into_iter().find(|hit| hit["doc_id"] == "docs/mast.html");
        mast.map(|hit| hit["stale_since"].is_string())
    };
    assert_eq!(stale(&place), Some(false));
    place.write("docs/mast.html", "%PDF-1.4\nthis is no PDF");
    assert_eq!(place.backfill().0, 3);
    assert_eq!(stale(&place), Some(true), "it is there and can't be read: its last good version is served");
    let (_, status, _) = place.run(&["status", "pipeline.toml"]);
    assert_eq!(status["documents"]["stale"], 1, "{status}");
    let (code, _, error) = place.run(&["quarantine", "drop", "pipeline.toml", &the_item(&place)]);
    assert_eq!(code, 0, "{error}");
    assert_eq!(stale(&place), None, "the source does not hold it");
    assert_eq!(place.backfill().0, 0);
    assert_eq!(stale(&place), None);
    assert_eq!(place.run(&["verify", "pipeline.toml", "--source"]).0, 0);
    place.write("docs/mast.html", "<title>Masts</title><p>The mast is down.</p>");
    assert_eq!(place.backfill().0, 0);
    assert_eq!(stale(&place), Some(false));
}

#[test]
fn a_source_can_hide_what_it_can_not_read() {
    let place = filled();
    let hiding = format!("{}on_unreadable = \"hide\"\n", pipeline("potion-base-8M"));
    place.write("pipeline.toml", &hiding);
    place.backfill();
    place.write("docs/mast.html", "%PDF-1.4\nthis is no PDF");
    assert_eq!(place.backfill().0, 3);
    assert!(!place.search("mast", &["group:staff"]).contains(&"docs/mast.html".to_owned()));
    assert_eq!(place.backfill().0, 0);
    place.write("pipeline.toml", &hiding.replace("hide", "drop"));
    let (code, _, error) = place.run(&["validate", "pipeline.toml"]);
    assert_eq!(code, 2);
    assert!(error["error"]["message"].as_str().unwrap().contains("\"keep\" or \"hide\""), "{error}");
}

#[test]
fn an_emptied_source_is_braked() {
    let place = filled();
    place.backfill();
    for file in ["leave.md", "board.txt", "mast.html"] {
        std::fs::remove_file(place.path("docs").join(file)).unwrap();
    }
    let (code, _, error) = place.backfill();
    assert_eq!((code, error["error"]["code"].as_str()), (1, Some("mass_delete_brake")), "{error}");
    let (code, result, _) = place.run(&["backfill", "pipeline.toml", "--allow-deletes"]);
    assert_eq!((code, &result["documents"]["deleted"]), (0, &3.into()), "{result}");
}

#[test]
fn another_models_or_pipelines_index_is_refused() {
    let place = filled();
    place.backfill();
    place.write("pipeline.toml", &pipeline("all-MiniLM-L6-v2"));
    let search = &["search", "pipeline.toml", "q", "--as", "group:staff"];
    for arguments in [&["backfill", "pipeline.toml"][..], search] {
        let (code, _, error) = place.run(arguments);
        let message = error["error"]["message"].as_str().unwrap();
        assert_eq!((code, error["error"]["code"].as_str()), (2, Some("other_generation")), "{error}");
        assert!(message.contains("all-MiniLM-L6-v2") && message.contains("potion-base-8M"), "{message}");
    }
    place.write("pipeline.toml", &pipeline("potion-base-8M").replace("name = \"test\"", "name = \"other\""));
    for arguments in [&["backfill", "pipeline.toml"][..], search, &["status", "pipeline.toml"]] {
        let (code, _, error) = place.run(arguments);
        assert_eq!((code, error["error"]["code"].as_str()), (2, Some("other_pipeline")), "{error}");
    }
}

#[test]
fn a_missing_model_is_named_at_start() {
    let place = filled();
    let home = place.path("home");
    let output = place.command(&["backfill", "pipeline.toml"]).env("ALLUVIUM_HOME", home).output().unwrap();
    let text = super::text(&output.stderr);
    assert_eq!(output.status.code(), Some(1));
    assert!(text.contains("is missing") && text.contains("alluvium models fetch"), "{text}");
}

#[test]
fn an_interrupted_run_ends_with_130_and_the_next_one_completes_it() {
    let place = Place::new();
    for n in 0..300 {
        let text =
            format!("# Document {n}\n\n{}", format!("Sentence {n} of many about batteries. ").repeat(200));
        place.write(&format!("docs/{n:03}.md"), &text);
    }
    let mut child = place.command(&["backfill", "pipeline.toml", "--format", "json"]).spawn().unwrap();
    let started = Instant::now();
    // The lock is taken when the run begins; wherever the signal then falls, the end is orderly.
    while !place.path("index").exists() && started.elapsed() < Duration::from_secs(60) {
        std::thread::yield_now();
    }
    kill_process(Pid::from_child(&child), Signal::INT).unwrap();
    let code = child.wait().unwrap().code();
    assert!(matches!(code, Some(130 | 0)), "{code:?}");
    let (code, result, error) = place.backfill();
    assert_eq!(code, 0, "{error}");
    let (_, status, _) = place.run(&["status", "pipeline.toml"]);
    assert_eq!(status["documents"]["indexed"], 300, "{result}");
}
