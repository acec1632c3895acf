//! Bad input and bad circumstances: each is a clear error or a quarantined document with a cause. Nothing
//! is lost, no row is half there, neighbours are indexed, and once the cause is gone the next run makes
//! it whole.

mod broken;
mod clock;
mod disk;
mod files;
mod following;
mod outputs;
mod permissions;
mod surroundings;

use std::ffi::OsStr;
use std::io::{BufRead, BufReader, Read};
use std::process::Command;
use std::sync::{Arc, Mutex};

use serde_json::Value;

use crate::harness::{Pipeline, Process, World, paragraph, poll};

const STAFF: &[&str] = &["group:staff"];

/// A daemon that does not wait long for anything.
const QUICK: &str = "[commit]\ninterval = \"100ms\"\n\n[run]\nsettle = \"100ms\"\ndrain_timeout = \"20s\"\n\
                     reconcile_interval = \"1s\"";

/// A world with a few documents, not yet indexed.
fn some(documents: u64) -> World {
    let world = World::new();
    write_some(&world, 0..documents);
    world
}

/// Writes documents with these numbers.
fn write_some(world: &World, numbers: std::ops::Range<u64>) {
    for i in numbers {
        world.write(&format!("d{i}.md"), format!("# Document {i}\n\n{}\n", paragraph(i)));
    }
}

/// The same command, run by another one.
fn through<A: AsRef<OsStr>>(wrapper: &[A], command: &Command) -> Command {
    let mut wrapped = Command::new(&wrapper[0]);
    wrapped.args(&wrapper[1..]).arg(command.get_program()).args(command.get_args());
    if let Some(folder) = command.get_current_dir() {
        wrapped.current_dir(folder);
    }
    for (name, value) in command.get_envs() {
        match value {
            Some(value) => wrapped.env(name, value),
            None => wrapped.env_remove(name),
        };
    }
    wrapped
}

/// The same command, started by a line of shell that ends in `"$@"`.
fn by_shell(line: &str, command: &Command) -> Command {
    through(&["sh", "-c", line, "sh"], command)
}

/// Every document in the index is what a fresh backfill makes of the tree.
#[track_caller]
fn check_whole(world: &World) {
    let again = world.backfilled(0);
    assert_eq!(again["published"], false, "{again}");
    crate::harness::check_fresh(world);
}

/// A daemon whose log is read as it comes.
struct Daemon {
    process: Process,
    log: Arc<Mutex<String>>,
}

impl Daemon {
    fn start(world: &World) -> Self {
        Self::of(&mut world.command(&["run", "pipeline.toml"]))
    }

    fn of(command: &mut Command) -> Self {
        let mut process = Process::start(command);
        let log = Arc::new(Mutex::new(String::new()));
        let (stderr, lines) = (process.child().stderr.take().unwrap(), Arc::clone(&log));
        std::thread::spawn(move || read_lines(stderr, &lines));
        Self { process, log }
    }

    fn log(&self) -> String {
        self.log.lock().unwrap().clone()
    }

    /// Waits until the log says this; a daemon that is over says nothing more.
    #[track_caller]
    fn await_line(&mut self, words: &str) {
        poll(&format!("{words:?} in the log"), || {
            let said = self.log().contains(words);
            assert!(said || !self.process.is_over(), "the daemon is over: {}", self.log());
            said.then_some(())
        });
    }

    /// Waits until a passage with these words is found.
    #[track_caller]
    fn await_text(&mut self, world: &World, words: &str) {
        poll(&format!("passage with {words:?}"), || {
            let found = world.search_run(words, STAFF);
            let found = found.code == Some(0) && has_text(&found.json(), words);
            assert!(found || !self.process.is_over(), "the daemon is over: {}", self.log());
            found.then_some(())
        });
    }

    /// Tells it to end, which it must do in order.
    #[track_caller]
    fn end(mut self) {
        assert!(!self.process.is_over(), "the daemon is over: {}", self.log());
        self.process.signal("TERM");
        let log = Arc::clone(&self.log);
        self.process.end().expect(0);
        let log = log.lock().unwrap();
        assert!(!log.contains("panicked"), "{log}");
    }
}

fn read_lines(stderr: impl Read, log: &Mutex<String>) {
    for line in BufReader::new(stderr).lines() {
        let line = line.unwrap() + "\n";
        log.lock().unwrap().push_str(&line);
    }
}

/// Whether some hit of a result has these words.
fn has_text(result: &Value, words: &str) -> bool {
    let mut hits = result["hits"].as_array().unwrap().iter();
    hits.any(|hit| hit["text"].as_str().unwrap().contains(words))
}

/// A world for a daemon.
fn quick() -> World {
    World::with(Pipeline { more: QUICK, ..Pipeline::default() })
}
