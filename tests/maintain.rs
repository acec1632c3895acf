//! `alluvium maintain`, and what `status` says of it.

use std::fs;

use serde_json::Value;

use crate::harness::{Pipeline, Process, World, check_schema, files, ids, poll};

const STAFF: &[&str] = &["group:staff"];
const MAINTAIN: &[&str] = &["maintain", "pipeline.toml", "--format", "json"];

/// A pipeline that keeps as little as it can.
const SHORT: &str = "\nkeep_for = \"0s\"\nkeep_last = 2\n";

fn short() -> World {
    let world = World::new();
    let text = Pipeline::default().text().replace("uri = \"index\"\n", &format!("uri = \"index\"{SHORT}"));
    assert!(text.contains(SHORT));
    fs::write(world.path("pipeline.toml"), text).unwrap();
    world
}

fn edited(world: &World, times: std::ops::Range<usize>) {
    for i in times {
        world.write("a.md", format!("# Water\n\nThe river is high, for the {i}. time.\n"));
        world.backfilled(0);
    }
}

fn texts(world: &World) -> Vec<String> {
    world.search("river", STAFF).into_iter().map(|hit| hit.text).collect()
}

/// Makes every record a day older, as if nothing had happened since.
fn age(world: &World) {
    for (path, _) in files(&world.path("index/ledger")) {
        let mut record: Value = serde_json::from_slice(&fs::read(&path).unwrap()).unwrap();
        let created: jiff::Timestamp = record["created_at"].as_str().unwrap().parse().unwrap();
        record["created_at"] = Value::from((created - jiff::SignedDuration::from_hours(24)).to_string());
        fs::write(&path, serde_json::to_vec_pretty(&record).unwrap()).unwrap();
    }
}

#[test]
fn by_hand_all_is_done_once_and_what_went_is_refused_by_name() {
    let world = short();
    world.write("b.md", "# Fire\n\nThe stove is lit.\n");
    edited(&world, 0..3);
    world.run(&["releases", "create", "pipeline.toml", "third"]).expect(0);
    edited(&world, 3..6);
    let before = world.status();
    assert_eq!(before["maintenance"]["unretained_records"], 0, "readers have their grace: {before}");
    age(&world);
    let aged = world.status();
    check_schema("status.schema.json", &aged);
    assert!(aged["maintenance"]["unretained_records"].as_u64() > Some(5), "{aged}");
    assert!(aged["maintenance"]["unindexed_rows"].as_u64() > Some(0), "{aged}");
    let text = world.run(&["status", "pipeline.toml"]).expect(0);
    assert!(text.stdout.contains("records to vacuum"), "{text}");

    let size = |world: &World| files(&world.index()).values().sum::<u64>();
    let (full, found) = (size(&world), texts(&world));
    let run = world.run(MAINTAIN).expect(0);
    run.says(&["maintaining chunks_", "removing old records"]);
    let done = run.json();
    check_schema("maintain.schema.json", &done);
    assert_eq!(done["published"], true);
    assert!(done["records_removed"].as_u64() > Some(5), "{done}");
    for table in done["tables"].as_array().unwrap() {
        assert!(table["fragments"]["after"].as_u64() <= table["fragments"]["before"].as_u64(), "{done}");
        assert!(table["versions_removed"].as_u64() > Some(0), "{done}");
        assert!(table["bytes_freed"].as_u64() > Some(0), "{done}");
    }
    assert!(size(&world) < full, "{} of {full}", size(&world));
    let after = world.status();
    let nothing = serde_json::json!({"due": false, "unindexed_rows": 0, "small_fragments": 0,
        "unretained_records": 0});
    assert_eq!(after["maintenance"], nothing);
    assert_eq!(texts(&world), found);

    // Once more does nothing, and leaves every file as it is.
    let left = files(&world.index());
    let again = world.run(MAINTAIN).expect(0).json();
    assert_eq!((&again["published"], &again["live"]), (&Value::from(false), &done["live"]));
    assert_eq!(files(&world.index()), left);
    let text = world.run(&["maintain", "pipeline.toml"]).expect(0);
    assert!(text.stdout.contains("nothing to do") && text.stderr.is_empty(), "{text}");

    for args in [
        &["rollback", "pipeline.toml", "--to", "seq:4"][..],
        &["releases", "diff", "pipeline.toml", "seq:4"],
        &["releases", "create", "pipeline.toml", "late", "seq:4"],
        &["search", "pipeline.toml", "river", "--as", "group:staff", "--release", "seq:4"],
    ] {
        let run = world.run(&[args, &["--format", "json"]].concat()).expect(1);
        let [code, message, _, next] = run.error();
        assert_eq!(code, "not_found", "{run}");
        assert!(message.contains("record 4 was vacuumed") && next.contains("keep_last"), "{run}");
    }
    world.run(&["rollback", "pipeline.toml", "--to", "third"]).expect(0);
    let rolled = texts(&world);
    assert!(rolled.iter().any(|text| text.contains("the 2. time")), "{rolled:?}");
    // Paused, it is maintained all the same.
    world.run(MAINTAIN).expect(0);
    assert_eq!(world.status()["live"]["paused"], true);
    assert_eq!(world.documents_for(STAFF), ids(&["a.md", "b.md"]));
}

#[test]
fn maintenance_is_refused_where_it_has_no_business() {
    let world = short();
    let run = world.run(MAINTAIN).expect(1);
    assert_eq!(run.error()[0], "no_index");
    assert!(!world.index().exists(), "nothing is made by looking");
    edited(&world, 0..1);
    world.pipeline("other.toml", &Pipeline { name: "other", ..Pipeline::default() });
    let run = world.run(&["maintain", "other.toml", "--format", "json"]).expect(2);
    assert_eq!(run.error()[0], "other_pipeline");
    let mut daemon = Process::start(&mut world.command(&["run", "pipeline.toml"]));
    let pid = daemon.child().id();
    // Asking by the command itself could keep the daemon from the lock.
    let lock = world.index().join("writer.lock");
    poll("daemon", || fs::read_to_string(&lock).ok().filter(|holder| holder.contains(&pid.to_string())));
    let held = world.run(MAINTAIN).expect(4);
    assert!(held.error()[1].contains(&format!("process {pid}")), "{held}");
    daemon.signal("TERM");
    daemon.end().expect(0);
}
