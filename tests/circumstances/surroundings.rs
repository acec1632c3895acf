//! Names and locales: nothing but bytes are promised.

use std::ffi::OsStr;
use std::fs;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

use crate::harness::{Home, Pipeline, Run, World, home, ids};

use super::{STAFF, by_shell, check_whole, some};

/// Locales without UTF-8, and none.
const LOCALES: [(&str, &str); 4] =
    [("LC_ALL", "C"), ("LC_ALL", "POSIX"), ("LC_ALL", "xx_YY.nonsense"), ("LANG", "")];

#[test]
fn any_locale_will_do() {
    let world = World::new();
    let names = ["Grüße/日本語 für alle.md", "naïve.txt", "🦆.html"];
    let texts =
        ["# Grüße\n\nDie Reiher von Žďár.\n", "Die Möwen.\n", "<title>Ente</title><p>Die Enten 🦆.</p>"];
    for (name, text) in names.into_iter().zip(texts) {
        world.write(name, text);
    }
    for (name, value) in LOCALES {
        let run = |args: &[&str]| {
            let mut command = world.command(args);
            for name in ["LC_ALL", "LC_CTYPE", "LANG"] {
                command.env_remove(name);
            }
            Run::of(command.env(name, value)).expect(0)
        };
        run(&["backfill", "pipeline.toml", "--reprocess", "all"]);
        let json = run(&[
            "search",
            "pipeline.toml",
            "Die Reiher von Žďár",
            "--as",
            "group:staff",
            "--format",
            "json",
        ]);
        let found = json.json();
        let hit = &found["hits"][0];
        assert_eq!(hit["doc_id"], format!("docs/{}", names[0]), "{value}: {json}");
        assert!(hit["text"].as_str().unwrap().contains("Žďár"), "{value}: {json}");
        let text = run(&["search", "pipeline.toml", "Möwen und Enten", "--as", "group:staff"]);
        assert!(names.iter().all(|name| text.stdout.contains(name)), "{value}: {text}");
    }
    assert_eq!(world.documents_for(STAFF), ids(&names));
}

fn write_raw(world: &World, name: &[u8], text: &str) {
    let path = world.doc(OsStr::from_bytes(name));
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(path, text).unwrap();
}

#[test]
fn a_name_that_can_not_be_an_id_is_refused_and_named() {
    let world = some(2);
    let bad: [(&[u8], &str); 4] = [
        (b"caf\xe9.md", "./caf%E9.md"),
        (b"two\nlines.md", "./two%0Alines.md"),
        (b"d\xff/a.md", "./d%FF/a.md"),
        (b"esc\x1b[31m.md", "./esc%1B[31m.md"),
    ];
    for (name, _) in bad {
        write_raw(&world, name, "Nobody can name this.\n");
    }
    let first = world.backfilled(3);
    assert_eq!(first["documents"]["quarantined"], bad.len(), "{first}");
    let expected = bad.map(|(_, id)| (format!("docs/{id}"), "bad_id".to_owned()));
    assert_eq!(world.quarantine(), expected.into());
    assert_eq!(world.documents_for(STAFF), ids(&["d0.md", "d1.md"]));
    let list = world.run(&["quarantine", "list", "pipeline.toml"]).expect(0);
    assert!(!list.stdout.contains('\x1b'), "names do not reach the terminal raw: {list}");
    assert_eq!(world.backfilled(0)["published"], false);

    for ((name, _), number) in bad.into_iter().zip(0..) {
        fs::rename(world.doc(OsStr::from_bytes(name)), world.doc(format!("good-{number}.md"))).unwrap();
    }
    world.backfilled(0);
    assert_eq!(world.quarantine(), [].into());
    assert_eq!(world.documents_for(STAFF).len(), 6);
    check_whole(&world);
}

