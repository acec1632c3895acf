//! What the program may not read or write.

use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::Command;

use crate::harness::{Home, Pipeline, Run, World, check_fresh, ids};

use super::{Daemon, QUICK, STAFF, check_whole, some, through};

/// The same command, to which permissions apply: root's own powers pass them by.
fn bound(command: &Command) -> Command {
    if !rustix::process::geteuid().is_root() {
        return through(&["env"], command);
    }
    let powers = "-dac_override,-dac_read_search";
    through(&["setpriv", "--bounding-set", powers, "--inh-caps", powers], command)
}

fn run(world: &World, args: &[&str]) -> Run {
    Run::of(&mut bound(&world.command(args)))
}

fn backfill(world: &World) -> Run {
    run(world, &["backfill", "pipeline.toml", "--format", "json"])
}

fn search(world: &World) -> Run {
    run(world, &["search", "pipeline.toml", "anything", "--as", "group:staff", "--format", "json"])
}

fn chmod(path: &Path, mode: u32) {
    fs::set_permissions(path, Permissions::from_mode(mode)).unwrap();
}

fn refused(id: &str, cause: &str) -> std::collections::BTreeSet<(String, String)> {
    [(format!("docs/{id}"), cause.to_owned())].into()
}

#[test]
fn a_file_that_may_not_be_read_is_quarantined_until_it_may() {
    let world = some(3);
    chmod(&world.doc("d1.md"), 0o000);
    let first = backfill(&world).expect(3).json();
    assert_eq!(first["documents"]["indexed"], 2, "{first}");
    assert_eq!(world.quarantine(), refused("d1.md", "unreadable"));
    assert_eq!(world.documents_for(STAFF), ids(&["d0.md", "d2.md"]));
    let again = backfill(&world).expect(0).json();
    assert_eq!(again["published"], false, "the refusal is known: {again}");

    chmod(&world.doc("d1.md"), 0o644);
    assert_eq!(backfill(&world).expect(0).json()["documents"]["indexed"], 1);
    assert_eq!(world.quarantine(), [].into());
    check_whole(&world);
}

#[test]
fn a_document_that_may_no_more_be_read_keeps_its_last_good_version() {
    let world = some(3);
    world.backfilled(0);
    world.write("d1.md", "The herons of autumn.\n");
    chmod(&world.doc("d1.md"), 0o000);
    backfill(&world).expect(3);
    assert_eq!(world.quarantine(), refused("d1.md", "unreadable"));
    assert_eq!(world.documents_for(STAFF), ids(&["d0.md", "d1.md", "d2.md"]));
    chmod(&world.doc("d1.md"), 0o644);
    backfill(&world).expect(0);
    assert!(world.search("herons", STAFF)[0].text.contains("herons"));
    check_whole(&world);
}

/// A folder that the program may not list, or not enter, or neither. What can be seen to be gone is.
fn check_folder(mode: u32, seen_gone: u64) {
    let world = some(6);
    for name in ["in/a.md", "in/b.md", "in/deep/c.md"] {
        world.write(name, format!("{name} in spring.\n"));
    }
    let all = world.backfilled(0)["documents"]["indexed"].as_u64();
    assert_eq!(all, Some(9));
    world.write("d0.md", "The herons of autumn.\n");
    world.write("in/a.md", "The cranes of winter.\n");
    world.write("in/new.md", "New.\n");
    world.remove("in/b.md");
    chmod(&world.doc("in"), mode);
    let run = backfill(&world);
    assert!(matches!(run.code, Some(0 | 3)), "{mode:o}: {run}");
    assert!(world.search("herons", STAFF)[0].text.contains("herons"), "{mode:o}: neighbours are indexed");
    let found = world.documents_for(STAFF);
    let kept = ids(&["in/a.md", "in/deep/c.md"]);
    assert!(found.is_superset(&kept), "{mode:o}: what can't be looked at is not gone: {found:?}");
    assert_eq!(world.status()["documents"]["deleted"], seen_gone, "{mode:o}");

    chmod(&world.doc("in"), 0o755);
    backfill(&world).expect(0);
    assert_eq!(world.quarantine(), [].into(), "{mode:o}");
    assert!(world.search("cranes", STAFF)[0].text.contains("cranes"), "{mode:o}");
    assert_eq!(world.status()["documents"]["deleted"], 1, "{mode:o}");
    check_whole(&world);
}

