//! A backfill beside a daemon: the daemon does it, and it ends as one alone would. What changes meanwhile is
//! never overwritten by what was listed before.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;

use serde_json::{Value, json};

use crate::harness::{
    Broker, EVENT_FILE, Pipeline, Process, Random, Run, World, change_event, check_fresh, check_schema,
    event, ids, poll,
};

const STAFF: &[&str] = &["group:staff"];
const JSON: &[&str] = &["--format", "json"];
const QUICK: &str = "[commit]\ninterval = \"100ms\"\nmax_documents = 20\n\n\
    [run]\nsettle = \"50ms\"\ndrain_timeout = \"20s\"\n\n";
const EVENTS: &str = "[commit]\ninterval = \"100ms\"\n\n[run]\nsettle = \"50ms\"\n\n[[source]]\n\
    name = \"events\"\ntype = \"jsonl\"\npath = \"events.jsonl\"\ndefault_acl = { readers = [\"group:staff\"] }";

fn world(more: &'static str) -> World {
    World::with(Pipeline { more, ..Pipeline::default() })
}

/// Starts the daemon, which logs to a file.
fn start(world: &World) -> Process {
    Process::start_logged(&world.command(&["run", "pipeline.toml"]), "log")
}

fn log(world: &World) -> String {
    fs::read_to_string(world.path("log")).unwrap_or_default()
}

#[track_caller]
fn await_documents(world: &World, expected: &BTreeSet<String>) {
    let found = || {
        let run = world.search_run("anything at all", STAFF);
        (run.code == Some(0)).then(|| world.documents_for(STAFF))
    };
    poll("set of documents", || found().filter(|found| found == expected));
}

#[track_caller]
fn end(mut daemon: Process) {
    daemon.signal("TERM");
    daemon.end().expect(0);
}

fn backfill(world: &World, more: &[&str]) -> Run {
    world.run(&[&["backfill", "pipeline.toml"], JSON, more].concat())
}

#[test]
fn it_ends_as_one_alone_would() {
    let world = world(EVENTS);
    for name in ["a.md", "b.md", "c.txt"] {
        world.write(name, format!("{name} tells of rivers."));
    }
    world.write("empty.md", "");
    world.write("picture.png", "not read");
    world.append(EVENT_FILE, &event("p", "upsert", 1, Some("The rivers rise.")));
    world.backfilled(3);
    let all = &["--reprocess", "all"];
    let alone = [(&[][..], 0), (all, 3), (&["--source", "events"], 0), (&["--source", "docs"], 0)];
    let alone = alone.map(|(more, code)| (more, code, backfill(&world, more).expect(code).json()));
    let daemon = start(&world);
    poll("daemon", || world.status()["daemon"].is_object().then_some(()));
    for (more, code, alone) in alone {
        let run = backfill(&world, more).expect(code);
        run.says(&["the daemon that holds the index does the backfill"]);
        let beside = run.json();
        check_schema("backfill.schema.json", &beside);
        for key in ["documents", "chunks", "published"] {
            assert_eq!(beside[key], alone[key], "{key} of {more:?}");
        }
        assert_eq!(beside["release"]["seq"], world.status()["live"]["seq"], "{more:?}");
    }
    let text = world.run(&["backfill", "pipeline.toml"]).expect(0).stdout;
    assert!(text.contains("4 unchanged") && text.contains("nothing to publish"), "{text}");
    world.append(EVENT_FILE, &event("p", "delete", 2, None));
    await_documents(&world, &ids(&["a.md", "b.md", "c.txt"]));
    world.run(&["quarantine", "retry", "pipeline.toml"]).expect(0);
    world.write("empty.md", "No longer.");
    await_documents(&world, &ids(&["a.md", "b.md", "c.txt", "empty.md"]));
    assert!(world.index().join("control.sock").exists());
    end(daemon);
    assert!(!world.index().join("control.sock").exists());
    assert_eq!(world.backfilled(0)["published"], false);
}

