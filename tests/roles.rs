//! The work shared between processes: preparers that read topics together, one that commits, one that
//! stands by.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::time::{Duration, Instant};

use serde_json::json;

use crate::harness::{Broker, Process, Random, World, change_event as event, poll};

const TOPIC: &str = "documents";
const PREPARED: &str = "prepared";
const STAFF: &[&str] = &["group:staff"];
const PREPARE: &[&str] = &["run", "pipeline.toml", "--role", "prepare"];
const COMMIT: &[&str] = &["run", "pipeline.toml", "--role", "commit"];
const STANDBY: &[&str] = &["run", "pipeline.toml", "--role", "commit", "--standby"];

/// A broker with both topics, and a pipeline between them. Messages are small, so that documents of some
/// hundred words go in parts.
fn world(partitions: i32, max_tokens: u32) -> (Broker, World) {
    let broker = Broker::start();
    broker.create_topic(TOPIC, partitions);
    broker.create_topic(PREPARED, partitions);
    let (world, address) = (World::new(), broker.address());
    let properties = "properties = { \"fetch.wait.max.ms\" = \"20\" }";
    let text = format!(
        "version = 1\nname = \"test\"\n[index]\nuri = \"index\"\n[model]\nname = \"potion-base-8M\"\n\
         [chunk]\nmax_tokens = {max_tokens}\noverlap_tokens = 0\n[commit]\ninterval = \"250ms\"\n\
         [prepared]\nbrokers = [{address:?}]\ntopic = {PREPARED:?}\nmax_message_size = \"8KiB\"\n{properties}\n\
         [[source]]\nname = \"stream\"\ntype = \"kafka\"\nbrokers = [{address:?}]\ntopics = [{TOPIC:?}]\n\
         group = \"test\"\ncontent_roots = [\"shelf\"]\ndefault_acl = {{ readers = [\"group:staff\"] }}\n{properties}\n\
         [[source]]\nname = \"docs\"\ntype = \"filesystem\"\nroot = \"docs\"\n\
         default_acl = {{ readers = [\"group:staff\"] }}\n"
    );
    fs::write(world.path("pipeline.toml"), text).unwrap();
    fs::create_dir(world.path("shelf")).unwrap();
    (broker, world)
}

fn start(world: &World, args: &[&str]) -> Process {
    let mut program = world.command(args);
    program.env("ALLUVIUM_LOG", std::env::var("CHURN_LOG").unwrap_or_else(|_| "warn".to_owned()));
    Process::start_logged(&program, "log")
}

fn upsert(id: &str, version: u64, text: &str) -> String {
    event(id, "upsert", version, json!({"content": {"text": text, "media_type": "text/plain"}}))
}

fn send(broker: &Broker, id: &str, value: &str) {
    broker.send(TOPIC, &[(None, Some(id.as_bytes()), Some(value.as_bytes()))]);
}

/// The texts that somebody finds, by document.
fn found(world: &World, principals: &[&str]) -> BTreeMap<String, BTreeSet<String>> {
    let mut found = BTreeMap::<String, BTreeSet<String>>::new();
    if world.search_run("anything", principals).code == Some(0) {
        for hit in world.search("anything", principals) {
            found.entry(hit.doc_id).or_default().insert(hit.text);
        }
    }
    found
}

/// What is refused, once there is an index.
fn refused(world: &World) -> BTreeSet<(String, String)> {
    if world.run(&["status", "pipeline.toml"]).code == Some(0) { world.quarantine() } else { BTreeSet::new() }
}

#[track_caller]
fn await_documents(world: &World, principals: &[&str], expected: &[&str]) {
    let expected: BTreeSet<String> = expected.iter().map(|id| (*id).to_owned()).collect();
    poll(&format!("index of {expected:?} for {principals:?}"), || {
        (found(world, principals).into_keys().collect::<BTreeSet<_>>() == expected).then_some(())
    });
}

#[test]
fn preparers_and_a_committer_share_the_work() {
    let (broker, world) = world(3, 64);
    let _preparers = [start(&world, PREPARE), start(&world, PREPARE)];
    let committer = start(&world, COMMIT);
    world.write("file.md", "A file beside the topic.");
    send(&broker, "small", &upsert("small", 1, "The rivers rise."));
    let large: Vec<String> = (0..400).map(|i| format!("Sentence {i} of a large document.")).collect();
    send(&broker, "large", &upsert("large", 1, &large.join(" ")));
    await_documents(&world, STAFF, &["docs/file.md", "stream/large", "stream/small"]);
    let sentences = found(&world, STAFF)["stream/large"].iter().cloned().collect::<String>();
    assert!(large.iter().all(|sentence| sentences.contains(sentence)), "of the large one all is there");
    let parts: i64 = (0..3).map(|number| broker.bounds(PREPARED, number).1).sum();
    assert!(parts > 4, "it went in parts: {parts}");

    send(&broker, "small", &event("small", "acl", 2, json!({"acl": {"readers": ["group:board"]}})));
    await_documents(&world, &["group:board"], &["stream/small"]);
    send(&broker, "bad", "no event");
    send(&broker, "large", &event("large", "delete", 2, json!({})));
    await_documents(&world, STAFF, &["docs/file.md"]);
    poll("refused event", || world.quarantine().into_iter().find(|(_, cause)| cause == "bad_event"));
    drop(committer);
    world.run(&["verify", "pipeline.toml"]).expect(0);
}

