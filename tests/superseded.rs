//! A real process that is stopped in its tracks while somebody else takes over, and then goes on: it
//! publishes nothing, damages nothing, and says who took over and since when. A daemon goes on from there.

use std::fs;
use std::time::{Duration, Instant};

use crate::harness::{
    Pipeline, Process, Random, Run, World, check_same_rows, head, in_a_commit, paragraph, poll, records,
};

/// One commit a document, so that there is always one under way.
const SMALL_BATCHES: &str = "[commit]\nmax_documents = 1\ninterval = \"100ms\"\n\n\
                             [run]\nsettle = \"50ms\"\ndrain_timeout = \"20s\"\n";

fn world() -> World {
    let world = World::with(Pipeline { index: "undisturbed", more: SMALL_BATCHES, ..Pipeline::default() });
    for i in 0..12 {
        world.write(&format!("d{i}.md"), format!("# Document {i}\n\n{}\n", paragraph(i)));
    }
    world
}

/// A backfill or a daemon that stands still.
struct Stopped<'w> {
    world: &'w World,
    process: Process,
    index: &'static str,
}

impl<'w> Stopped<'w> {
    /// Stops a backfill after so many records and some time more, or in the middle of a commit.
    fn new(world: &'w World, index: &'static str, after: usize, delay: Option<Duration>) -> Self {
        Self::of("backfill", world, index, after, delay)
    }

    /// The same with another command.
    fn of(
        command: &str,
        world: &'w World,
        index: &'static str,
        after: usize,
        delay: Option<Duration>,
    ) -> Self {
        let pipeline = Pipeline { index, more: SMALL_BATCHES, ..Pipeline::default() };
        world.pipeline("pipeline.toml", &pipeline);
        let process = Process::start(&mut world.command(&[command, "pipeline.toml", "--format", "json"]));
        let mut stopped = Self { world, process, index };
        let folder = world.path(index);
        stopped.poll("records before the stop", |_| records(&folder).len() >= after);
        let start = Instant::now();
        match delay {
            Some(delay) => stopped.poll("moment of the stop", |_| start.elapsed() >= delay),
            None => stopped.poll("stop within a commit", |stopped| {
                stopped.process.signal("STOP");
                let within = in_a_commit(&folder);
                if !within {
                    stopped.process.signal("CONT");
                }
                within
            }),
        }
        if delay.is_some() {
            stopped.process.signal("STOP");
        }
        assert!(!stopped.process.is_over(), "it was stopped too late for this test");
        stopped
    }

    fn poll(&mut self, what: &str, mut reached: impl FnMut(&mut Self) -> bool) {
        poll(what, || {
            assert!(!self.process.is_over(), "it was over before the {what}");
            reached(self).then_some(())
        });
    }

    fn pid(&mut self) -> String {
        self.process.child().id().to_string()
    }

    /// What any command says of the index.
    fn run(&self, args: &[&str]) -> Run {
        self.world.run(&[args, &["--format", "json"]].concat())
    }

    /// Whoever comes on another machine sees no locks of this one.
    fn loses_its_locks(&self) {
        for lock in ["writer.lock", "turn.lock"] {
            fs::remove_file(self.world.path(self.index).join(lock)).unwrap();
        }
    }

    /// Lets it go on: it must end at once, fenced, and leave everything as it is.
    fn goes_on_to_be_fenced_by(mut self, what: &str) {
        let folder = self.world.path(self.index);
        let (live, rows) = (head(&folder).unwrap(), self.world.rows(self.index));
        self.process.signal("CONT");
        let run = self.process.end().expect(4);
        let [code, message, _, next] = run.error();
        assert_eq!(code, "fenced", "{what}: {run}");
        let by = live["writer"]["pid"].to_string();
        assert!(message.contains(&format!("process {by} on ")), "{what}: {message}");
        assert!(message.contains(" since 20"), "{what}: {message}");
        assert!(!next.is_empty(), "{run}");
        assert_eq!(head(&folder).unwrap(), live, "{what}: something was published");
        check_same_rows(&self.world.rows(self.index), &rows);
    }
}

