//! What messages become, and where reading starts and ends.

use super::*;

/// A key and a value.
type Message = (Option<Vec<u8>>, Option<Vec<u8>>);

/// Good messages and bad ones, with their verbs.
fn mixed() -> (Vec<Message>, Vec<&'static str>) {
    let of = |key: &str, value: String| (Some(key.as_bytes().to_vec()), Some(value.into_bytes()));
    let acl = r#"{"schema":"alluvium.document_change.v1","op":"acl","id":"a","acl":{"readers":["b"]}}"#;
    let messages = vec![
        of("a", event("a", "one")),
        of("a", "no event".to_owned()),
        of("b", event("b", "two")),
        of("long", event("long", &"x".repeat(400))),
        (None, Some(event("c", "three").into_bytes())),
        (Some(vec![0xff, 0]), Some(vec![0, 0xff])),
        of("other", event("c", "three")),
        of("a", acl.to_owned()),
        of("b", event("b", "two").replace("upsert", "replace")),
        (Some(b"a".to_vec()), None),
        of("c", event("c", "three").replace("text/plain", "image/png")),
        of("d", event("d", "four")),
    ];
    let verbs = vec![
        "a=one",
        "? bad_event",
        "b=two",
        "? too_large",
        "? bad_event",
        "? bad_event",
        "? bad_event",
        "a acl",
        "? bad_event",
        "a delete",
        "c bad_event",
        "d=four",
    ];
    (messages, verbs)
}

fn send_mixed(broker: &Broker) -> Vec<&'static str> {
    let (messages, verbs) = mixed();
    let records: Vec<_> =
        messages.iter().map(|(key, value)| (Some(0), key.as_deref(), value.as_deref())).collect();
    broker.send(TOPIC, &records);
    verbs
}

