//! Topics of change events, from a real broker through the program into the index.

use serde_json::{Value, json};

use crate::harness::{Broker, Pipeline, Process, World, change_event as event, poll, repository};

const TOPIC: &str = "documents";
const STAFF: &[&str] = &["group:staff"];

/// A broker with the topic, and a pipeline that reads it.
fn world(partitions: i32, more: &str) -> (Broker, World) {
    let broker = Broker::start();
    broker.create_topic(TOPIC, partitions);
    let world = World::with(Pipeline { more: pipeline(&broker, more), ..Pipeline::default() });
    (broker, world)
}

fn pipeline(broker: &Broker, more: &str) -> &'static str {
    let text = format!(
        "[commit]\ninterval = \"100ms\"\n\n[[source]]\nname = \"stream\"\ntype = \"kafka\"\n\
         brokers = [{:?}]\ntopics = [{TOPIC:?}]\ngroup = \"test\"\nformat = \"document_change\"\n\
         properties = {{ \"session.timeout.ms\" = \"6000\", \"fetch.wait.max.ms\" = \"20\" }}\n{more}",
        broker.address()
    );
    Box::leak(text.into_boxed_str())
}

const DEFAULT: &str = "default_acl = { readers = [\"group:staff\"] }";

fn upsert(id: &str, version: u64, text: &str) -> String {
    event(id, "upsert", version, json!({"content": {"text": text, "media_type": "text/markdown"}}))
}

/// Sends one event to the partition that its key gives it.
fn send(broker: &Broker, id: &str, value: &str) {
    broker.send(TOPIC, &[(None, Some(id.as_bytes()), Some(value.as_bytes()))]);
}

fn start(world: &World) -> Process {
    Process::start(&mut world.command(&["run", "pipeline.toml"]))
}

fn texts(world: &World, principals: &[&str]) -> Vec<String> {
    let run = world.search_run("anything", principals);
    if run.code != Some(0) {
        return Vec::new();
    }
    let mut texts: Vec<_> = world.search("anything", principals).into_iter().map(|hit| hit.text).collect();
    texts.sort();
    texts
}

#[track_caller]
fn await_texts(world: &World, principals: &[&str], expected: &[&str]) {
    poll(&format!("index of {expected:?} for {principals:?}"), || {
        (texts(world, principals) == expected).then_some(())
    });
}

#[test]
fn the_example_of_a_pipeline_is_valid() {
    let world = World::new();
    let example = repository().join("pipelines/kafka.toml");
    let result = world.run(&["validate", example.to_str().unwrap(), "--format", "json"]).expect(0).json();
    assert_eq!(result["sources"], json!(["events"]));
}

#[test]
fn the_index_follows_a_topic_and_a_restart_goes_on_where_it_was() {
    let (broker, world) = world(3, DEFAULT);
    send(&broker, "p", &upsert("p", 1, "The rivers rise."));
    let mut daemon = start(&world);
    await_texts(&world, STAFF, &["The rivers rise."]);
    send(&broker, "p", &upsert("p", 2, "The rivers fall."));
    send(&broker, "q", &upsert("q", 1, "The lakes freeze."));
    await_texts(&world, STAFF, &["The lakes freeze.", "The rivers fall."]);
    send(&broker, "p", &event("p", "acl", 3, json!({"acl": {"readers": ["group:board"]}})));
    await_texts(&world, STAFF, &["The lakes freeze."]);
    await_texts(&world, &["group:board"], &["The rivers fall."]);
    broker.send(TOPIC, &[(None, Some(b"q"), None)]);
    await_texts(&world, STAFF, &[]);
    send(&broker, "p", &upsert("p", 1, "An old replay."));
    send(&broker, "p", &event("p", "delete", 4, json!({})));
    await_texts(&world, &["group:board"], &[]);
    daemon.signal("TERM");
    daemon.end().expect(0);
    let result = world.backfilled(0);
    assert_eq!((&result["documents"]["seen"], &result["published"]), (&json!(0), &json!(false)), "{result}");
    send(&broker, "r", &upsert("r", 1, "The seas are calm."));
    assert_eq!(world.backfilled(0)["documents"]["seen"], 1);
    assert_eq!(texts(&world, STAFF), ["The seas are calm."]);
    let mirrored: i64 = (0..3).filter_map(|partition| broker.committed("test", TOPIC, partition)).sum();
    assert_eq!(mirrored, 8, "the group shows what is published");
}