#[test]
fn a_stopped_backfill_that_lost_its_lock_publishes_nothing() {
    let world = world();
    world.backfilled(0);
    let expected = world.rows("undisturbed");
    let seed = Random::fresh_seed();
    eprintln!("seed {seed}");
    let mut random = Random::of(seed);
    // Well below what the twelve commits take.
    let mut delay = || Some(Duration::from_millis(random.below(60)));
    // In the claim, and in commits.
    let moments = [("l0", 1, delay()), ("l1", 4, delay()), ("l2", 5, None)];
    for (index, after, delay) in moments {
        let mut stopped = Stopped::new(&world, index, after, delay);
        // As long as the lock is there, nobody takes over.
        for command in ["backfill", "run"] {
            let held = stopped.run(&[command, "pipeline.toml"]).expect(4);
            let [code, message, ..] = held.error();
            assert_eq!(code, "index_held", "{held}");
            let holder = format!("process {} on ", stopped.pid());
            assert!(message.contains(&holder) && message.contains(" since 20"), "{message}");
        }
        stopped.loses_its_locks();
        stopped.run(&["backfill", "pipeline.toml"]).expect(0);
        check_same_rows(&world.rows(index), &expected);
        stopped.goes_on_to_be_fenced_by(index);
        check_same_rows(&world.rows(index), &expected);
        let again = world.run(&["backfill", "pipeline.toml", "--format", "json"]).expect(0).json();
        assert_eq!(again["published"], false, "{again}");
    }
}

#[test]
fn a_stopped_backfill_is_fenced_by_a_person() {
    let world = world();
    for (index, args) in [
        ("p0", &["erase", "pipeline.toml", "--doc"][..]),
        ("p1", &["rollback", "pipeline.toml", "--to", "seq:3"]),
    ] {
        let stopped = Stopped::new(&world, index, 5, None);
        let hits = stopped.run(&["search", "pipeline.toml", "water", "--as", "group:staff"]).expect(0).json();
        let document = hits["hits"][0]["doc_id"].as_str().unwrap().to_owned();
        let erased = args[0] == "erase";
        let args = if erased { [args, &[document.as_str()]].concat() } else { args.to_vec() };
        stopped.run(&args).expect(0);
        stopped.goes_on_to_be_fenced_by(args[0]);
        if !erased {
            world.run(&["resume", "pipeline.toml"]).expect(0);
        }
        world.run(&["backfill", "pipeline.toml"]).expect(0);
        let served = world.documents_for(&["group:staff"]);
        assert_eq!(served.len(), if erased { 11 } else { 12 });
        assert_eq!(served.contains(&document), !erased);
    }
}

/// A daemon looks for itself whether somebody else has published, and goes on from there: as a writer of
/// its own epoch, over what it finds.
#[test]
fn a_stopped_daemon_publishes_nothing_of_before_and_follows_again() {
    let world = world();
    world.write("news.md", "The herons are back.\n");
    world.backfilled(0);
    let expected = world.rows("undisturbed");
    let (news, aside) = (world.doc("news.md"), world.path("aside.md"));
    let seed = Random::fresh_seed();
    eprintln!("seed {seed}");
    let delay = Some(Duration::from_millis(Random::of(seed).below(300)));
    // Another writer takes over within a commit, and a person steps in at any moment.
    for (index, after, delay, person) in [("d0", 4, None, false), ("d1", 5, delay, true)] {
        fs::rename(&news, &aside).unwrap();
        let mut stopped = Stopped::of("run", &world, index, after, delay);
        if person {
            stopped.run(&["rollback", "pipeline.toml", "--to", "seq:3"]).expect(0);
        } else {
            stopped.loses_its_locks();
            stopped.run(&["backfill", "pipeline.toml"]).expect(0);
        }
        let folder = world.path(index);
        let live = head(&folder).unwrap();
        stopped.process.signal("CONT");
        if person {
            stopped.run(&["resume", "pipeline.toml"]).expect(0);
        }
        fs::rename(&aside, &news).unwrap();
        stopped.poll("news", |_| world.documents_for(&["group:staff"]).len() == 13);
        stopped.process.signal("TERM");
        stopped.process.end().expect(0);
        let since = records(&folder).len() - usize::try_from(live["seq"].as_u64().unwrap()).unwrap();
        for record in records(&folder).into_iter().take(since) {
            let record: serde_json::Value = serde_json::from_slice(&fs::read(record).unwrap()).unwrap();
            assert!(record["epoch"].as_u64() > live["epoch"].as_u64(), "{index}: of before: {record}");
        }
        if !person {
            check_same_rows(&world.rows(index), &expected);
        }
        let again = world.run(&["backfill", "pipeline.toml", "--format", "json"]).expect(0).json();
        assert_eq!(again["published"], false, "{again}");
    }
}
