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