#[tokio::test(flavor = "multi_thread")]
async fn every_message_is_a_change() {
    let broker = started(2);
    let spec = spec(&broker);
    let verbs = send_mixed(&broker);
    broker.send(TOPIC, &[(Some(1), Some(b"e"), Some(event("e", "five").as_bytes()))]);
    let read = backfill(&spec, &Checkpoint::default(), ROOM).await;
    let first: Vec<_> = read.verbs.iter().filter(|verb| *verb != "e=five").collect();
    assert_eq!(first, verbs.iter().collect::<Vec<_>>());
    assert_eq!(read.verbs.len(), verbs.len() + 1);
    assert_eq!((read.position("documents/0"), read.position("documents/1")), (Some(12), Some(1)));
    assert!(read.checkpoint.watermark(&name()).is_some(), "it was read to its end");
    let positions: Vec<_> = read.changes.iter().map(|change| change.origin.position.as_str()).collect();
    assert!(positions.contains(&"documents/0/11") && positions.contains(&"documents/1/0"));

    let again = backfill(&spec, &read.checkpoint, ROOM).await;
    assert_eq!(
        (again.verbs.len(), &again.checkpoint.0[&name()].partitions),
        (0, &read.checkpoint.0[&name()].partitions)
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn reading_goes_on_at_every_position() {
    let broker = started(1);
    let (verbs, spec) = (send_mixed(&broker), spec(&broker));
    let whole = backfill(&spec, &Checkpoint::default(), Room { bytes: 1, changes: 1 }).await;
    assert_eq!(whole.verbs, verbs);
    let mut checkpoint = Checkpoint::default();
    for delta in &whole.deltas {
        checkpoint = checkpoint.apply(std::slice::from_ref(delta)).unwrap();
        let done = usize::try_from(delta.through).unwrap();
        assert_eq!(backfill(&spec, &checkpoint, ROOM).await.verbs, verbs[done..], "after {done}");
    }
    // Batches that end in the middle of what was fetched.
    for room in [Room { bytes: 6, changes: 3 }, Room { bytes: 4, changes: 100 }] {
        assert_eq!(backfill(&spec, &Checkpoint::default(), room).await.verbs, verbs);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_backfill_ends_at_the_ends_that_it_saw() {
    let broker = started(1);
    send(&broker, &[("a", "1"), ("b", "2"), ("c", "3")]);
    let mut source = source(&spec(&broker), KafkaMode::Backfill, &Checkpoint::default());
    let mut read = Read::default();
    while read.changes.is_empty() {
        read.take(source.next(Room { bytes: 1, changes: 1 }).await.unwrap().unwrap());
    }
    send(&broker, &[("d", "4")]);
    drain(&mut source, ROOM).await.unwrap().into_iter().for_each(|batch| read.take(batch));
    assert_eq!((read.verbs.join(" "), read.position("documents/0")), ("a=1 b=2 c=3".to_owned(), Some(3)));
    assert_eq!(backfill(&spec(&broker), &read.checkpoint, ROOM).await.verbs, ["d=4"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_partition_that_grows_while_others_are_read_ends_where_it_did() {
    let broker = started(2);
    let record = |i: usize| (format!("d{i}"), event(&format!("d{i}"), "1"));
    let send = |partition: i32, from: usize, count: usize| {
        let events: Vec<_> = (from..from + count).map(record).collect();
        let records = events.iter().map(|(id, e)| (Some(partition), Some(id.as_bytes()), Some(e.as_bytes())));
        broker.send(TOPIC, &records.collect::<Vec<_>>());
    };
    send(0, 0, 2);
    send(1, 2, 200);
    // A few messages an answer, so that the other partition's come in between.
    let few = ("fetch.message.max.bytes".to_owned(), "1000".to_owned());
    let spec = KafkaSpec {
        connection: Connection { properties: vec![few], ..connection(&broker) },
        ..spec(&broker)
    };
    let mut source = source(&spec, KafkaMode::Backfill, &Checkpoint::default());
    let mut read = Read::default();
    while read.changes.is_empty() {
        read.take(source.next(Room { changes: 1, ..ROOM }).await.unwrap().unwrap());
    }
    send(0, 202, 5);
    drain(&mut source, ROOM).await.unwrap().into_iter().for_each(|batch| read.take(batch));
    assert_eq!((read.position("documents/0"), read.position("documents/1")), (Some(2), Some(200)));
    assert_eq!(read.changes.len(), 202);
}

#[tokio::test(flavor = "multi_thread")]
async fn topics_are_read_one_after_the_other() {
    let broker = started(1);
    broker.create_topic("more", 2);
    send(&broker, &[("a", "1")]);
    broker.send("more", &[(Some(1), Some(b"b"), Some(event("b", "2").as_bytes()))]);
    let topics = vec!["more".to_owned(), TOPIC.to_owned()];
    let read = backfill(&KafkaSpec { topics, ..spec(&broker) }, &Checkpoint::default(), ROOM).await;
    assert_eq!(read.verbs, ["b=2", "a=1"]);
    let partitions: Vec<_> = read.checkpoint.0[&name()].partitions.clone().into_iter().collect();
    let expected = [("documents/0", 1), ("more/0", 0), ("more/1", 1)];
    assert_eq!(partitions, expected.map(|(name, at)| (name.to_owned(), at)));
}

#[tokio::test(flavor = "multi_thread")]
async fn patterns_stand_for_the_topics_that_there_are() {
    let broker = started(1);
    for topic in ["more-1", "more-2", "other"] {
        broker.create_topic(topic, 1);
        let id = topic.as_bytes();
        broker.send(topic, &[(Some(0), Some(id), Some(event(topic, "1").as_bytes()))]);
    }
    send(&broker, &[("a", "1")]);
    let topics = vec![TOPIC.to_owned(), "more-*".to_owned()];
    let spec = KafkaSpec { topics, ..spec(&broker) };
    let expected = ["a=1", "more-1=1", "more-2=1"];
    let read = backfill(&spec, &Checkpoint::default(), ROOM).await;
    assert_eq!(read.verbs, expected);
    let mut source = source(&spec, KafkaMode::Follow, &Checkpoint::default());
    let mut read = Read::default();
    read.follow(&mut source, 3).await;
    read.verbs.sort();
    assert_eq!(read.verbs, expected);
    // A pattern that stands for nothing is in nobody's way.
    let beside = KafkaSpec { topics: vec![TOPIC.to_owned(), "none-*".to_owned()], ..spec.clone() };
    let mut source = super::source(&beside, KafkaMode::Follow, &Checkpoint::default());
    let mut read = Read::default();
    read.follow(&mut source, 1).await;
    assert_eq!(read.verbs, ["a=1"]);
    let none = KafkaSpec { topics: vec!["none-*".to_owned()], ..spec };
    assert_eq!(backfill(&none, &Checkpoint::default(), ROOM).await.verbs, [""; 0]);
}

#[tokio::test(flavor = "multi_thread")]
async fn messages_are_tried_again_where_they_still_are() {
    let broker = started(1);
    send_mixed(&broker);
    let first = backfill(&spec(&broker), &Checkpoint::default(), ROOM).await;
    let again = |number: usize, position: &str| {
        let change = &first.changes[number];
        let own = change.origin.position.clone();
        Again {
            doc_id: change.doc_id.clone(),
            position: if position.is_empty() { own } else { position.to_owned() },
        }
    };
    let wanted = vec![
        again(11, ""),
        again(3, ""),
        again(0, "documents/0/2"),
        again(0, "documents/0/999"),
        again(0, "elsewhere/0/0"),
        again(0, "nowhere"),
    ];
    let spec = KafkaSpec {
        messages: Messages::Events(Box::new(EventsSpec { max_event_size: 1000, ..events() })),
        ..spec(&broker)
    };
    let mut source = wanting(&spec, KafkaMode::Backfill, &first.checkpoint, wanted);
    let mut read = Read::after(&first.checkpoint);
    while let Some(batch) = source.next(Room { changes: 2, ..ROOM }).await.unwrap() {
        read.take(batch);
    }
    let long = format!("long={}", "x".repeat(400));
    assert_eq!(
        read.verbs,
        [&long, "? delete", "d=four"].map(|verb| verb.replace("? ", "./event/documents/0/3 "))
    );
    assert_eq!(read.checkpoint.0[&name()].partitions, first.checkpoint.0[&name()].partitions);
}

/// A broker with the topic.
pub(super) fn started(partitions: i32) -> Broker {
    let broker = Broker::start();
    broker.create_topic(TOPIC, partitions);
    broker
}
