//! Contents by reference in a bucket: from a real broker and a real store through the program into the index.

use serde_json::{Value, json};

use crate::harness::{
    ACCESS_KEY, BUCKET, Broker, EVENTS, Pipeline, Process, Store, World, change_event, poll,
};

const TOPIC: &str = "documents";
const STAFF: &[&str] = &["group:staff"];

/// What lets a source read the bucket.
fn bucket(store: &Store) -> String {
    let [id, secret] = ACCESS_KEY;
    format!(
        "\n[[source.content_bucket]]\nbucket = {BUCKET:?}\nprefix = \"docs\"\nendpoint = {:?}\n\
         access_key_id = {id:?}\nsecret_access_key = \"${{STORE_SECRET:-{secret}}}\"\n",
        store.endpoint()
    )
}

/// A source that reads events of a format from the topic.
fn stream(broker: &Broker, format: &str) -> String {
    format!(
        "[commit]\ninterval = \"100ms\"\n\n[[source]]\nname = \"stream\"\ntype = \"kafka\"\nbrokers = [{:?}]\n\
         topics = [{TOPIC:?}]\ngroup = \"test\"\nformat = {format:?}\n\
         default_acl = {{ readers = [\"group:staff\"] }}\n\
         properties = {{ \"fetch.wait.max.ms\" = \"20\" }}\n",
        broker.address()
    )
}

fn send(broker: &Broker, key: &str, event: &str) {
    broker.send(TOPIC, &[(None, Some(key.as_bytes()), Some(event.as_bytes()))]);
}

fn world(source: &str, store: &Store) -> World {
    let more = format!("{source}{}", bucket(store));
    World::with(Pipeline { more: Box::leak(more.into_boxed_str()), ..Pipeline::default() })
}

/// Puts a document into the bucket, and says the event of it.
fn put(store: &Store, id: &str, text: &str) -> String {
    store.put(&format!("docs/{id} 1.md"), text.as_bytes());
    refer(id)
}

fn refer(id: &str) -> String {
    let uri = format!("s3://{BUCKET}/docs/{id}%201.md");
    change_event(id, "upsert", 1, json!({"content": {"uri": uri, "media_type": "text/markdown"}}))
}

fn texts(world: &World) -> Vec<String> {
    let run = world.search_run("anything", STAFF);
    if run.code != Some(0) {
        return Vec::new();
    }
    let mut texts: Vec<_> = world.search("anything", STAFF).into_iter().map(|hit| hit.text).collect();
    texts.sort();
    texts
}

/// What `status` says of a source, once its daemon says something.
fn state(world: &World, name: &str) -> Option<Value> {
    let status = world.status();
    let sources = status["daemon"]["sources"].as_array()?.clone();
    sources.into_iter().find(|source| source["name"] == name)
}

#[test]
fn a_store_that_goes_away_pauses_its_source_which_catches_up_by_itself() {
    let (broker, mut store) = (Broker::start(), Store::start());
    broker.create_topic(TOPIC, 1);
    let world = world(&stream(&broker, "document_change"), &store);
    let send = |id: &str, event: &str| send(&broker, id, event);
    send("first", &put(&store, "first", "The first one."));
    let mut daemon = Process::start(&mut world.command(&["run", "pipeline.toml"]));
    poll("first document", || (texts(&world) == ["The first one."]).then_some(()));

    store.kill();
    let mut expected = vec!["The first one.".to_owned()];
    for i in 0..40 {
        let (id, text) = (format!("d{i}"), format!("Number {i}."));
        send(&id, &put(&store, &id, &text));
        expected.push(text);
    }
    let away = poll("second attempt in the status", || {
        state(&world, "stream").filter(|source| source["attempts"].as_u64() >= Some(2))
    });
    assert_eq!((&away["state"], away["retry_at"].is_string()), (&json!("retrying"), true), "{away}");
    let error = away["error"].as_str().unwrap();
    let named = format!("the bucket {BUCKET} at {} can't be read: Connection refused", store.endpoint());
    assert!(error.contains(&named), "{error}");
    let shown = world.run(&["status", "pipeline.toml"]).expect(0).stdout;
    assert!(shown.contains("stream retrying") && shown.contains(&named), "{shown}");
    assert_eq!(world.quarantine(), Default::default(), "nothing is refused meanwhile");
    assert_eq!(texts(&world), ["The first one."]);

    store.restart();
    expected.sort();
    poll("documents of meanwhile", || (texts(&world) == expected).then_some(()));
    poll("end of the pause in the status", || {
        state(&world, "stream").filter(|source| source["error"].is_null())
    });
    assert_eq!(world.quarantine(), Default::default());
    daemon.signal("TERM");
    daemon.end().expect(0);
}

