//! Change events of which some are refused: nothing is lost, and what a person wants again is read again.

use std::fs;

use crate::harness::{EVENT_FILE, EVENTS, Pipeline, World, event};

const STAFF: &[&str] = &["group:staff"];

fn world() -> World {
    World::with(Pipeline { more: EVENTS, ..Pipeline::default() })
}

fn texts(world: &World) -> Vec<String> {
    let mut texts: Vec<_> = world.search("anything", STAFF).into_iter().map(|hit| hit.text).collect();
    texts.sort();
    texts
}

#[test]
fn one_version_with_two_contents_is_a_conflict_however_they_come() {
    for apart in [false, true] {
        let world = world();
        world.append(EVENT_FILE, &event("p", "upsert", 1, Some("The rivers rise.")));
        if apart {
            world.backfilled(0);
        }
        world.append(EVENT_FILE, &event("p", "upsert", 1, Some("The rivers fall.")));
        assert_eq!(world.backfilled(3)["documents"]["quarantined"], 1, "apart: {apart}");
        assert_eq!(texts(&world), ["The rivers rise."]);
        let waiting: Vec<_> = world.quarantine().into_iter().collect();
        assert_eq!(waiting, [("events/p".to_owned(), "version_conflict".to_owned())]);
        world.append(EVENT_FILE, &event("p", "upsert", 2, Some("The rivers stand.")));
        world.backfilled(0);
        assert_eq!((texts(&world), world.quarantine().len()), (vec!["The rivers stand.".to_owned()], 0));
    }
}

#[test]
fn a_refused_event_is_read_again_when_a_person_wants_it() {
    let world = world();
    let by_reference = |id: &str| {
        let uri = format!("file://{}", world.path("shelf").join(format!("{id}.md")).display());
        let content = serde_json::json!({"uri": uri, "media_type": "text/markdown"});
        let event = serde_json::json!({"schema": "alluvium.document_change.v1", "op": "upsert", "id": id,
            "version": 1, "content": content});
        event.to_string() + "\n"
    };
    fs::create_dir(world.path("shelf")).unwrap();
    let more = format!("{EVENTS}\ncontent_roots = [\"shelf\"]");
    world.pipeline(
        "pipeline.toml",
        &Pipeline { more: Box::leak(more.into_boxed_str()), ..Pipeline::default() },
    );
    for id in ["p", "q"] {
        world.append(EVENT_FILE, &by_reference(id));
    }
    assert_eq!(world.backfilled(3)["documents"]["quarantined"], 2);
    assert_eq!(world.backfilled(0)["published"], false, "what is refused is not read at every run");
    fs::write(world.path("shelf/p.md"), "The rivers rise.\n").unwrap();
    let retry = ["quarantine", "retry", "pipeline.toml", "--format", "json"];
    let retried = world.run(&retry).expect(3).json();
    assert_eq!(retried["documents"].as_array().unwrap().len(), 2, "{retried}");
    assert_eq!(retried["run"]["documents"]["indexed"], 1, "{retried}");
    assert_eq!(texts(&world), ["The rivers rise."]);
    let waiting: Vec<_> = world.quarantine().into_iter().map(|(id, _)| id).collect();
    assert_eq!(waiting, ["events/q"]);
    fs::write(world.path("shelf/q.md"), "The lakes freeze.\n").unwrap();
    world.run(&retry).expect(0);
    assert_eq!(texts(&world), ["The lakes freeze.", "The rivers rise."]);
    assert_eq!(world.quarantine().len(), 0);
    assert_eq!(world.backfilled(0)["published"], false);
}

/// An event whose content is no PDF, though it says so.
fn broken(id: &str, version: u64) -> String {
    let content = serde_json::json!({"base64": "bm8gcGRm", "media_type": "application/pdf"});
    let event = serde_json::json!({"schema": "alluvium.document_change.v1", "op": "upsert", "id": id,
        "version": version, "content": content});
    event.to_string() + "\n"
}

