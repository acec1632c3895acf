//! Following: new messages, other members of the group, brokers that come and go, the mirror.

use std::collections::BTreeSet;

use super::broker::until;
use super::reading::started;
use super::*;

#[tokio::test(flavor = "multi_thread")]
async fn what_comes_is_followed_and_a_dropped_wait_loses_nothing() {
    let broker = started(2);
    let mut source = source(&spec(&broker), KafkaMode::Follow, &Checkpoint::default());
    let mut read = Read::default();
    while read.deltas.len() < 2 {
        read.take(source.next(ROOM).await.unwrap().unwrap());
    }
    assert_eq!((read.position("documents/0"), read.position("documents/1")), (Some(0), Some(0)));
    for _ in 0..3 {
        let waits = tokio::time::timeout(Duration::from_millis(60), source.next(ROOM)).await;
        assert!(waits.is_err(), "nothing new, and the wait may be dropped");
    }
    let ids: Vec<String> = (0..20).map(|i| format!("d{i}")).collect();
    for id in &ids {
        send(&broker, &[(id, "1")]);
    }
    read.follow(&mut source, 20).await;
    assert_eq!(read.verbs, ids.iter().map(|id| format!("{id}=1")).collect::<Vec<_>>());
    assert_eq!(read.position("documents/0"), Some(20));
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_is_lost_while_nobody_asks() {
    let broker = started(1);
    let mut source = source(&spec(&broker), KafkaMode::Follow, &Checkpoint::default());
    send(&broker, &[("a", "1"), ("b", "2"), ("c", "3")]);
    let mut read = Read::default();
    while read.changes.is_empty() {
        read.take(source.next(Room { bytes: 1, changes: 1 }).await.unwrap().unwrap());
    }
    // Longer than the source goes on fetching.
    tokio::time::sleep(Duration::from_millis(1500)).await;
    send(&broker, &[("d", "4")]);
    read.follow(&mut source, 4).await;
    assert_eq!(read.verbs, ["a=1", "b=2", "c=3", "d=4"]);
}

/// An answer that comes late would move a partition past messages that nobody read.
#[tokio::test(flavor = "multi_thread")]
async fn librdkafka_is_never_asked_for_an_offset() {
    let broker = started(1);
    let (mut source, mut read) = idle_after_one(&broker).await;
    send(&broker, &[("b", "2")]);
    read.follow(&mut source, 2).await;
    let log = String::from_utf8(LOG.lock().unwrap().clone()).unwrap();
    assert!(log.contains("Start consuming documents [0] at offset 0"), "{log}");
    assert!(!log.contains("querying for logical offset"), "{log}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_broker_that_was_killed_is_waited_for() {
    let mut broker = started(1);
    let mut source = source(&spec(&broker), KafkaMode::Follow, &Checkpoint::default());
    let mut read = Read::default();
    for round in 0..3 {
        let id = format!("d{round}");
        send(&broker, &[(&id, "1")]);
        read.follow(&mut source, round + 1).await;
        broker.restart();
    }
    send(&broker, &[("last", "1")]);
    read.follow(&mut source, 4).await;
    assert_eq!(read.verbs, ["d0=1", "d1=1", "d2=1", "last=1"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn without_a_broker_it_says_who_does_not_answer() {
    let mut broker = started(1);
    broker.kill();
    let mut source = source(&spec(&broker), KafkaMode::Backfill, &Checkpoint::default());
    let said = source.next(ROOM).await.unwrap_err();
    assert!(matches!(said, SourceError::Unavailable { .. }));
    assert!(said.to_string().contains(&format!("no answer from {}", broker.address())), "{said}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_folder_of_contents_that_goes_away_is_waited_for() {
    let broker = started(1);
    let folder = tempfile::tempdir().unwrap();
    let (there, away) = (folder.path().join("shelf"), folder.path().join("elsewhere"));
    std::fs::create_dir(&there).unwrap();
    let spec = KafkaSpec {
        messages: Messages::Events(Box::new(EventsSpec { content_roots: vec![there.clone()], ..events() })),
        ..spec(&broker)
    };
    let mut source = source(&spec, KafkaMode::Follow, &Checkpoint::default());
    let refer = |id: &str| {
        std::fs::write(if there.exists() { &there } else { &away }.join(id), id).unwrap();
        let content = format!(r#""content":{{"uri":"{id}","media_type":"text/plain"}}"#);
        let event =
            format!(r#"{{"schema":"alluvium.document_change.v1","op":"upsert","id":"{id}",{content}}}"#);
        broker.send(TOPIC, &[(Some(0), Some(id.as_bytes()), Some(event.as_bytes()))]);
    };
    let mut read = Read::default();
    refer("a");
    read.follow(&mut source, 1).await;
    std::fs::rename(&there, &away).unwrap();
    send(&broker, &[("b", "2")]);
    refer("c");
    send(&broker, &[("d", "4")]);
    let said = loop {
        match tokio::time::timeout(DEADLINE, source.next(ROOM)).await.unwrap() {
            Ok(batch) => read.take(batch.unwrap()),
            Err(error) => break error,
        }
    };
    assert!(matches!(said, SourceError::Unavailable { .. }), "{said}");
    assert!(said.to_string().contains("shelf of content.uri \"c\" can't be opened"), "{said}");
    assert_eq!(read.verbs, ["a=a", "b=2"], "what lies before it is read, and nothing is refused");
    std::fs::rename(&away, &there).unwrap();
    read.follow(&mut source, 4).await;
    assert_eq!(read.verbs, ["a=a", "b=2", "c=c", "d=4"]);
    assert_eq!(read.position("documents/0"), Some(4));
}

/// Sends `count` documents, over all partitions.
fn spread(broker: &Broker, from: usize, count: usize, partitions: i32) {
    let events: Vec<_> =
        (from..from + count).map(|i| (format!("d{i}"), event(&format!("d{i}"), "1"))).collect();
    let records: Vec<_> = events
        .iter()
        .zip((0..partitions).cycle())
        .map(|((id, event), partition)| (Some(partition), Some(id.as_bytes()), Some(event.as_bytes())))
        .collect();
    broker.send(TOPIC, &records);
}

#[tokio::test(flavor = "multi_thread")]
async fn members_share_partitions_and_take_over_what_others_leave() {
    let broker = started(4);
    let spec = spec(&broker);
    spread(&broker, 0, 40, 4);
    let mut one = source(&spec, KafkaMode::Follow, &Checkpoint::default());
    let mut by_one = Read::default();
    by_one.follow(&mut one, 40).await;
    assert_eq!(by_one.checkpoint.0[&name()].partitions.len(), 4, "alone it has them all");

    // The other one starts from the same checkpoint, so that nothing needs to come twice.
    let mut two = source(&spec, KafkaMode::Follow, &by_one.checkpoint);
    let mut by_two = Read::after(&by_one.checkpoint);
    let mut sent = 40;
    let deadline = std::time::Instant::now() + DEADLINE;
    while by_two.changes.is_empty() {
        assert!(std::time::Instant::now() < deadline, "the other one never gets any");
        spread(&broker, sent, 4, 4);
        sent += 4;
        for (source, read) in [(&mut one, &mut by_one), (&mut two, &mut by_two)] {
            if let Ok(batch) = tokio::time::timeout(Duration::from_millis(100), source.next(ROOM)).await {
                read.take(batch.unwrap().unwrap());
            }
        }
    }
    drop(one);
    spread(&broker, sent, 4, 4);
    let all = |by: &[&Read]| -> BTreeSet<String> {
        by.iter().flat_map(|read| read.changes.iter().map(|c| c.doc_id.local().to_owned())).collect()
    };
    let last: BTreeSet<String> = (sent..sent + 4).map(|i| format!("d{i}")).collect();
    while !all(&[&by_two]).is_superset(&last) {
        let next = by_two.changes.len() + 1;
        by_two.follow(&mut two, next).await;
    }
    assert_eq!(all(&[&by_one, &by_two]).len(), sent + 4, "no document is lost");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_published_shows_in_the_groups_offsets() {
    let broker = started(1);
    for (mode, id, group) in [(KafkaMode::Follow, "a", "readers"), (KafkaMode::Backfill, "b", "others")] {
        send(&broker, &[(id, "1"), (id, "2")]);
        let spec = KafkaSpec { group: group.to_owned(), ..spec(&broker) };
        let mut source = source(&spec, mode, &Checkpoint::default());
        let acknowledge = source.acknowledge().unwrap();
        let mut read = Read::default();
        read.follow(&mut source, 2).await;
        let committed = || broker.committed(group, TOPIC, 0);
        assert_eq!(committed(), None, "reading is no publish");
        // The last publish comes after the last pull.
        drop(source);
        acknowledge.published(&read.deltas);
        let expected = read.deltas.last().unwrap().through;
        until(|| (committed() == i64::try_from(expected).ok()).then_some(()), "committed offset");
    }
}