#[test]
fn an_argument_that_is_not_utf8_is_a_usage_error() {
    let world = some(1);
    world.backfilled(0);
    let bad = OsStr::from_bytes(b"\xff\xfe");
    let [search, pipeline, staff, json] =
        ["search", "pipeline.toml", "group:staff", "--format=json"].map(OsStr::new);
    let lines: [&[&OsStr]; 4] = [
        &[search, pipeline, bad, OsStr::new("--as"), staff, json],
        &[search, pipeline, OsStr::new("x"), OsStr::new("--as"), bad, json],
        &[bad, json],
        &[OsStr::new("explain"), pipeline, bad, json],
    ];
    for line in lines {
        let run = world.run(line).expect(2);
        assert_eq!(run.error()[0], "usage", "{run}");
        world.run(&line[..line.len() - 1]).expect(2);
    }
    // A pipeline file may have any name.
    let [code, ..] = world.run(&[OsStr::new("status"), bad, json]).expect(2).error();
    assert_eq!(code, "pipeline_unreadable");
    fs::copy(world.path("pipeline.toml"), world.path(bad)).unwrap();
    world.run(&[OsStr::new("status"), bad]).expect(0);
}

/// Folders whose names are a trial for whoever makes URLs of paths.
const FOLDERS: [&[u8]; 5] =
    [b"with space", b"100%25#1?x=y", "Grüße 日本".as_bytes(), b"brackets[1]{2}*", b"quote'\"\\back"];

#[test]
fn a_folder_of_any_name_will_do() {
    for name in FOLDERS {
        let world = some(3);
        let folder = world.path(OsStr::from_bytes(name));
        fs::create_dir(&folder).unwrap();
        for item in ["docs", "pipeline.toml"] {
            fs::rename(world.path(item), folder.join(item)).unwrap();
        }
        check_folder(&world, &folder);
    }
}

/// A pipeline, its documents and its index in a folder.
#[track_caller]
fn check_folder(world: &World, folder: &Path) {
    let run = |args: &[&str]| Run::of(world.command(args).current_dir(folder)).expect(0);
    run(&["backfill", "pipeline.toml"]);
    let again = run(&["backfill", "pipeline.toml", "--format", "json"]).json();
    assert_eq!(again["published"], false, "{again}");
    let search = ["search", "pipeline.toml", "Document 1", "--as", "group:staff", "--format", "json"];
    let hits = run(&search).json();
    assert_eq!(hits["hits"].as_array().unwrap().len(), 3, "{folder:?}: {hits}");
    assert!(folder.join("index/ledger").is_dir(), "{folder:?}: the index is elsewhere");
    fs::write(folder.join("docs/d1.md"), "The herons of autumn.\n").unwrap();
    run(&["backfill", "pipeline.toml"]);
    assert!(super::has_text(&run(&search).json(), "herons"), "{folder:?}");
}

#[test]
fn a_folder_whose_name_is_not_utf8_works_or_is_refused_by_name() {
    let world = some(3);
    let folder = world.path(OsStr::from_bytes(b"caf\xe9"));
    fs::create_dir(&folder).unwrap();
    for item in ["docs", "pipeline.toml"] {
        fs::rename(world.path(item), folder.join(item)).unwrap();
    }
    let args = ["backfill", "pipeline.toml", "--format", "json"];
    let run = Run::of(world.command(&args).current_dir(&folder));
    if run.code == Some(0) {
        return check_folder(&world, &folder);
    }
    let [_, message, place, next] = run.error();
    assert!(format!("{message}{place}").contains("UTF-8") && !next.is_empty(), "{run}");
    assert_eq!(fs::read_dir(&folder).unwrap().count(), 2, "nothing was made");
}

#[test]
fn an_environment_of_nothing_will_do() {
    let world = some(3);
    let mut command = world.command(&["backfill", "pipeline.toml", "--format", "json"]);
    let run = Run::of(command.env_clear().env("ALLUVIUM_HOME", home())).expect(0);
    assert_eq!(run.json()["documents"]["indexed"], 3, "{run}");
    // No home, no temporary folder, no search path; and a name that is not UTF-8.
    world.write("d1.md", "The herons of autumn.\n");
    let mut command = world.command(&["backfill", "pipeline.toml"]);
    for name in HOMES {
        command.env(name, "/dev/null/nowhere");
    }
    Run::of(command.env("PATH", "").env("ODD", OsStr::from_bytes(b"\xff"))).expect(0);
    check_whole(&world);
}

