//! Events that others define, from a real broker through the program into the index.

use serde_json::{Value, json};

use crate::harness::{Broker, Pipeline, World};

const TOPIC: &str = "documents";
const STAFF: &[&str] = &["group:staff"];

fn pipeline(broker: &Broker, format: &str) -> Pipeline {
    let text = format!(
        "[[source]]\nname = \"stream\"\ntype = \"kafka\"\nbrokers = [{:?}]\ntopics = [{TOPIC:?}]\n\
         group = \"test\"\ndefault_acl = {{ readers = [\"group:staff\"] }}\n{format}\n",
        broker.address()
    );
    Pipeline { more: Box::leak(text.into_boxed_str()), ..Pipeline::default() }
}

fn world(format: &str) -> (Broker, World) {
    let broker = Broker::start();
    broker.create_topic(TOPIC, 1);
    let world = World::with(pipeline(&broker, format));
    (broker, world)
}

fn send(broker: &Broker, headers: &[(&str, &str)], key: &str, value: Option<&str>) {
    let record = (Some(0), Some(key.as_bytes()), value.map(str::as_bytes));
    broker.send_with_headers(TOPIC, headers, &[record]);
}

/// In binary mode: `saved` and so on, of the document that is the key.
fn send_binary(broker: &Broker, kind: &str, key: &str, text: Option<&str>) {
    let kind = format!("com.example.page.{kind}");
    let attributes = [("ce_specversion", "1.0"), ("ce_id", "1"), ("ce_source", "/wiki"), ("ce_type", &kind)];
    let more = [("ce_subject", key), ("content-type", "text/markdown")];
    send(broker, &[&attributes[..], &more].concat(), key, text);
}

fn send_structured(broker: &Broker, key: &str, attributes: Value) {
    let mut event = json!({ "specversion": "1.0", "id": "1", "source": "/wiki", "subject": key });
    event.as_object_mut().unwrap().extend(attributes.as_object().unwrap().clone());
    let headers = [("content-type", "application/cloudevents+json")];
    send(broker, &headers, key, Some(&event.to_string()));
}

fn texts(world: &World, principals: &[&str]) -> Vec<String> {
    let mut texts: Vec<_> = world.search("anything", principals).into_iter().map(|hit| hit.text).collect();
    texts.sort();
    texts
}

fn quarantine(world: &World) -> Vec<Value> {
    let list = world.run(&["quarantine", "list", "pipeline.toml", "--format", "json"]).expect(0).json();
    list["items"].as_array().unwrap().clone()
}

#[test]
fn cloudevents_of_both_modes_become_documents() {
    let types = |upsert: &str| {
        format!(
            "format = \"cloudevents\"\ndead_letter_topic = \"refused\"\n[source.cloudevents]\nupsert = [{upsert}]\n\
             delete = [\"com.example.page.removed\"]"
        )
    };
    let (broker, world) = world(&types("\"com.example.page.saved\""));
    broker.create_topic("refused", 1);
    let saved = |text: &str| json!({ "type": "com.example.page.saved", "datacontenttype": "text/markdown", "data": text });
    let native = json!({"schema": "alluvium.document_change.v1", "op": "upsert", "id": "board",
        "content": {"text": "The board has met.", "media_type": "text/plain"}, "acl": {"readers": ["group:board"]}});
    send_structured(&broker, "a", saved("The rivers rise."));
    send_binary(&broker, "saved", "b", Some("The lakes freeze."));
    send_binary(&broker, "moved", "c", Some("The seas are calm."));
    send_structured(&broker, "board", json!({ "type": "alluvium.document_change.v1", "data": native }));
    for id in ["d", "e"] {
        send_binary(&broker, "saved", id, Some("It will be gone."));
    }
    send_binary(&broker, "removed", "d", None);
    send(&broker, &[], "e", None);
    send_structured(&broker, "f", saved("The last one."));
    assert_eq!(world.backfilled(3)["documents"]["quarantined"], 1);
    assert_eq!(texts(&world, STAFF), ["The lakes freeze.", "The last one.", "The rivers rise."]);
    assert_eq!(texts(&world, &["group:board"]), ["The board has met."]);

    let (text, headers) = &broker.read("refused", 0)[0];
    let named =
        ["ce_type", "ce_subject", "alluvium-offset", "alluvium-cause"].map(|name| headers[name].as_str());
    assert_eq!(named, ["com.example.page.moved", "c", "2", "bad_event"], "a copy has all of its message");
    assert_eq!(text, b"The seas are calm.");
    let items = quarantine(&world);
    assert_eq!(items.len(), 1, "{items:?}");
    assert_eq!((&items[0]["position"], &items[0]["cause"]), (&json!("documents/0/2"), &json!("bad_event")));
    let id = items[0]["id"].as_str().unwrap();
    let shown = world.run(&["quarantine", "show", "pipeline.toml", id]).expect(0).stdout;
    assert!(shown.contains("offset 2: events of type \"com.example.page.moved\" have no meaning"), "{shown}");
    assert!(shown.contains("[source.cloudevents]"), "{shown}");
    assert_eq!(world.backfilled(0)["published"], false, "what is refused is not read at every run");

    // A person says what the type means, and wants the message again.
    let more = types("\"com.example.page.saved\", \"com.example.page.moved\"");
    world.pipeline("pipeline.toml", &pipeline(&broker, &more));
    let retried =
        world.run(&["quarantine", "retry", "pipeline.toml", id, "--format", "json"]).expect(0).json();
    assert_eq!(retried["run"]["documents"]["indexed"], 1, "{retried}");
    assert!(texts(&world, STAFF).contains(&"The seas are calm.".to_owned()));
    assert_eq!(quarantine(&world).len(), 0);
    world.run(&["verify", "pipeline.toml"]).expect(0);
}

#[test]
fn notifications_that_change_nothing_are_counted_and_passed() {
    let (broker, world) = world("format = \"bucket_notifications\"");
    let notify = |name: &str, key: &str| {
        let s3 = json!({ "bucket": { "name": "papers" }, "object": { "key": key } });
        let record = json!({ "eventName": name, "eventTime": "2026-11-20T10:00:00Z", "s3": s3 });
        let value = json!({ "Records": [record] }).to_string();
        send(&broker, &[], &format!("papers/{key}"), Some(&value));
    };
    send(&broker, &[], "papers", Some("{\"Event\": \"s3:TestEvent\"}"));
    notify("ObjectTagging:Put", "a.md");
    notify("ObjectRemoved:Delete", "a.md");
    notify("ObjectFrozen:Put", "a.md");
    let documents = world.backfilled(3)["documents"].clone();
    let counts = ["seen", "skipped", "quarantined"].map(|count| &documents[count]);
    // What is said to be gone was not looked at.
    assert_eq!(counts, [3, 2, 1], "{documents}");
    let items = quarantine(&world);
    assert_eq!(items[0]["position"], "documents/0/3", "{items:?}");
    assert_eq!(world.backfilled(0)["documents"]["seen"], 0, "they are not read again");
}