#[test]
fn a_folder_that_may_not_be_read_deletes_nothing() {
    check_folder(0o000, 0);
}

#[test]
fn a_folder_that_may_be_listed_and_not_entered_keeps_what_is_listed() {
    check_folder(0o444, 1);
}

#[test]
fn a_folder_that_may_be_entered_and_not_listed_deletes_nothing() {
    check_folder(0o111, 0);
}

#[test]
fn a_root_that_may_not_be_read_is_an_error_and_deletes_nothing() {
    let world = some(3);
    world.backfilled(0);
    for mode in [0o000, 0o111] {
        chmod(&world.path("docs"), mode);
        let [code, message, _, next] = backfill(&world).expect(1).error();
        assert_eq!(code, "source_broken", "{message}");
        assert!(message.contains("docs") && !next.is_empty(), "{message}");
        assert_eq!(world.documents_for(STAFF).len(), 3);
    }
    chmod(&world.path("docs"), 0o755);
    check_whole(&world);
}

#[test]
fn an_access_list_that_may_not_be_read_hides_what_it_is_the_list_of() {
    let world = some(2);
    for name in ["in/a.md", "in/b.md"] {
        world.write(name, format!("{name} in spring.\n"));
    }
    world.acl("in/", &["group:staff"], &[]);
    world.backfilled(0);
    chmod(&world.doc("in/.acl.toml"), 0o000);
    backfill(&world).expect(3);
    assert_eq!(world.documents_for(STAFF), ids(&["d0.md", "d1.md"]));
    chmod(&world.doc("in/.acl.toml"), 0o644);
    backfill(&world).expect(0);
    assert_eq!(world.documents_for(STAFF).len(), 4);
    check_whole(&world);
}

/// All folders beneath one, and itself.
fn folders(of: &Path) -> Vec<std::path::PathBuf> {
    let items = fs::read_dir(of).unwrap().map(|item| item.unwrap().path());
    let below = items.filter(|path| path.is_dir()).flat_map(|path| folders(&path));
    below.chain([of.to_owned()]).collect()
}

#[test]
fn an_index_that_may_not_be_written_is_an_error_and_is_still_read() {
    let world = some(3);
    world.backfilled(0);
    world.write("d1.md", "The herons of autumn.\n");
    let folders = folders(&world.index());
    folders.iter().for_each(|folder| chmod(folder, 0o555));
    chmod(&world.index().join("writer.lock"), 0o444);
    let failed = backfill(&world).expect(1);
    let [code, message, _, next] = failed.error();
    assert_eq!(code, "storage", "{failed}");
    assert!(message.contains("ermission") && message.contains("index") && !next.is_empty(), "{failed}");
    assert_eq!(search(&world).expect(0).json()["hits"].as_array().unwrap().len(), 3);
    run(&world, &["status", "pipeline.toml"]).expect(0);

    // The lock alone may be written: the failure is a later one.
    chmod(&world.index().join("writer.lock"), 0o644);
    let failed = backfill(&world).expect(1);
    assert_eq!(failed.error()[0], "storage", "{failed}");
    assert_eq!(search(&world).expect(0).json()["hits"].as_array().unwrap().len(), 3);

    folders.iter().for_each(|folder| chmod(folder, 0o755));
    backfill(&world).expect(0);
    assert!(world.search("herons", STAFF)[0].text.contains("herons"));
    check_whole(&world);
}

#[test]
fn an_index_that_may_not_be_made_or_read_is_an_error_that_names_it() {
    let pipeline = Pipeline { index: "closed/index", ..Pipeline::default() };
    let world = World::with(pipeline);
    world.write("a.md", "The herons of autumn.\n");
    fs::create_dir(world.path("closed")).unwrap();
    let check = |run: Run| {
        let [code, message, place, next] = run.error();
        assert!(["storage", "no_index"].contains(&code.as_str()), "{run}");
        assert!(format!("{message}{place}").contains("closed/index") && !next.is_empty(), "{run}");
        code
    };
    for mode in [0o555, 0o000] {
        chmod(&world.path("closed"), mode);
        assert_eq!(check(backfill(&world).expect(1)), "storage");
    }
    chmod(&world.path("closed"), 0o755);
    backfill(&world).expect(0);
    chmod(&world.index(), 0o000);
    assert_eq!(check(backfill(&world).expect(1)), "storage");
    let code = check(search(&world).expect(1));
    assert_eq!(code, "storage", "an index that can't be read is not one that is not there");
    chmod(&world.index(), 0o755);
    assert!(world.search("herons", STAFF)[0].text.contains("herons"));
    assert_eq!(world.backfilled(0)["published"], false);
}

