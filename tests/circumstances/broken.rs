//! An index of which something is torn, empty, damaged or gone: every command that needs it names it and
//! says what to do, nobody serves an older record instead or writes over it, and with the file back in
//! its place all is as it was.

use std::fs;
use std::path::{Path, PathBuf};

use crate::harness::{Run, World, files, head, manifest, records};

use super::{STAFF, check_whole, has_text, write_some};

/// Two publishes, so that there is something older to fall back to.
fn world() -> World {
    let world = World::new();
    write_some(&world, 0..5);
    world.backfilled(0);
    world.write("d1.md", "The herons of autumn.\n");
    world.backfilled(0);
    // There is something to do.
    world.write("d2.md", "The cranes of winter.\n");
    world
}

fn search(world: &World) -> Run {
    world.search_run("herons", STAFF)
}

/// A file or folder that is put back when it was broken for long enough.
struct Broken {
    place: PathBuf,
    kept: PathBuf,
}

impl Broken {
    fn new(world: &World, place: &Path) -> Self {
        let kept = world.path("kept");
        fs::rename(place, &kept).unwrap();
        Self { place: place.to_owned(), kept }
    }

    /// Leaves something else in its place.
    fn instead(self, bytes: impl FnOnce(Vec<u8>) -> Vec<u8>) -> Self {
        fs::write(&self.place, bytes(fs::read(&self.kept).unwrap())).unwrap();
        self
    }

    fn mend(self) {
        let _ = fs::remove_file(&self.place);
        let _ = fs::remove_dir_all(&self.place);
        fs::rename(&self.kept, &self.place).unwrap();
    }
}

/// `named` must be in what each command says, and nothing may be published.
#[track_caller]
fn check_refused(world: &World, broken: Broken, named: &str, commands: &[&str]) {
    let before: Vec<PathBuf> = records(&world.index());
    for command in commands {
        let run = match *command {
            "search" => search(world),
            command => world.run(&[command, "pipeline.toml", "--format", "json"]),
        };
        let [code, message, place, next] = run.expect(1).error();
        assert_eq!(code, "index_corrupt", "{command}: {message}");
        let said = format!("{place} {message}");
        assert!(said.contains(named), "{command}: {named} is not in {said}");
        assert!(next.contains("copy"), "{command}: {next}");
        assert_eq!(records(&world.index()), before, "{command}: something was published: {message}");
    }
    broken.mend();
    let found = search(world).expect(0).json();
    assert!(has_text(&found, "herons") && !has_text(&found, "cranes"), "{found}");
}

fn check_mended(world: &World) {
    world.backfilled(0);
    assert!(has_text(&world.search_run("cranes", STAFF).json(), "cranes"));
    check_whole(world);
}

const ALL: &[&str] = &["search", "status", "backfill"];

#[test]
fn a_record_that_is_torn_or_empty_is_named_and_nobody_falls_back() {
    let world = world();
    let newest = records(&world.index()).remove(0);
    let name = newest.file_name().unwrap().to_str().unwrap();
    let torn: [fn(Vec<u8>) -> Vec<u8>; 4] = [
        |mut all| all.split_off(all.len() / 2),
        |all| all[..all.len() / 2].to_vec(),
        |_| vec![],
        |_| vec![0; 700],
    ];
    for torn in torn {
        check_refused(&world, Broken::new(&world, &newest).instead(torn), name, ALL);
    }
    check_mended(&world);
}

#[test]
fn a_table_that_is_damaged_or_gone_is_named_and_nothing_is_written_over_it() {
    let world = world();
    let live = head(&world.index()).unwrap();
    let damages: [fn(Vec<u8>) -> Vec<u8>; 3] =
        [|all| all[..all.len() / 2].to_vec(), |_| vec![], |all| vec![0xa5; all.len()]];
    // Each table is damaged in one way, and gone in another.
    for ((table, version), number) in live["tables"].as_object().unwrap().iter().zip(0..) {
        let folder = world.index().join(format!("{table}.lance"));
        let manifest = manifest(&folder, version.as_u64().unwrap());
        let damage = damages[number % 3];
        check_refused(&world, Broken::new(&world, &manifest).instead(damage), table, ALL);
        let versions = folder.join("_versions");
        let gone = [&folder, &versions, &manifest][number % 3];
        check_refused(&world, Broken::new(&world, gone), table, ALL);
    }
    check_mended(&world);
}

#[test]
fn rows_that_are_damaged_or_gone_are_named_and_nothing_is_written_over_them() {
    let world = world();
    for role in ["chunks", "documents", "policy"] {
        let tables = head(&world.index()).unwrap()["tables"].clone();
        let table = tables.as_object().unwrap().keys().find(|table| table.starts_with(role)).unwrap().clone();
        let data = world.index().join(format!("{table}.lance/data"));
        for file in files(&data).into_keys() {
            // What reads these rows; the access lists are on the way of every search.
            let commands: &[&str] = if role == "documents" { &["backfill"] } else { &["search"] };
            check_refused(&world, Broken::new(&world, &file), &table, commands);
            check_refused(&world, Broken::new(&world, &file).instead(|_| vec![]), &table, commands);
        }
    }
    check_mended(&world);
}