/// Where programs leave what nobody asked for.
const HOMES: [&str; 6] =
    ["HOME", "TMPDIR", "XDG_DATA_HOME", "XDG_CACHE_HOME", "XDG_CONFIG_HOME", "XDG_STATE_HOME"];

#[test]
fn nothing_is_left_in_the_home_of_the_user() {
    let world = some(3);
    let home = world.path("home");
    fs::create_dir(&home).unwrap();
    let search = ["search", "pipeline.toml", "anything", "--as", "group:staff"];
    for args in [&["backfill", "pipeline.toml"][..], &search, &["status", "pipeline.toml"]] {
        let mut command = world.command(args);
        command.envs(HOMES.map(|name| (name, &home)));
        Run::of(&mut command).expect(0);
    }
    let left = crate::harness::files(&home);
    assert!(left.is_empty(), "{left:?}");
}

#[test]
fn a_home_whose_name_is_not_utf8_works_or_is_refused_by_name() {
    let world = some(1);
    let odd = world.path(OsStr::from_bytes(b"h\xf6me"));
    std::os::unix::fs::symlink(Home::of("potion-base-8M").path(), world.path("gone")).unwrap();
    std::os::unix::fs::symlink(home().canonicalize().unwrap(), &odd).unwrap();
    for place in [odd.as_os_str(), world.path("gone").as_os_str()] {
        let mut command = world.command(&["backfill", "pipeline.toml", "--format", "json"]);
        let run = Run::of(command.env("ALLUVIUM_HOME", place));
        if run.code != Some(0) {
            let [_, message, _, next] = run.expect(1).error();
            assert!(!message.is_empty() && !next.is_empty(), "{message}");
        }
    }
}

#[test]
fn few_open_files_are_an_error_or_enough() {
    let world = some(40);
    let backfill = || world.command(&["backfill", "pipeline.toml", "--format", "json"]);
    for most in [12, 16, 24, 32, 48, 64, 256] {
        let run = Run::of(&mut by_shell(&format!("ulimit -n {most}; exec \"$@\""), &backfill()));
        if run.code != Some(0) {
            let [code, message, _, next] = run.error();
            assert!(!code.is_empty() && !message.is_empty() && !next.is_empty(), "{most}: {run}");
        }
    }
    world.backfilled(0);
    assert_eq!(world.quarantine(), [].into());
    assert_eq!(world.documents_for(STAFF).len(), 40);
    check_whole(&world);
}

#[test]
fn a_root_or_an_index_that_is_a_file_is_an_error_that_names_it() {
    let world = World::with(Pipeline { index: "flat", ..Pipeline::default() });
    world.write("a.md", "A.\n");
    fs::write(world.path("flat"), "not a folder").unwrap();
    let [code, message, place, next] = world.backfill().expect(1).error();
    assert_eq!(code, "storage", "{message}");
    assert!(format!("{message}{place}").contains("flat") && !next.is_empty(), "{message}");
    assert_eq!(fs::read_to_string(world.path("flat")).unwrap(), "not a folder");
    fs::remove_file(world.path("flat")).unwrap();
    fs::rename(world.path("docs"), world.path("away")).unwrap();
    fs::write(world.path("docs"), "not a folder").unwrap();
    let [code, message, ..] = world.backfill().expect(1).error();
    assert!(code == "source_broken" && message.contains("docs"), "{message}");
    fs::remove_file(world.path("docs")).unwrap();
    fs::rename(world.path("away"), world.path("docs")).unwrap();
    assert_eq!(world.backfilled(0)["documents"]["indexed"], 1);
}
