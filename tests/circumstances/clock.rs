//! Clocks that are wrong: the machine's, and those of files.

use std::fs::{self, File};
use std::path::PathBuf;
use std::process::Command;
use std::time::{Duration, SystemTime};

use serde_json::Value;

use crate::harness::{Pipeline, Run, World, check_schema, poll};

use super::{Daemon, QUICK, STAFF, check_whole, some, write_some};

const DAY: i64 = 24 * 3600;

/// Shifts the time of day of a process by as many seconds as a file says, whose name is in `CLOCK`.
const SHIM: &str = r#"
#define _GNU_SOURCE
#include <dlfcn.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/time.h>
#include <time.h>

static volatile long *shift;

__attribute__((constructor)) static void start(void) {
    const char *name = getenv("CLOCK");
    int file = name ? open(name, O_RDONLY | O_CLOEXEC) : -1;
    void *map = file < 0 ? MAP_FAILED : mmap(0, sizeof(long), PROT_READ, MAP_SHARED, file, 0);
    shift = map == MAP_FAILED ? 0 : map;
}

int clock_gettime(clockid_t id, struct timespec *t) {
    static int (*real)(clockid_t, struct timespec *);
    if (!real) real = (int (*)(clockid_t, struct timespec *))dlsym(RTLD_NEXT, "clock_gettime");
    int result = real(id, t);
    if (!result && shift && (id == CLOCK_REALTIME || id == CLOCK_REALTIME_COARSE)) t->tv_sec += *shift;
    return result;
}

int gettimeofday(struct timeval *t, void *zone) {
    struct timespec now;
    (void)zone;
    if (clock_gettime(CLOCK_REALTIME, &now)) return -1;
    t->tv_sec = now.tv_sec;
    t->tv_usec = now.tv_nsec / 1000;
    return 0;
}

time_t time(time_t *t) {
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    if (t) *t = now.tv_sec;
    return now.tv_sec;
}
"#;

/// The clock of the processes of a world.
struct Clock<'w> {
    world: &'w World,
    library: PathBuf,
    shift: PathBuf,
}

impl<'w> Clock<'w> {
    fn of(world: &'w World) -> Self {
        let [source, library, shift] = ["clock.c", "clock.so", "clock"].map(|name| world.path(name));
        fs::write(&source, SHIM).unwrap();
        let mut cc = Command::new("cc");
        Run::of(cc.args(["-O1", "-shared", "-fPIC", "-o"]).arg(&library).arg(&source).arg("-ldl")).expect(0);
        let clock = Self { world, library, shift };
        clock.set(0);
        clock
    }

    /// Sets it so many seconds from the real one, for running processes, too.
    fn set(&self, seconds: i64) {
        use std::os::unix::fs::FileExt;
        let file = File::options().create(true).truncate(false).write(true).open(&self.shift).unwrap();
        file.write_all_at(&seconds.to_ne_bytes(), 0).unwrap();
    }

    fn command(&self, args: &[&str]) -> Command {
        let mut command = self.world.command(args);
        command.env("LD_PRELOAD", &self.library).env("CLOCK", &self.shift);
        command
    }

    #[track_caller]
    fn run(&self, args: &[&str]) -> Value {
        Run::of(&mut self.command(&[args, &["--format", "json"]].concat())).expect(0).json()
    }

    /// The year that it shows, as `date` sees it.
    fn year(&self) -> String {
        let mut date = Command::new("date");
        date.args(["-u", "+%Y"]).env("LD_PRELOAD", &self.library).env("CLOCK", &self.shift);
        Run::of(&mut date).expect(0).stdout.trim().to_owned()
    }

    #[track_caller]
    fn backfill(&self) -> Value {
        self.run(&["backfill", "pipeline.toml"])
    }

    #[track_caller]
    fn status(&self) -> Value {
        let status = self.run(&["status", "pipeline.toml"]);
        check_schema("status.schema.json", &status);
        let freshness = &status["sources"][0]["freshness_seconds"];
        assert!(freshness.as_f64().is_none_or(|seconds| seconds >= 0.0), "{status}");
        status
    }
}

/// When the best passage with these words was indexed.
fn indexed_at(world: &World, words: &str) -> String {
    let hits = world.search_run(words, STAFF).expect(0).json();
    let mut hits = hits["hits"].as_array().unwrap().iter();
    let hit = hits.find(|hit| hit["text"].as_str().unwrap().contains(words)).unwrap();
    hit["indexed_at"].as_str().unwrap().to_owned()
}

#[track_caller]
fn check_found(world: &World, words: &str) {
    let hits = world.search(words, STAFF);
    assert!(hits.iter().any(|hit| hit.text.contains(words)), "{words}: {hits:?}");
}

