//! No room: a disk that is full, or files that may not grow.

use std::fs;
use std::io::{BufRead, BufReader, Write};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use serde_json::Value;

use crate::harness::{Pipeline, Run, World, check_same_rows, paragraph};

use super::{Daemon, QUICK, STAFF, by_shell, has_text, write_some};

/// Where the small disk is, and an index on it.
const DISK: &str = "disk";
const INDEX: &str = "disk/index";

/// A small disk. Its holder unmounts it when this process ends, in whatever way.
struct Disk {
    holder: Child,
    at: PathBuf,
}

impl Disk {
    /// `None` where this user may not mount.
    fn mount(at: &Path) -> Option<Self> {
        fs::create_dir_all(at).unwrap();
        let line =
            "mount -t tmpfs -o size=24m tmpfs \"$0\" && echo mounted && cat > /dev/null; umount -l \"$0\"";
        let mut holder = Command::new("setsid")
            .args(["sh", "-c", line])
            .arg(at)
            .current_dir("/")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let mut said = String::new();
        BufReader::new(holder.stdout.take().unwrap()).read_line(&mut said).unwrap();
        let disk = Self { holder, at: at.to_owned() };
        (said == "mounted\n").then_some(disk)
    }

    /// Leaves this much room, in bytes.
    fn fill(&self, leave: u64) {
        self.empty();
        let mut ballast = fs::File::create(self.at.join("ballast")).unwrap();
        while ballast.write(&[1; 1 << 16]).is_ok_and(|written| written > 0) {}
        let size = ballast.metadata().unwrap().len();
        ballast.set_len(size.saturating_sub(leave)).unwrap();
    }

    fn empty(&self) {
        let _ = fs::remove_file(self.at.join("ballast"));
    }
}

impl Drop for Disk {
    fn drop(&mut self) {
        drop(self.holder.stdin.take());
        let _ = self.holder.wait();
    }
}

/// What room is short of.
enum Short {
    Disk(Disk),
    /// The size of a file, as `ulimit -f` has it.
    File,
}

impl Short {
    /// A disk, or where this user may not mount one, the next best.
    fn disk(world: &World) -> Self {
        Disk::mount(&world.path(DISK)).map_or_else(
            || {
                eprintln!("no disk can be mounted here: files that may not grow stand in for it");
                Self::File
            },
            Self::Disk,
        )
    }

    /// The same command, with room for this many bytes more.
    fn tight(&self, leave: u64, command: &Command) -> Command {
        match self {
            Self::Disk(disk) => disk.fill(leave),
            Self::File => {
                // In blocks of 512 bytes. The signal would kill; without it, writing fails.
                let line = format!("trap '' XFSZ; ulimit -f {}; exec \"$@\"", leave / 512);
                return by_shell(&line, command);
            }
        }
        by_shell("exec \"$@\"", command)
    }

    fn relax(&self) {
        if let Self::Disk(disk) = self {
            disk.empty();
        }
    }
}

fn world() -> World {
    World::with(Pipeline { index: INDEX, ..Pipeline::default() })
}

fn backfill(world: &World) -> Command {
    world.command(&["backfill", "pipeline.toml", "--format", "json"])
}

#[track_caller]
fn check_refused(run: &Run) {
    let [code, message, _, next] = run.error();
    assert_eq!(code, "storage", "{run}");
    assert!(message.contains("No space left") || message.contains("File too large"), "{run}");
    assert!(!next.is_empty(), "{run}");
}

/// The index is what a fresh backfill of the same tree makes.
#[track_caller]
fn check_fresh(world: &World) {
    world.pipeline("fresh.toml", &Pipeline { index: "fresh", ..Pipeline::default() });
    world.run(&["backfill", "fresh.toml"]).expect(0);
    check_same_rows(&world.rows(INDEX), &world.rows("fresh"));
}