#[test]
fn a_backfill_beside_the_committer_leaves_to_preparers_what_they_read() {
    let (broker, world) = world(1, 64);
    let _preparer = start(&world, PREPARE);
    let _committer = start(&world, COMMIT);
    world.write("file.md", "A file beside the topic.");
    send(&broker, "a", &upsert("a", 1, "An event."));
    await_documents(&world, STAFF, &["docs/file.md", "stream/a"]);
    let run = world.backfill().expect(0);
    run.says(&["left out, for preparers read it: stream"]);
    assert_eq!(run.json()["documents"]["seen"], 1, "{run}");
    let backfill = |source| world.run(&["backfill", "pipeline.toml", "--source", source, "--format", "json"]);
    let [code, _, _, next] = backfill("stream").expect(1).error();
    assert_eq!(code, "read_by_preparers");
    assert!(next.contains("roll back"), "{next}");
    assert_eq!(backfill("docs").expect(0).json()["documents"]["unchanged"], 1);
    send(&broker, "a", &event("a", "delete", 2, json!({})));
    await_documents(&world, STAFF, &["docs/file.md"]);
}

#[test]
fn the_committer_tries_an_event_again_that_a_person_wants() {
    let (broker, world) = world(1, 64);
    let _preparer = start(&world, PREPARE);
    let _committer = start(&world, COMMIT);
    let content = json!({"content": {"uri": "late.md", "media_type": "text/markdown"}});
    send(&broker, "late", &event("late", "upsert", 1, content));
    poll("refused event", || refused(&world).into_iter().find(|(id, _)| id == "stream/late"));
    fs::write(world.path("shelf/late.md"), "It is there now.").unwrap();
    let list = world.run(&["quarantine", "list", "pipeline.toml", "--format", "json"]).expect(0).json();
    let id = list["items"][0]["id"].as_str().unwrap();
    world.run(&["quarantine", "retry", "pipeline.toml", id]).expect(0);
    await_documents(&world, STAFF, &["stream/late"]);
    assert_eq!(world.quarantine(), BTreeSet::new());
}

#[test]
fn who_stands_by_takes_over() {
    let (broker, world) = world(2, 64);
    let _preparer = start(&world, PREPARE);
    let first = start(&world, COMMIT);
    send(&broker, "a", &upsert("a", 1, "The first."));
    await_documents(&world, STAFF, &["stream/a"]);
    let mut second = start(&world, STANDBY);
    let [code, ..] = world.run(&[COMMIT, &["--format", "json"]].concat()).expect(4).error();
    assert_eq!(code, "index_held", "without --standby nobody waits");
    assert!(!second.is_over());
    drop(first);
    let died = Instant::now();
    send(&broker, "b", &upsert("b", 1, "The second."));
    await_documents(&world, STAFF, &["stream/a", "stream/b"]);
    eprintln!("taken over within {:?}", died.elapsed());
    second.signal("TERM");
    second.end().expect(0);
}

#[test]
fn a_role_that_can_not_be_is_refused() {
    let (_broker, world) = world(1, 64);
    let [code, message, ..] =
        world.run(&[PREPARE, &["--standby", "--format", "json"]].concat()).expect(2).error();
    assert_eq!(code, "usage", "{message}");
    let without = World::new();
    for role in [PREPARE, COMMIT] {
        let [code, message, ..] = without.run(&[role, &["--format", "json"]].concat()).expect(2).error();
        assert_eq!(code, "config", "{message}");
    }
}

/// Changes of the churn, and documents that they are of.
const CHANGES: usize = 20_000;
const DOCUMENTS: u64 = 250;
/// Changes sent between two deaths.
const AT_ONCE: usize = 800;

/// What the index must be in the end: of each document the newest version that says something of its
/// content, and the newest that says something of its access.
#[derive(Default)]
struct Model(BTreeMap<String, Known>);

#[derive(Default, Clone, Copy)]
struct Known {
    newest: u64,
    content: u64,
    access: u64,
}

/// What a version does is told by its number, so that it says the same however often it comes.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Says {
    Delete,
    Board,
    Everybody,
    Text,
}

fn says(version: u64) -> Says {
    match version % 7 {
        0 => Says::Delete,
        1 => Says::Board,
        2 | 3 => Says::Everybody,
        _ => Says::Text,
    }
}

