//! Where results and logs go: nowhere, to somebody who went away, to a disk that is full.

use std::io::{BufRead, BufReader};
use std::process::Command;

use crate::harness::{Process, Run, World, paragraph};

use super::{Daemon, STAFF, by_shell, check_whole, quick, some};

const SEARCH: &[&str] = &["search", "pipeline.toml", "anything", "--as", "group:staff", "--limit", "1000"];

/// A world whose results do not fit into a pipe.
fn wordy() -> World {
    let world = World::new();
    let text: String = (0..400).map(|i| paragraph(i) + "\n\n").collect();
    world.write("a.md", text);
    world.backfilled(0);
    world
}

#[test]
fn a_reader_that_takes_one_line_and_goes_is_no_failure() {
    let world = wordy();
    let json = [SEARCH, &["--format", "json"]].concat();
    for args in [SEARCH, &json, &["schema", "config"], &["completions", "bash"]] {
        let mut process = Process::start(&mut world.command(args));
        let mut stdout = BufReader::with_capacity(16, process.child().stdout.take().unwrap());
        let mut first = Vec::new();
        stdout.read_until(b' ', &mut first).unwrap();
        assert!(!first.is_empty());
        drop(stdout);
        let run = process.end().expect(0);
        assert_eq!(run.stderr, "", "{run}");
    }
    let mut head = by_shell("{ \"$@\"; echo code $? >&2; } | head -n 1", &world.command(SEARCH));
    let run = Run::of(&mut head).expect(0);
    assert_eq!((run.stdout.lines().count(), run.stderr.as_str()), (1, "code 0\n"), "{run}");
}

#[test]
fn results_that_can_not_be_written_are_a_failure_that_says_so() {
    let world = some(3);
    let to_full = |args: &[&str]| by_shell("exec \"$@\" > /dev/full", &world.command(args));
    let check = |args: &[&str]| {
        let run = Run::of(&mut to_full(args)).expect(1);
        run.says(&["No space left"]);
        let run = Run::of(&mut to_full(&[args, &["--format", "json"]].concat())).expect(1);
        let [code, message, ..] = run.error();
        assert!(code == "stdout" && message.contains("No space left"), "{run}");
    };
    // What was done is done, though nobody was told.
    check(&["backfill", "pipeline.toml"]);
    check_whole(&world);
    let list = ["quarantine", "list", "pipeline.toml"];
    let models = ["models", "list"];
    for args in [SEARCH, &["status", "pipeline.toml"], &["validate", "pipeline.toml"], &list, &models] {
        check(args);
    }
    for args in [&["schema", "config"][..], &["completions", "bash"], &["--help"], &["--version"]] {
        let run = Run::of(&mut to_full(args));
        assert_ne!(run.code, Some(0), "a file of it would be empty: {run}");
    }
}

/// Runs whose stderr takes nothing, by way of the shell.
const NO_STDERR: [&str; 3] = [
    "exec \"$@\" 2> /dev/full",
    "exec \"$@\" 2>&-",
    // A pipe that nobody reads.
    "exec 3>&1; { \"$@\" 2>&1 >&3 3>&-; echo $? > code; } | true; exit $(cat code)",
];

#[test]
fn logs_that_can_not_be_written_stop_nothing() {
    let world = some(3);
    world.backfilled(0);
    for (number, line) in NO_STDERR.into_iter().enumerate() {
        world.write("d1.md", format!("Number {number} of autumn.\n"));
        let mut command = world.command(&["backfill", "pipeline.toml", "--format", "json"]);
        let run = Run::of(&mut by_shell(line, command.env("ALLUVIUM_LOG", "debug")));
        assert_eq!(run.code, Some(0), "{line}: {run}");
        assert_eq!(run.json()["documents"]["indexed"], 1, "{line}: {run}");
        // An error that nobody hears of is still one.
        let run = Run::of(&mut by_shell(line, &world.command(&["backfill", "nowhere.toml"])));
        assert_eq!(run.code, Some(2), "{line}: {run}");
        let run = Run::of(&mut by_shell(line, &world.command(&["nonsense"])));
        assert_eq!(run.code, Some(2), "{line}: {run}");
    }
    check_whole(&world);
}

fn start_without_log(world: &World) -> Process {
    let mut process = Process::start(&mut world.command(&["run", "pipeline.toml"]));
    drop(process.child().stderr.take());
    process
}

#[test]
fn a_daemon_whose_log_nobody_reads_any_more_goes_on() {
    let world = quick();
    world.write("a.md", "A in spring.\n");
    let log = Default::default();
    let mut daemon = Daemon { process: start_without_log(&world), log };
    daemon.await_text(&world, "A in spring");
    // Something to say: a link to nowhere, and a rollback.
    std::os::unix::fs::symlink("nowhere", world.doc("link.md")).unwrap();
    world.run(&["releases", "create", "pipeline.toml", "spring"]).expect(0);
    world.write("a.md", "The herons of autumn.\n");
    daemon.await_text(&world, "herons");
    world.run(&["rollback", "pipeline.toml", "--to", "spring"]).expect(0);
    world.write("a.md", "The cranes of winter.\n");
    world.run(&["resume", "pipeline.toml"]).expect(0);
    daemon.await_text(&world, "cranes");
    daemon.end();
}

#[test]
fn closed_channels_are_not_mistaken_for_files() {
    let world = some(3);
    let lines = ["exec \"$@\" <&-", "exec \"$@\" >&-", "exec \"$@\" <&- >&- 2>&-"];
    for (number, line) in lines.into_iter().enumerate() {
        world.write("d1.md", format!("Number {number} of autumn.\n"));
        let mut command = world.command(&["backfill", "pipeline.toml"]);
        let run = Run::of(&mut by_shell(line, command.env("ALLUVIUM_LOG", "debug")));
        assert_eq!(run.code, Some(0), "{line}: {run}");
        let words = format!("Number {number} of autumn");
        assert!(world.search(&words, STAFF).iter().any(|hit| hit.text.contains(&words)), "{line}");
    }
    check_whole(&world);
}

#[test]
fn no_terminal_is_needed() {
    let world = some(2);
    for term in [None, Some("dumb"), Some("nonsense"), Some("")] {
        let args = ["backfill", "pipeline.toml", "--format", "json"];
        let mut command: Command = super::through(&["setsid", "--wait"], &world.command(&args));
        match term {
            None => command.env_remove("TERM"),
            Some(term) => command.env("TERM", term),
        };
        let run = Run::of(&mut command).expect(0);
        assert_eq!(run.stderr, "", "no bar and no colour where nobody looks: {run}");
    }
}