#[test]
fn who_is_another_pipeline_or_has_other_settings_is_refused() {
    let world = world(QUICK);
    world.write("a.md", "The rivers rise.");
    let daemon = start(&world);
    await_documents(&world, &ids(&["a.md"]));
    for (other, expected) in [
        (Pipeline { name: "other", ..Pipeline::default() }, "other_pipeline"),
        (Pipeline { max_tokens: 32, ..Pipeline::default() }, "other_settings"),
        (Pipeline { default_readers: Some("group:board"), ..Pipeline::default() }, "other_settings"),
    ] {
        world.pipeline("other.toml", &other);
        let [code, _, _, next] = world.run(&[&["backfill", "other.toml"], JSON].concat()).expect(2).error();
        assert_eq!(code, expected);
        assert!(!next.is_empty());
    }
    end(daemon);
}

#[test]
fn an_index_may_lie_deep() {
    let index = Box::leak("a-folder-with-a-long-name/".repeat(10).into_boxed_str());
    let world = World::with(Pipeline { index, more: QUICK, ..Pipeline::default() });
    world.write("a.md", "The rivers rise.");
    let daemon = start(&world);
    await_documents(&world, &ids(&["a.md"]));
    assert_eq!(world.backfilled(0)["documents"]["unchanged"], 1);
    end(daemon);
}

#[test]
fn what_is_changed_or_deleted_meanwhile_is_what_stays() {
    let world = world(EVENTS);
    let mut files = BTreeMap::new();
    for i in 0..150 {
        files.insert(format!("d{i}.md"), format!("Version 0 of d{i}."));
    }
    files.iter().for_each(|(name, text)| world.write(name, text));
    let mut events = BTreeMap::new();
    for i in 0..20 {
        world.append(EVENT_FILE, &event(&format!("e{i}"), "upsert", 1, Some("Version 1.")));
        events.insert(format!("e{i}"), "Version 1.".to_owned());
    }
    let daemon = start(&world);
    let seed = Random::fresh_seed();
    eprintln!("seed {seed}");
    let mut random = Random::of(seed);
    let texts = |world: &World| {
        let hits = world.search("version", STAFF).into_iter();
        hits.map(|hit| (hit.doc_id, hit.text)).collect::<BTreeMap<_, _>>()
    };
    let settled = |files: &BTreeMap<String, String>, events: &BTreeMap<String, String>| {
        let files = files.iter().map(|(name, text)| (format!("docs/{name}"), text.clone()));
        files.chain(events.iter().map(|(id, text)| (format!("events/{id}"), text.clone()))).collect()
    };
    let expected: BTreeMap<_, _> = settled(&files, &events);
    poll("first state", || {
        (world.search_run("version", STAFF).code == Some(0) && texts(&world) == expected).then_some(())
    });
    for round in 1..=3_u64 {
        let arguments = [&["backfill", "pipeline.toml", "--reprocess", "all"], JSON].concat();
        let mut client = Process::start(&mut world.command(&arguments));
        let mut version = 10_000 * round;
        while !client.is_over() {
            version += 1;
            let (name, id) = (format!("d{}.md", random.below(150)), format!("e{}", random.below(20)));
            let text = format!("Version {version} of it.");
            if random.below(3) == 0 {
                let _ = fs::remove_file(world.doc(&name));
                files.remove(&name);
                world.append(EVENT_FILE, &event(&id, "delete", version, None));
                events.remove(&id);
            } else {
                // In one step: half a file is another document.
                fs::write(world.path("whole"), &text).unwrap();
                fs::rename(world.path("whole"), world.doc(&name)).unwrap();
                files.insert(name, text.clone());
                world.append(EVENT_FILE, &event(&id, "upsert", version, Some(&text)));
                events.insert(id, text);
            }
            world.status();
        }
        client.end().expect(0);
        let expected: BTreeMap<_, _> = settled(&files, &events);
        poll("newest state", || (texts(&world) == expected).then_some(()));
    }
    end(daemon);
    world.run(&["verify", "pipeline.toml", "--source"]).expect(0);
}