impl Model {
    /// A random change: mostly newer than what there is, some older, some the very one again.
    fn change(&mut self, random: &mut Random) -> (String, String) {
        let id = format!("d{}", random.below(DOCUMENTS));
        let known = self.0.entry(id.clone()).or_default();
        let version = match random.below(10) {
            0 => known.newest,
            1 => known.newest.saturating_sub(random.below(5)),
            _ => known.newest + 1 + random.below(3),
        };
        let version = version.max(1);
        known.newest = known.newest.max(version);
        let half = match says(version) {
            Says::Delete | Says::Text => &mut known.content,
            Says::Board | Says::Everybody => &mut known.access,
        };
        *half = version.max(*half);
        let readers = |readers: &[&str]| json!({"acl": {"readers": readers}});
        let value = match says(version) {
            Says::Delete => event(&id, "delete", version, json!({})),
            Says::Board => event(&id, "acl", version, readers(&["group:board"])),
            Says::Everybody => event(&id, "acl", version, readers(&["group:staff", "group:board"])),
            Says::Text => upsert(&id, version, &text(&id, version)),
        };
        (id, value)
    }

    /// The versions that staff finds.
    fn served(&self) -> BTreeMap<String, u64> {
        let is_served = |known: &Known| {
            known.content > 0
                && says(known.content) == Says::Text
                && (known.access == 0 || says(known.access) == Says::Everybody)
        };
        let served = self.0.iter().filter(|(_, known)| is_served(known));
        served.map(|(id, known)| (format!("stream/{id}"), known.content)).collect()
    }
}

/// Of two chunks, each of which names its version.
fn text(id: &str, version: u64) -> String {
    (0..2).map(|i| format!("Paragraph {i} of {id} says v{version}.\n\n")).collect()
}

/// The version that all chunks of a document name.
#[track_caller]
fn version_of(id: &str, texts: &BTreeSet<String>) -> u64 {
    let words = texts.iter().flat_map(|text| text.split([' ', '\n']));
    let versions: BTreeSet<&str> =
        words.filter_map(|word| word.strip_prefix('v')?.strip_suffix('.')).collect();
    assert_eq!(versions.len(), 1, "a mixture of versions of {id}: {versions:?}");
    versions.first().unwrap().parse().unwrap()
}

/// Three preparers and two who may commit.
const ROLES: [&[&str]; 5] = [PREPARE, PREPARE, PREPARE, STANDBY, STANDBY];

#[test]
fn twenty_thousand_changes_survive_deaths_of_everybody() {
    let seed = std::env::var("CHURN_SEED").ok().and_then(|seed| seed.parse().ok());
    let seed = seed.unwrap_or_else(Random::fresh_seed);
    println!("CHURN_SEED={seed} has this run again");
    let (mut random, mut model) = (Random::of(seed), Model::default());
    let (mut broker, world) = world(6, 16);
    let mut processes: Vec<Option<Process>> = ROLES.map(|role| Some(start(&world, role))).into();
    for round in 0..CHANGES / AT_ONCE {
        let changes: Vec<_> = (0..AT_ONCE).map(|_| model.change(&mut random)).collect();
        let records = changes.iter().map(|(id, value)| (None, Some(id.as_bytes()), Some(value.as_bytes())));
        broker.send(TOPIC, &records.collect::<Vec<_>>());
        if round % 10 == 5 {
            broker.restart();
        }
        let victim = random.below(ROLES.len() as u64) as usize;
        match processes[victim].take() {
            // Most die, some leave.
            Some(process) if random.below(3) > 0 => drop(process),
            Some(mut process) => {
                process.until_it_hears();
                process.signal("TERM");
                process.end().expect(0);
            }
            None => processes[victim] = Some(start(&world, ROLES[victim])),
        }
        if round % 5 == 0 {
            found(&world, STAFF).iter().for_each(|(id, texts)| assert!(version_of(id, texts) > 0));
        }
    }
    for (process, role) in processes.iter_mut().zip(ROLES) {
        process.get_or_insert_with(|| start(&world, role));
    }
    let expected = model.served();
    let until = Instant::now() + Duration::from_secs(150);
    let mut last = BTreeMap::new();
    while last != expected {
        assert!(Instant::now() < until, "{}", difference(&last, &expected));
        last = found(&world, STAFF).iter().map(|(id, texts)| (id.clone(), version_of(id, texts))).collect();
    }
    drop(processes);
    assert_eq!(world.quarantine(), BTreeSet::new());
    world.run(&["verify", "pipeline.toml"]).expect(0);
}

fn difference(found: &BTreeMap<String, u64>, expected: &BTreeMap<String, u64>) -> String {
    let differ = |id: &&String| found.get(*id) != expected.get(*id);
    let all: BTreeSet<&String> = found.keys().chain(expected.keys()).collect();
    let shown = all.into_iter().filter(differ).take(5);
    let shown: Vec<String> =
        shown.map(|id| format!("{id}: {:?}, not {:?}", found.get(id), expected.get(id))).collect();
    format!("{} and more", shown.join("; "))
}
