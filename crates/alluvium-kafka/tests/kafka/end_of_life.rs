//! Consumers that are dropped at any moment of their membership of a group, most of all right after an
//! assignment that nobody has answered. `END_OF_LIFE_ROUNDS=3000` has more of them.

use std::collections::BTreeSet;
use std::sync::mpsc::sync_channel;

use rdkafka::mocking::MockCluster;

use super::*;

/// Lives that are led side by side; every two share a group.
const SIDE_BY_SIDE: usize = 16;

fn rounds(usual: usize) -> usize {
    std::env::var("END_OF_LIFE_ROUNDS").ok().map_or(usual, |rounds| rounds.parse().unwrap())
}

/// Joins a group, asks for a while or not at all, and ends after that. The end of its runtime waits for the
/// worker.
fn live(spec: &KafkaSpec, asks: bool, life: Duration) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let mut source = source(spec, KafkaMode::Follow, &Checkpoint::default());
        if asks {
            // What comes before is read, until the moment comes.
            let _ = tokio::time::timeout(life, async { while source.next(ROOM).await.is_ok() {} }).await;
        } else {
            tokio::time::sleep(life).await;
        }
    });
}

/// Leads lives that end `step` after each other, the first `from` its beginning; each must end.
fn lead(brokers: &str, rounds: usize, from: Duration, step: Duration) {
    for begun in (0..rounds).step_by(SIDE_BY_SIDE) {
        let (ended, ends) = sync_channel(SIDE_BY_SIDE);
        for round in begun..rounds.min(begun + SIDE_BY_SIDE) {
            let events = KafkaSpec {
                name: name(),
                connection: Connection {
                    brokers: vec![brokers.to_owned()],
                    tls: None,
                    sasl: None,
                    properties: Vec::new(),
                },
                topics: vec![TOPIC.to_owned()],
                group: format!("group-{}", round / 2),
                messages: Messages::Events(Box::new(super::events())),
                offset_lost: OffsetLost::Stop,
            };
            let (ended, life) = (ended.clone(), from + step * u32::try_from(round % 64).unwrap());
            std::thread::spawn(move || {
                live(&events, round % 4 == 3, life);
                ended.send(round).unwrap();
            });
        }
        drop(ended);
        let mut left: BTreeSet<usize> = (begun..rounds.min(begun + SIDE_BY_SIDE)).collect();
        while !left.is_empty() {
            let end = ends.recv_timeout(DEADLINE);
            left.remove(&end.unwrap_or_else(|_| panic!("the consumers {left:?} never end")));
        }
    }
    let log = String::from_utf8_lossy(&LOG.lock().unwrap()).into_owned();
    let left: Vec<_> = log.lines().filter(|line| line.contains("is left behind")).collect();
    assert!(left.is_empty(), "{} of {rounds} consumers never end: {left:?}", left.len());
}

#[test]
fn consumers_end_at_any_moment() {
    let broker = reading::started(2);
    send(&broker, &[("a", "1"), ("b", "2")]);
    lead(&broker.address(), rounds(48), Duration::ZERO, Duration::from_millis(15));
}

/// Its first joins wait three seconds.
#[test]
fn consumers_of_another_broker_end_at_any_moment() {
    let cluster = MockCluster::new(1).unwrap();
    cluster.create_topic(TOPIC, 2, 1).unwrap();
    lead(&cluster.bootstrap_servers(), rounds(16), Duration::from_millis(2_800), Duration::from_millis(50));
}