#[test]
fn events_of_a_topic_that_come_meanwhile_win() {
    let (broker, topic) = (Broker::start(), "documents");
    broker.create_topic(topic, 3);
    let more = format!(
        "{QUICK}[[source]]\nname = \"stream\"\ntype = \"kafka\"\nbrokers = [{:?}]\ntopics = [{topic:?}]\n\
         group = \"test\"\nproperties = {{ \"session.timeout.ms\" = \"6000\", \"fetch.wait.max.ms\" = \"20\" }}\n\
         default_acl = {{ readers = [\"group:staff\"] }}\n",
        broker.address()
    );
    let world = world(Box::leak(more.into_boxed_str()));
    let mut model = BTreeMap::new();
    let change = |model: &mut BTreeMap<String, String>, id: String, version: u64, deleted: bool| {
        let text = format!("Version {version} of {id}.");
        let event = match deleted {
            true => change_event(&id, "delete", version, json!({})),
            false => {
                let content = json!({"content": {"text": text, "media_type": "text/plain"}});
                change_event(&id, "upsert", version, content)
            }
        };
        broker.send(topic, &[(None, Some(id.as_bytes()), Some(event.as_bytes()))]);
        match deleted {
            true => model.remove(&format!("stream/{id}")),
            false => model.insert(format!("stream/{id}"), text),
        };
    };
    for i in 0..20 {
        change(&mut model, format!("e{i}"), 1, false);
    }
    let texts = || {
        let hits = world.search("version", STAFF).into_iter();
        hits.map(|hit| (hit.doc_id, hit.text)).collect::<BTreeMap<_, _>>()
    };
    let daemon = start(&world);
    poll("first state", || {
        (world.search_run("version", STAFF).code == Some(0) && texts() == model).then_some(())
    });
    let quiet = backfill(&world, &["--source", "stream"]).expect(0).json();
    assert_eq!((&quiet["documents"]["seen"], &quiet["published"]), (&json!(0), &json!(false)), "{quiet}");
    let mut random = Random::of(7);
    for round in 1..=2_u64 {
        let mut version = 10_000 * round;
        let asked = format!("asked{round}");
        change(&mut model, asked.clone(), version, false);
        let mut client = Process::start(&mut world.command(&["backfill", "pipeline.toml"]));
        while !client.is_over() {
            version += 1;
            change(&mut model, format!("e{}", random.below(20)), version, random.below(3) == 0);
            world.status();
        }
        client.end().expect(0);
        assert!(
            texts().contains_key(&format!("stream/{asked}")),
            "it was there when the backfill was asked for"
        );
        poll("newest state", || (texts() == model).then_some(()));
    }
    end(daemon);
    assert_eq!(world.backfilled(0)["documents"]["seen"], 0, "the checkpoint has all of it");
    world.run(&["verify", "pipeline.toml"]).expect(0);
}

#[test]
fn the_brake_of_a_running_daemon_is_lifted_by_allowing_deletes() {
    let world = world(QUICK);
    world.write("stays.md", "The one that stays.");
    for i in 0..6 {
        world.write(&format!("old/{i}.md"), format!("Old note {i}."));
    }
    let daemon = start(&world);
    let all: BTreeSet<_> =
        (0..6).map(|i| format!("docs/old/{i}.md")).chain(["docs/stays.md".to_owned()]).collect();
    await_documents(&world, &all);
    fs::rename(world.doc("old"), world.path("aside")).unwrap();
    poll("brake", || log(&world).contains("6 deletions are withheld").then_some(()));
    world.write("new.md", "New notes come.");
    let mut with_new = all.clone();
    with_new.insert("docs/new.md".to_owned());
    await_documents(&world, &with_new);
    let run = backfill(&world, &[]).expect(1);
    let [code, message, place, next] = run.error();
    assert_eq!((code.as_str(), place.as_str()), ("mass_delete_brake", "source docs"));
    assert!(
        message.contains("holds 2 documents where the index knows 8: 6 deletions are withheld"),
        "{message}"
    );
    assert!(next.contains("--allow-deletes"), "{next}");
    assert_eq!(run.json()["documents"]["deleted"], 0, "{run}");
    let lifted = backfill(&world, &["--allow-deletes"]).expect(0).json();
    assert_eq!(
        (&lifted["documents"]["deleted"], &lifted["published"]),
        (&json!(6), &json!(true)),
        "{lifted}"
    );
    assert_eq!(world.documents_for(STAFF), ids(&["new.md", "stays.md"]));
    world.write("stays.md", "It is still followed: kingfishers.");
    poll("later edit", || {
        world.search("kingfishers", STAFF).iter().any(|hit| hit.text.contains("kingfishers")).then_some(())
    });
    check_fresh(&world);
    // Once was meant, not from now on.
    fs::remove_file(world.doc("new.md")).unwrap();
    fs::remove_file(world.doc("stays.md")).unwrap();
    poll("brake", || log(&world).contains("where the index knows 2").then_some(()));
    end(daemon);
}