#[test]
fn poison_is_quarantined_with_its_place_and_its_neighbours_are_unharmed() {
    let (broker, world) = world(1, "max_event_size = \"2KiB\"\ndead_letter_topic = \"refused\"");
    broker.create_topic("refused", 1);
    let readable = |id: &str, text: &str| {
        let content = json!({"text": text, "media_type": "text/plain"});
        event(id, "upsert", 1, json!({"content": content, "acl": {"readers": ["group:staff"]}}))
    };
    let long = "The rivers rise. ".repeat(200);
    let (good, large) = (readable("first", "The first one."), readable("large", &long));
    let (last, huge) = (readable("last", "The last one."), vec![b'x'; 20_000_000]);
    let unread = event("open", "upsert", 1, json!({"content": {"text": "T", "media_type": "text/plain"}}));
    let replace = readable("op", "T").replace("upsert", "replace");
    let records: &[(Option<&[u8]>, &[u8])] = &[
        (Some(b"first"), good.as_bytes()),
        (Some(b"a"), b"{\"schema\": "),
        (Some(b"large"), large.as_bytes()),
        (Some(b"op"), replace.as_bytes()),
        (Some(b"open"), unread.as_bytes()),
        (Some(&[0xff, 0xfe]), &[0, 159, 146, 150]),
        (None, good.as_bytes()),
        (Some(b"other"), good.as_bytes()),
        (Some(b"huge"), &huge),
        (Some(b"last"), last.as_bytes()),
    ];
    let records: Vec<_> = records.iter().map(|(key, value)| (Some(0), *key, Some(*value))).collect();
    broker.send(TOPIC, &records);
    assert_eq!(world.backfilled(3)["documents"]["quarantined"], 8);
    assert_eq!(texts(&world, STAFF), ["The first one.", "The last one."]);
    let items = || {
        let list = world.run(&["quarantine", "list", "pipeline.toml", "--format", "json"]).expect(0).json();
        let items = list["items"].as_array().unwrap().iter();
        let text = |item: &Value, key: &str| item[key].as_str().unwrap().to_owned();
        let mut items: Vec<_> =
            items.map(|item| [text(item, "position"), text(item, "cause"), text(item, "id")]).collect();
        items.sort();
        items
    };
    let waiting = items();
    let shown: Vec<_> = waiting.iter().map(|[position, cause, _]| format!("{position} {cause}")).collect();
    let bad = |offset: u64| format!("documents/0/{offset} bad_event");
    let large = |offset: u64| format!("documents/0/{offset} too_large");
    let unread = "documents/0/4 no_access_list".to_owned();
    assert_eq!(shown, [bad(1), large(2), bad(3), unread, bad(5), bad(6), bad(7), large(8)]);
    // The event without an access list is refused by the committer, who knows the policy.
    let mut copies = broker.read("refused", 0);
    copies.sort_by_key(|(_, headers)| headers["alluvium-offset"].clone());
    let places: Vec<_> = copies.iter().map(|(_, headers)| headers["alluvium-offset"].as_str()).collect();
    assert_eq!(places, ["1", "2", "3", "5", "6", "7", "8"]);
    let (value, headers) = &copies[0];
    assert_eq!((value.as_slice(), headers["alluvium-cause"].as_str()), (&b"{\"schema\": "[..], "bad_event"));
    assert_eq!((headers["alluvium-topic"].as_str(), headers["alluvium-stage"].as_str()), (TOPIC, "read"));
    assert!(copies[6].0.is_empty(), "of twenty megabytes only the headers");
    assert_eq!(world.backfilled(0)["published"], false, "what is refused is not read at every run");

    // A person raises the limit, and wants one of them again.
    world.pipeline(
        "pipeline.toml",
        &Pipeline { more: pipeline(&broker, "max_event_size = \"1MiB\""), ..Pipeline::default() },
    );
    let [_, _, id] = &waiting[1];
    let retried =
        world.run(&["quarantine", "retry", "pipeline.toml", id, "--format", "json"]).expect(0).json();
    assert_eq!(retried["run"]["documents"]["indexed"], 1, "{retried}");
    assert!(texts(&world, STAFF).iter().any(|text| text.contains("rivers rise")));
    assert_eq!(items().len(), 7);
}

#[test]
fn a_broker_that_is_away_shows_in_the_status_until_it_is_back() {
    let (mut broker, world) = world(1, DEFAULT);
    send(&broker, "p", &upsert("p", 1, "The rivers rise."));
    let _daemon = start(&world);
    await_texts(&world, STAFF, &["The rivers rise."]);
    let state = || {
        let status = world.status();
        let sources = status["daemon"]["sources"].as_array()?.clone();
        sources.into_iter().find(|source| source["name"] == "stream")
    };
    poll("daemon in the status", || state().filter(|source| source["state"] == "pulling"));
    broker.kill();
    let away = poll("trouble in the status", || state().filter(|source| source["state"] == "retrying"));
    assert!(away["error"].as_str().unwrap().contains("no answer from"), "{away}");
    assert!(world.run(&["status", "pipeline.toml"]).expect(0).stdout.contains("stream retrying"));
    broker.restart();
    poll("the end of it", || state().filter(|source| source["state"] == "pulling"));
    send(&broker, "q", &upsert("q", 1, "The lakes freeze."));
    await_texts(&world, STAFF, &["The lakes freeze.", "The rivers rise."]);
    assert_eq!(world.quarantine(), Default::default(), "nothing was refused meanwhile");
}