#[test]
fn an_object_that_is_not_there_is_refused_and_read_when_a_person_wants_it() {
    let store = Store::start();
    let world = world(EVENTS, &store);
    world.append("events.jsonl", &(put(&store, "here", "The rivers rise.") + "\n"));
    world.append("events.jsonl", &(refer("late") + "\n"));
    assert_eq!(world.backfilled(3)["documents"]["quarantined"], 1);
    assert_eq!(texts(&world), ["The rivers rise."]);
    let waiting: Vec<_> = world.quarantine().into_iter().collect();
    assert_eq!(waiting, [("events/late".to_owned(), "vanished".to_owned())]);
    put(&store, "late", "The lakes freeze.");
    world.run(&["quarantine", "retry", "pipeline.toml"]).expect(0);
    assert_eq!(texts(&world), ["The lakes freeze.", "The rivers rise."]);
    assert_eq!(world.quarantine(), Default::default());
}

#[test]
fn a_backfill_that_finds_no_store_ends_and_refuses_nothing() {
    let mut store = Store::start();
    let world = world(EVENTS, &store);
    world.append("events.jsonl", &(put(&store, "p", "The rivers rise.") + "\n"));
    store.kill();
    let [code, message, ..] = world.backfill().expect(1).error();
    assert_eq!(code, "source_unavailable");
    assert!(message.contains(&store.endpoint()) && !message.contains(ACCESS_KEY[1]), "{message}");
    store.restart();
    world.backfilled(0);
    assert_eq!(texts(&world), ["The rivers rise."]);
}

#[test]
fn what_a_store_notifies_of_is_indexed_until_it_is_removed() {
    let (broker, store) = (Broker::start(), Store::start());
    broker.create_topic(TOPIC, 1);
    let world = world(&stream(&broker, "bucket_notifications"), &store);
    let notify = |name: &str, key: &str, written: &str| {
        let entity = json!({"bucket": {"name": BUCKET}, "object": {"key": written}});
        let record = json!({"eventName": name, "eventTime": "2026-11-20T10:00:00Z", "s3": entity});
        send(&broker, &format!("{BUCKET}/{key}"), &json!({"Records": [record]}).to_string());
    };
    // Stores write keys as in a form.
    let keys =
        [("docs/the lakes.md", "docs/the+lakes.md"), ("docs/100% å+.md", "docs%2F100%25+%C3%A5%2B.md")];
    for ((key, written), text) in keys.into_iter().zip(["The lakes freeze.", "The rivers rise."]) {
        store.put(key, text.as_bytes());
        notify("s3:ObjectCreated:Put", key, written);
    }
    let mut daemon = Process::start(&mut world.command(&["run", "pipeline.toml"]));
    poll("both documents", || (texts(&world) == ["The lakes freeze.", "The rivers rise."]).then_some(()));
    let hits = world.search("rivers", STAFF);
    assert!(hits.iter().any(|hit| hit.doc_id == format!("stream/{BUCKET}/docs/100% å+.md")), "{hits:?}");
    let (key, written) = keys[1];
    store.put(key, b"The rivers fall.");
    notify("s3:ObjectCreated:Put", key, written);
    poll("new content", || (texts(&world) == ["The lakes freeze.", "The rivers fall."]).then_some(()));
    store.remove(key);
    notify("s3:ObjectRemoved:Delete", key, written);
    poll("removal", || (texts(&world) == ["The lakes freeze."]).then_some(()));
    assert_eq!(world.quarantine(), Default::default());
    daemon.signal("TERM");
    daemon.end().expect(0);
}