/// A world with a document that takes longer to read than any test waits, so that no backfill ends.
fn stuck() -> World {
    let more = "[commit]\ninterval = \"50ms\"\n\n[extract]\nworkers = 1\ncpu = \"100s\"\nwall = \"100s\"\n\n\
        [run]\nsettle = \"50ms\"\ndrain_timeout = \"1s\"\n";
    let world = world(more);
    for text in ["The rivers rise.", "The rivers fall."] {
        world.write("a.md", text);
        world.backfilled(0);
    }
    world.write("slow.html", "<div>".repeat(9_900) + &"<p>x</p>".repeat(1_000_000));
    world
}

/// Asks for a backfill, and waits until so many have begun.
fn ask(world: &World, begun: usize, more: &[&str]) -> Process {
    let arguments = [&["backfill", "pipeline.toml"], JSON, more].concat();
    let client = Process::start(&mut world.command(&arguments));
    await_begun(world, begun);
    client
}

fn await_begun(world: &World, begun: usize) {
    poll("backfill", || (log(world).matches("a backfill was asked for").count() >= begun).then_some(()));
}

fn await_daemon(world: &World) {
    let socket = world.index().join("control.sock");
    poll("daemon", || std::os::unix::net::UnixStream::connect(&socket).ok());
}

#[test]
fn whatever_becomes_of_the_daemon_the_client_is_told() {
    let world = stuck();
    let check = |client: Process, code: &str, expected: i32| {
        let run = client.end().expect(expected);
        let [found, _, _, next] = run.error();
        assert_eq!(found, code, "{run}");
        assert!(!next.is_empty(), "{run}");
        next
    };
    // It is killed. What it leaves is in nobody's way.
    let daemon = start(&world);
    await_daemon(&world);
    let client = ask(&world, 1, &[]);
    drop(daemon);
    assert!(check(client, "daemon_gone", 1).contains("Run the same command again"));
    assert!(world.index().join("control.sock").exists());
    // It is told to end.
    let mut daemon = start(&world);
    await_daemon(&world);
    let client = ask(&world, 2, &[]);
    daemon.signal("TERM");
    check(client, "daemon_ended", 1);
    daemon.end().expect(0);
    // A client does not want to wait any longer; the daemon does not mind.
    let daemon = start(&world);
    await_daemon(&world);
    let mut client = ask(&world, 3, &[]);
    let queued = Process::start(&mut world.command(&["backfill", "pipeline.toml", "--allow-deletes"]));
    client.signal("INT");
    assert!(client.end().expect(130).stderr.contains("the daemon goes on"));
    let mut client = ask(&world, 3, &[]);
    assert!(!client.is_over());
    // Somebody rolls back in the middle of it: nothing is read before he says so.
    world.run(&["rollback", "pipeline.toml", "--to", "seq:3"]).expect(0);
    check(client, "paused", 1);
    queued.end().expect(1).says(&["paused"]);
    check(ask(&world, 3, &[]), "paused", 1);
    world.remove("slow.html");
    world.run(&["resume", "pipeline.toml"]).expect(0);
    poll("end of the pause", || log(&world).contains("resumed").then_some(()));
    let result = backfill(&world, &[]).expect(0).json();
    assert_eq!(result["documents"]["seen"], 1, "{result}");
    end(daemon);
}

#[test]
fn two_at_once_are_both_done() {
    let world = world(QUICK);
    for i in 0..60 {
        world.write(&format!("d{i}.md"), format!("Note {i}."));
    }
    world.backfilled(0);
    let daemon = start(&world);
    await_daemon(&world);
    let arguments: [&[&str]; 4] = [&[], &["--reprocess", "all"], &[], &["--allow-deletes"]];
    let clients = arguments.map(|more| {
        let arguments = [&["backfill", "pipeline.toml"], JSON, more].concat();
        Process::start(&mut world.command(&arguments))
    });
    for client in clients {
        let result: Value = client.end().expect(0).json();
        assert_eq!(result["documents"]["seen"], 60, "{result}");
        assert_eq!(result["documents"]["unchanged"], 60, "{result}");
    }
    end(daemon);
}