fn check_backfills(world: &World, short: &Short) {
    // From the first: there is no index yet.
    write_some(world, 0..20);
    check_refused(&Run::of(&mut short.tight(0, &backfill(world))).expect(1));
    short.relax();
    assert_eq!(world.backfilled(0)["documents"]["indexed"], 20);

    write_some(world, 20..80);
    world.write("d3.md", "The herons of autumn.\n");
    world.remove("d4.md");
    let mut refused = 0;
    for leave in [0, 4 << 10, 16 << 10, 48 << 10, 96 << 10] {
        let run = Run::of(&mut short.tight(leave, &backfill(world)));
        if run.code == Some(0) {
            continue;
        }
        check_refused(&run.expect(1));
        refused += 1;
        let served = world.status()["documents"]["indexed"].as_u64().unwrap();
        assert!((20..=79).contains(&served), "{served}: what was served is served still");
        assert!(!world.search("anything", STAFF).is_empty());
    }
    assert!(refused >= 2, "there was too much room for this test");
    short.relax();
    world.backfilled(0);
    assert!(has_text(&world.search_run("herons", STAFF).json(), "herons"));
    assert_eq!(world.status()["documents"]["indexed"], 79);
    let again: Value = world.backfilled(0);
    assert_eq!(again["published"], false, "{again}");
    check_live(world);
}

/// Deleted documents are known to the index only.
fn check_live(world: &World) {
    world.write("d4.md", format!("# Document 4\n\n{}\n", paragraph(4)));
    world.backfilled(0);
    check_fresh(world);
}

#[test]
fn a_backfill_onto_a_full_disk_fails_and_goes_on_when_there_is_room() {
    let world = world();
    let short = Short::disk(&world);
    check_backfills(&world, &short);
}

#[test]
fn a_backfill_whose_files_may_not_grow_fails_and_goes_on_when_they_may() {
    check_backfills(&world(), &Short::File);
}

#[test]
fn readers_need_no_room() {
    let world = world();
    let short = Short::disk(&world);
    write_some(&world, 0..5);
    world.backfilled(0);
    let search = ["search", "pipeline.toml", "anything", "--as", "group:staff", "--format", "json"];
    for args in [&search[..], &["status", "pipeline.toml"], &["quarantine", "list", "pipeline.toml"]] {
        Run::of(&mut short.tight(0, &world.command(args))).expect(0);
    }
    // Nothing to write: nothing that could fail.
    let run = Run::of(&mut short.tight(0, &backfill(&world)));
    assert!(run.code == Some(0) || run.error()[0] == "storage", "{run}");
}

/// Sets how large the files of a running process may grow.
fn limit(daemon: &mut Daemon, bytes: &str) {
    let pid = daemon.process.child().id().to_string();
    let fsize = format!("--fsize={bytes}:unlimited");
    Run::of(Command::new("prlimit").args(["--pid", &pid, &fsize])).expect(0);
}

fn check_daemon(world: &World, mut tighten: impl FnMut(&mut Daemon), relax: impl FnOnce(&mut Daemon)) {
    write_some(world, 0..5);
    let command = world.command(&["run", "pipeline.toml"]);
    let mut daemon = Daemon::of(&mut by_shell("trap '' XFSZ; exec \"$@\"", &command));
    daemon.await_text(world, "Document 4");
    tighten(&mut daemon);
    write_some(world, 5..40);
    world.write("e.md", "The herons of autumn.\n");
    daemon.await_line("a round failed");
    tighten(&mut daemon);
    assert!(!world.search("anything", STAFF).is_empty());
    relax(&mut daemon);
    daemon.await_text(world, "herons");
    world.write("f.md", "The cranes of winter.\n");
    daemon.await_text(world, "cranes");
    let log = daemon.log();
    assert!(log.contains("No space left") || log.contains("File too large"), "{log}");
    check_fresh(world);
    daemon.end();
    assert_eq!(world.backfilled(0)["published"], false);
}

#[test]
fn a_daemon_on_a_full_disk_goes_on_when_there_is_room() {
    let world = World::with(Pipeline { index: INDEX, more: QUICK, ..Pipeline::default() });
    match Short::disk(&world) {
        Short::Disk(disk) => check_daemon(&world, |_| disk.fill(0), |_| disk.empty()),
        Short::File => check_daemon(&world, |daemon| limit(daemon, "0"), |daemon| limit(daemon, "unlimited")),
    }
}

#[test]
fn the_small_disk_of_these_tests_is_gone_after_them() {
    let world = world();
    let device = |path: PathBuf| fs::metadata(path).unwrap().dev();
    let outside = device(world.path("docs"));
    if let Some(disk) = Disk::mount(&world.path(DISK)) {
        assert_ne!(device(world.path(DISK)), outside);
        drop(disk);
    }
    assert_eq!(device(world.path(DISK)), outside);
}