#[test]
fn a_clock_that_is_set_back_or_ahead_loses_nothing() {
    let world = some(4);
    let clock = Clock::of(&world);
    clock.backfill();
    // Back, further back, ahead, and right again.
    let stations = [(-DAY, "herons"), (-9000 * DAY, "cranes"), (400 * DAY, "geese"), (0, "swans")];
    for (shift, words) in stations {
        clock.set(shift);
        clock.status();
        assert_eq!(clock.backfill()["published"], false, "{shift}: nothing has changed");
        world.write("d1.md", format!("The {words} of autumn.\n"));
        world.write(&format!("{words}.md"), format!("More {words}.\n"));
        let run = clock.backfill();
        assert_eq!(run["documents"]["indexed"], 2, "{shift}: {run}");
        check_found(&world, words);
        let year = indexed_at(&world, words).get(..4).unwrap().to_owned();
        assert_eq!(year, clock.year(), "{shift}: the clock of this test is not at work");
    }
    clock.set(-DAY);
    world.remove("d2.md");
    assert_eq!(clock.backfill()["documents"]["deleted"], 1);
    clock.set(0);
    check_whole(&world);
}

#[test]
fn a_clock_that_was_ahead_does_not_make_an_index_look_fresh_for_ever() {
    let world = some(2);
    let clock = Clock::of(&world);
    clock.set(400 * DAY);
    clock.backfill();
    clock.set(0);
    world.write("d1.md", "The herons of autumn.\n");
    clock.backfill();
    let year = clock.year();
    // A day on, nothing was read since.
    clock.set(DAY);
    let source = &clock.status()["sources"][0];
    assert!(source["watermark"].as_str().unwrap().starts_with(&year), "{source}");
    assert!(source["freshness_seconds"].as_f64().unwrap() > 3600.0, "{source}");
}

#[test]
fn releases_and_rollbacks_go_by_sequence_whatever_the_clock_says() {
    let world = some(3);
    let clock = Clock::of(&world);
    clock.backfill();
    clock.set(-30 * DAY);
    clock.run(&["releases", "create", "pipeline.toml", "spring"]);
    world.write("d1.md", "The herons of autumn.\n");
    clock.backfill();
    clock.set(-60 * DAY);
    clock.run(&["rollback", "pipeline.toml", "--to", "spring"]);
    assert!(!world.search("herons", STAFF).iter().any(|hit| hit.text.contains("herons")));
    assert_eq!(world.documents_for(STAFF).len(), 3);
    clock.run(&["resume", "pipeline.toml"]);
    clock.backfill();
    check_found(&world, "herons");
    clock.set(0);
    check_whole(&world);
}

#[test]
fn a_daemon_follows_on_when_its_clock_is_set() {
    let world = World::with(Pipeline { more: QUICK, ..Pipeline::default() });
    write_some(&world, 0..3);
    let clock = Clock::of(&world);
    let mut daemon = Daemon::of(&mut clock.command(&["run", "pipeline.toml"]));
    daemon.await_text(&world, "Document 2");
    for (shift, words) in [(-DAY, "herons"), (-900 * DAY, "cranes"), (DAY, "geese"), (0, "swans")] {
        clock.set(shift);
        world.write("d1.md", format!("The {words} of autumn.\n"));
        daemon.await_text(&world, words);
    }
    world.remove("d2.md");
    poll("deletion", || (world.status()["documents"]["deleted"] == 1).then_some(()));
    daemon.end();
    check_whole(&world);
}

fn set_modified(world: &World, name: &str, time: SystemTime) {
    File::options().write(true).open(world.doc(name)).unwrap().set_modified(time).unwrap();
}

#[test]
fn files_of_any_time_are_indexed_and_followed() {
    let world = some(4);
    let epoch = SystemTime::UNIX_EPOCH;
    let year = |years: u64| Duration::from_secs(years * 365 * 24 * 3600);
    let times = [epoch, epoch - year(60), epoch + year(230), epoch + year(430)];
    for (i, time) in times.into_iter().enumerate() {
        set_modified(&world, &format!("d{i}.md"), time);
    }
    let first = world.backfilled(0);
    assert_eq!(first["documents"]["indexed"], 4, "{first}");
    let hits = world.search_run("Document", STAFF).expect(0).json();
    let of = |id: &str| {
        let hit = hits["hits"].as_array().unwrap().iter().find(|hit| hit["doc_id"] == id);
        hit.unwrap()["modified_at"].as_str().unwrap_or_default().to_owned()
    };
    let years = ["1970", "1910", "2199", "2399"];
    for (i, year) in years.into_iter().enumerate() {
        let modified_at = of(&format!("docs/d{i}.md"));
        assert!(modified_at.starts_with(year), "{modified_at} is not of {year}");
    }
    assert_eq!(world.backfilled(0)["published"], false);
    // As a restored copy: as long as before, and older.
    for i in 0..4 {
        let name = format!("d{i}.md");
        let text = fs::read_to_string(world.doc(&name)).unwrap().replace("Document", "Dokument");
        world.write(&name, text);
        set_modified(&world, &name, epoch - year(1));
    }
    assert_eq!(world.backfilled(0)["documents"]["indexed"], 4);
    check_whole(&world);
}