#[test]
fn what_the_log_has_lost_stops_the_run_unless_the_pipeline_says_otherwise() {
    let (broker, world) = world(1, DEFAULT);
    send(&broker, "a", &upsert("a", 1, "The first one."));
    world.backfilled(0);
    for id in ["b", "c"] {
        send(&broker, id, &upsert(id, 1, &format!("Number {id}.")));
    }
    broker.remove_before(TOPIC, 0, 2);
    let [code, message, ..] = world.backfill().expect(1).error();
    assert_eq!(code, "source_broken");
    assert!(message.contains("the log begins at 2: 1 offsets were removed unread"), "{message}");
    let earliest = format!("{DEFAULT}\noffset_lost = \"earliest\"");
    world.pipeline("pipeline.toml", &Pipeline { more: pipeline(&broker, &earliest), ..Pipeline::default() });
    assert_eq!(world.backfilled(0)["documents"]["seen"], 1);
    assert_eq!(texts(&world, STAFF), ["Number c.", "The first one."]);
}

#[test]
fn a_rollback_pauses_the_daemon_and_resume_replays_the_topic() {
    let (broker, world) = world(2, DEFAULT);
    let mut daemon = start(&world);
    send(&broker, "p", &upsert("p", 1, "The rivers rise."));
    await_texts(&world, STAFF, &["The rivers rise."]);
    let then = format!("seq:{}", world.status()["live"]["seq"]);
    send(&broker, "p", &upsert("p", 2, "The rivers fall."));
    send(&broker, "q", &upsert("q", 1, "The lakes freeze."));
    let after = ["The lakes freeze.", "The rivers fall."];
    await_texts(&world, STAFF, &after);
    let rollback = |code: i32, more: &[&str]| {
        let args = [&["rollback", "pipeline.toml", "--to", &then, "--format", "json"], more].concat();
        world.run(&args).expect(code)
    };
    assert_eq!(rollback(0, &["--dry-run"]).json()["unreplayable"], json!([]));
    rollback(0, &[]);
    assert_eq!(texts(&world, STAFF), ["The rivers rise."]);
    // The daemon stays paused: what comes now waits.
    send(&broker, "r", &upsert("r", 1, "The seas are calm."));
    assert_eq!(texts(&world, STAFF), ["The rivers rise."]);
    world.run(&["resume", "pipeline.toml"]).expect(0);
    await_texts(&world, STAFF, &["The lakes freeze.", "The rivers fall.", "The seas are calm."]);
    daemon.signal("TERM");
    daemon.end().expect(0);
    assert_eq!(world.backfilled(0)["documents"]["seen"], 0);
    for partition in 0..2 {
        if let Some(end) = broker.committed("test", TOPIC, partition).filter(|end| *end > 0) {
            broker.remove_before(TOPIC, partition, end);
        }
    }
    let lost = rollback(0, &["--dry-run"]).json();
    assert_eq!(lost["unreplayable"][0]["source"], "stream", "{lost}");
    assert_eq!(rollback(1, &[]).error()[0], "not_replayable");
}

#[test]
fn nothing_is_lost_when_the_daemon_and_the_broker_are_killed() {
    let (mut broker, world) = world(4, DEFAULT);
    let documents: Vec<String> = (0..60).map(|i| format!("d{i}")).collect();
    let send_all = |broker: &Broker, version: u64| {
        let text = |id: &str| upsert(id, version, &format!("Version {version} of {id}."));
        let events: Vec<_> = documents.iter().map(|id| (id, text(id))).collect();
        let records = events.iter().map(|(id, event)| (None, Some(id.as_bytes()), Some(event.as_bytes())));
        broker.send(TOPIC, &records.collect::<Vec<_>>());
    };
    for version in 1..=3 {
        let daemon = start(&world);
        send_all(&broker, version);
        let some = format!("Version {version} of");
        poll("document of this version", || {
            texts(&world, STAFF).iter().any(|text| text.contains(&some)).then_some(())
        });
        // In the middle of its work, without a word.
        drop(daemon);
        broker.restart();
    }
    let mut daemon = start(&world);
    let mut expected: Vec<String> = documents.iter().map(|id| format!("Version 3 of {id}.")).collect();
    expected.sort();
    poll("newest version of all", || (texts(&world, STAFF) == expected).then_some(()));
    daemon.signal("TERM");
    daemon.end().expect(0);
    assert_eq!(world.backfilled(0)["documents"]["seen"], 0, "and the checkpoint has all of it");
    world.run(&["verify", "pipeline.toml"]).expect(0);
}