#[test]
fn an_index_of_which_a_part_may_not_be_read_is_never_taken_for_less_than_it_is() {
    let world = some(3);
    world.backfilled(0);
    world.write("d1.md", "The herons of autumn.\n");
    world.backfilled(0);
    world.write("d2.md", "The cranes of winter.\n");
    let ledger = world.index().join("ledger");
    let newest = fs::read_dir(&ledger).unwrap().map(|item| item.unwrap().path()).min().unwrap();
    let items = fs::read_dir(world.index()).unwrap().map(|item| item.unwrap().path());
    let parts: Vec<_> = items.filter(|path| path.is_dir()).chain([newest]).collect();
    assert!(parts.len() >= 6, "{parts:?}");
    for part in parts {
        let mode = part.metadata().unwrap().permissions().mode();
        chmod(&part, 0o000);
        let quarantine = part.ends_with("quarantine.lance");
        for failed in [backfill(&world), search(&world)] {
            if failed.code == Some(0) {
                assert!(quarantine, "{}: {failed}", part.display());
                continue;
            }
            let [code, message, _, next] = failed.expect(1).error();
            assert!(["storage", "index_corrupt"].contains(&code.as_str()), "{}: {message}", part.display());
            assert!(!next.is_empty(), "{message}");
        }
        chmod(&part, mode);
        assert!(world.search("herons", STAFF)[0].text.contains("herons"), "{}", part.display());
    }
    backfill(&world).expect(0);
    assert!(world.search("cranes", STAFF)[0].text.contains("cranes"));
    check_whole(&world);
}

#[test]
fn a_pipeline_file_or_a_model_that_may_not_be_read_is_named() {
    let world = some(1);
    chmod(&world.path("pipeline.toml"), 0o000);
    let [code, _, place, next] = backfill(&world).expect(2).error();
    assert_eq!(code, "pipeline_unreadable");
    assert!(place.contains("pipeline.toml") && !next.is_empty());
    chmod(&world.path("pipeline.toml"), 0o644);
    let home = Home::of("potion-base-8M");
    for file in [home.model_file("model.onnx"), home.model_file("tokenizer.json"), home.library()] {
        let bytes = fs::read(&file).unwrap();
        home.replace(&file, &bytes);
        chmod(&file, 0o000);
        let mut command = world.command(&["backfill", "pipeline.toml", "--format", "json"]);
        let failed = Run::of(&mut bound(command.env("ALLUVIUM_HOME", home.path()))).expect(1);
        let [_, message, place, next] = failed.error();
        let name = file.file_name().unwrap().to_str().unwrap();
        assert!(format!("{message}{place}").contains(name) && !next.is_empty(), "{failed}");
        chmod(&file, 0o644);
    }
    assert!(!world.index().join("ledger").exists(), "the index was touched");
    backfill(&world).expect(0);
}

#[test]
fn a_daemon_goes_on_when_it_may_read_again() {
    let world = World::with(Pipeline { more: QUICK, ..Pipeline::default() });
    world.write("a.md", "A in spring.\n");
    world.write("in/b.md", "B in spring.\n");
    let mut daemon = Daemon::of(&mut bound(&world.command(&["run", "pipeline.toml"])));
    daemon.await_text(&world, "B in spring");
    world.write("in/b.md", "The herons of autumn.\n");
    chmod(&world.doc("in"), 0o000);
    daemon.await_line("can't be listed");
    world.write("a.md", "The cranes of winter.\n");
    daemon.await_text(&world, "cranes");
    assert!(world.documents_for(STAFF).contains("docs/in/b.md"));
    chmod(&world.doc("in"), 0o755);
    daemon.await_text(&world, "herons");
    check_fresh(&world);
    assert_eq!(world.status()["documents"]["deleted"], 0);
    daemon.end();
}