#[test]
fn older_content_is_served_and_does_not_stand_for_a_newer_one_that_was_refused() {
    for apart in [false, true] {
        let world = world();
        let send = |line: &str| {
            world.append(EVENT_FILE, line);
            if apart {
                world.backfill();
            }
        };
        send(&event("p", "upsert", 1, Some("The rivers rise.")));
        for id in ["p", "q"] {
            send(&broken(id, 3));
            send(&event(id, "upsert", 2, Some("The rivers fall.")));
        }
        world.backfill();
        assert_eq!(texts(&world), ["The rivers fall.", "The rivers fall."], "apart: {apart}");
        let waiting: Vec<_> = world.quarantine().into_iter().map(|(id, _)| id).collect();
        assert_eq!(waiting, ["events/p", "events/q"], "apart: {apart}");
        for id in ["p", "q"] {
            send(&event(id, "upsert", 4, Some("The rivers stand.")));
        }
        world.backfill();
        assert_eq!(texts(&world), ["The rivers stand.", "The rivers stand."]);
        assert_eq!(world.quarantine().len(), 0, "apart: {apart}");
    }
}

#[test]
fn a_line_that_was_too_long_is_read_once_the_limit_is_raised() {
    let world = world();
    let limited = |most: &str| {
        let more = format!("{EVENTS}\nmax_event_size = {most:?}");
        let more: &'static str = Box::leak(more.into_boxed_str());
        world.pipeline("pipeline.toml", &Pipeline { more, ..Pipeline::default() });
    };
    limited("1KiB");
    let long = "The rivers rise. ".repeat(200);
    world.append(EVENT_FILE, &event("p", "upsert", 1, Some(&long)));
    assert_eq!(world.backfilled(3)["documents"]["quarantined"], 1);
    limited("1MiB");
    let retry = ["quarantine", "retry", "pipeline.toml", "--format", "json"];
    let retried = world.run(&retry).expect(0).json();
    assert_eq!(retried["run"]["documents"]["indexed"], 1, "{retried}");
    assert!(texts(&world).iter().all(|text| text.contains("rivers rise")));
    assert_eq!(world.quarantine().len(), 0);
}

#[test]
fn a_rollback_says_that_an_event_file_does_not_reach_back() {
    let world = world();
    world.append(EVENT_FILE, &event("p", "upsert", 1, Some("The rivers rise.")));
    world.backfilled(0);
    let then = format!("seq:{}", world.status()["live"]["seq"]);
    world.append(EVENT_FILE, &event("p", "upsert", 2, Some("The rivers fall.")));
    world.backfilled(0);
    let plan = |code: i32, more: &[&str]| {
        let args = [&["rollback", "pipeline.toml", "--to", &then, "--format", "json"], more].concat();
        world.run(&args).expect(code)
    };
    assert_eq!(plan(0, &["--dry-run"]).json()["unreplayable"], serde_json::json!([]));
    // As logrotate does.
    fs::write(world.path(EVENT_FILE), event("r", "upsert", 1, Some("The lakes freeze."))).unwrap();
    world.backfilled(0);
    let lost = plan(0, &["--dry-run"]).json();
    assert_eq!(lost["unreplayable"][0]["source"], "events", "{lost}");
    assert_eq!(plan(1, &[]).error()[0], "not_replayable");
    plan(0, &["--accept-loss"]);
    assert_eq!(texts(&world), ["The rivers rise."]);
}

#[test]
fn an_export_that_is_made_anew_is_read_anew() {
    let world = world();
    let export = |texts: &[&str]| {
        let lines = texts.iter().enumerate();
        lines
            .map(|(i, text)| event(&format!("d{i}"), "upsert", 1 + text.len() as u64, Some(text)))
            .collect::<String>()
    };
    world.append(EVENT_FILE, &export(&["The first.", "The old one.", "The old other."]));
    world.backfilled(0);
    // As long as before, and beginning as before.
    fs::write(world.path("next"), export(&["The first.", "The new one..", "The new other.."])).unwrap();
    fs::rename(world.path("next"), world.path(EVENT_FILE)).unwrap();
    world.backfilled(0);
    assert_eq!(texts(&world), ["The first.", "The new one..", "The new other.."]);
    assert_eq!(world.backfilled(0)["published"], false);
}
