//! Kill -9 at any moment of a backfill or of a daemon, again and again: in the end the index is what an
//! undisturbed run makes, row for row.
//!
//! Moments are drawn from a seed, one that is fixed and one that is new at every run and printed;
//! `KILL_SEED` has a run again.

use std::collections::BTreeMap;
use std::process::Command;
use std::time::{Duration, Instant};

use serde_json::Value;

use crate::harness::{
    Pipeline, Process, Random, Run, World, check_same_rows, head, in_a_commit, paragraph, pdf, poll, records,
};

/// Kills for each of the two seeds.
const KILLS: usize = 10;
const FIXED_SEED: u64 = 5;
/// Records of a claim.
const CLAIM: usize = 2;
/// The most kills until every phase has had one.
const MOST_KILLS: usize = 60;
const SMALL_BATCHES: &str = "[commit]\nmax_documents = 3\ninterval = \"200ms\"\n";
const DAEMON: &str = "[commit]\nmax_documents = 2\ninterval = \"50ms\"\n\n[run]\nsettle = \"50ms\"\n\
                      drain_timeout = \"20s\"\nreconcile_interval = \"1s\"";

/// What a process was doing when it was killed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Phase {
    BeforeItsFirstRecord,
    InTheClaim,
    InACommit,
    BetweenCommits,
}

/// Moments to kill at, and which phases they fell into.
struct Moments {
    random: Random,
    phases: BTreeMap<Phase, usize>,
    /// How long a run takes to its first record, and how long for each one after that.
    first: Duration,
    each: Duration,
}

impl Moments {
    /// How long the steps take, from how long a run takes that is left alone.
    fn measured(seed: u64, first: Duration, each: Duration) -> Self {
        eprintln!("KILL_SEED={seed}: {first:?} to the first record, {each:?} for each after it");
        Self { random: Random::of(seed), phases: BTreeMap::new(), first, each }
    }

    fn kills(&self) -> usize {
        self.phases.values().sum()
    }

    /// Whether there were enough, in every phase.
    fn enough(&self) -> bool {
        let phases = [Phase::BeforeItsFirstRecord, Phase::InACommit, Phase::BetweenCommits];
        let all = phases.iter().all(|phase| self.phases.contains_key(phase));
        assert!(all || self.kills() < MOST_KILLS, "some phase is never hit: {:?}", self.phases);
        all && self.kills() >= KILLS
    }

    /// Kills the process at some moment before it has published more than so many records, unless it is
    /// over by then. Says whether it was killed.
    fn kill(&mut self, mut process: Process, world: &World, index: &str, most: u64) -> bool {
        let index = world.path(index);
        let before = records(&index).len();
        // Once chance has had its turns it is aimed at the first commit after the claim: a later one may
        // never come, and before the claim a table may be ahead because of who was killed last.
        let aimed = self.kills() >= KILLS && !self.phases.contains_key(&Phase::InACommit);
        let after = if aimed { CLAIM } else { usize::try_from(self.random.below(most + 1)).unwrap() };
        poll("record to kill at", || {
            (process.is_over() || records(&index).len() >= before + after).then_some(())
        });
        if aimed {
            poll("commit to kill in", || (process.is_over() || in_a_commit(&index)).then_some(()));
        }
        let span = if after == 0 { self.first } else { self.each };
        let delay = span * u32::try_from(self.random.below(1000)).unwrap() / 1000;
        let start = Instant::now();
        poll("moment to kill at", || (aimed || start.elapsed() >= delay).then_some(()));
        if process.is_over() {
            return false;
        }
        process.child().kill().unwrap();
        process.child().wait().unwrap();
        let phase = if records(&index).len() == before {
            Phase::BeforeItsFirstRecord
        } else if head(&index).unwrap()["reason"] == "claim" {
            Phase::InTheClaim
        } else if in_a_commit(&index) {
            Phase::InACommit
        } else {
            Phase::BetweenCommits
        };
        *self.phases.entry(phase).or_default() += 1;
        true
    }
}

/// The fixed seed, and another one.
fn seeds() -> [u64; 2] {
    let fresh = std::env::var("KILL_SEED").ok().map(|seed| seed.parse().unwrap());
    [FIXED_SEED, fresh.unwrap_or_else(Random::fresh_seed)]
}

/// Documents of every format, with access lists of their own and of their folders.
fn write_corpus(world: &World) {
    for i in 0..36 {
        let (one, two) = (paragraph(2 * i), paragraph(2 * i + 1));
        match i % 4 {
            0 => world.write(&format!("a/d{i}.md"), format!("# Document {i}\n\n{one}\n\n{two}\n")),
            1 => world.write(&format!("b/d{i}.txt"), format!("{one}\n\n{two}\n")),
            2 => world.write(&format!("a/d{i}.html"), format!("<title>D{i}</title><p>{one}</p><p>{two}</p>")),
            _ => world.write(&format!("b/d{i}.pdf"), pdf(&[vec![one], vec![two]])),
        }
    }
    world.acl("b/", &["group:board"], &[]);
    world.acl("a/d4.md", &["group:staff", "group:board"], &["user:mallory"]);
    world.acl("b/d7.pdf", &["user:one"], &[]);
    world.write("a/empty.md", "");
    world.write("b/noise.pdf", "no PDF at all");
}

fn backfill(world: &World, file: &str) -> Run {
    world.run(&["backfill", file, "--format", "json"])
}

/// Runs a process to its end, with the times at which its records came.
fn timed(mut process: Process, world: &World, index: &str) -> (Duration, Duration) {
    let (start, index) = (Instant::now(), world.path(index));
    poll("first record", || (process.is_over() || !records(&index).is_empty()).then_some(()));
    let first = start.elapsed();
    process.end().expect(3);
    let each = (start.elapsed() - first) / u32::try_from(records(&index).len()).unwrap();
    (first, each)
}

#[test]
fn a_backfill_that_is_killed_again_and_again_ends_as_if_it_was_not() {
    let world = World::with(Pipeline { index: "undisturbed", more: SMALL_BATCHES, ..Pipeline::default() });
    write_corpus(&world);
    let start = |file: &str| Process::start(&mut world.command(&["backfill", file]));
    let (first, each) = timed(start("pipeline.toml"), &world, "undisturbed");
    let expected = world.rows("undisturbed");
    assert!(records(&world.index()).len() > 12, "too few commits for this test");
    let mut kills = 0;
    for (seed, names) in seeds().into_iter().zip([["k0", "k1", "k2"], ["l0", "l1", "l2"]]) {
        let mut moments = Moments::measured(seed, first, each);
        let mut names = names.into_iter();
        while !moments.enough() {
            let index = names.next().expect("three indexes are killed often enough");
            let file = format!("{index}.toml");
            world.pipeline(&file, &Pipeline { index, more: SMALL_BATCHES, ..Pipeline::default() });
            while !moments.enough() && moments.kill(start(&file), &world, index, 4) {}
            let run = backfill(&world, &file);
            assert!(matches!(run.code, Some(0 | 3)), "{run}");
            check_same_rows(&world.rows(index), &expected);
            assert_eq!(backfill(&world, &file).expect(0).json()["published"], false);
        }
        eprintln!("backfill, seed {seed}: {:?}", moments.phases);
        kills += moments.kills();
    }
    assert!(kills >= 20, "{kills}");
}

/// Does something to some of the documents, as people do. What is left in the end must not depend on which
/// states in between the daemon saw: what is deleted keeps what it had last, so it was never edited.
fn edit(world: &World, random: &mut Random, number: u64) {
    for _ in 0..=random.below(3) {
        let [edited, deleted] = [random.below(4), 4 + random.below(5)].map(|i| format!("a/d{}.md", 4 * i));
        let note = format!("b/d{}.txt", 4 * random.below(9) + 1);
        let list = format!("{note}.acl.toml");
        match random.below(5) {
            0 if world.doc(&deleted).exists() => world.remove(&deleted),
            1 => world.acl(&note, &["group:staff", "user:one"], &[]),
            2 if world.doc(&list).exists() => world.remove(&list),
            3 => world.write(&format!("c/new-{number}.md"), format!("New. {}\n", paragraph(5_000 + number))),
            _ => {
                let name = if number.is_multiple_of(2) { &note } else { &edited };
                world.write(name, format!("Edited. {}\n", paragraph(1_000 + number)));
            }
        }
    }
    // There is always something to do.
    world.write("a/d0.html", format!("<p>Revision {number}. {}</p>\n", paragraph(2_000 + number)));
}

fn copy(world: &World, from: &str, to: &str) {
    Run::of(Command::new("cp").arg("-a").args([world.path(from), world.path(to)])).expect(0);
}

#[test]
fn a_daemon_that_is_killed_again_and_again_ends_as_if_it_was_not() {
    let world = World::with(Pipeline { index: "initial", more: DAEMON, ..Pipeline::default() });
    write_corpus(&world);
    let start = |file: &str| Process::start(&mut world.command(&["run", file]));
    let (first, each) =
        timed(Process::start(&mut world.command(&["backfill", "pipeline.toml"])), &world, "initial");
    let mut kills = 0;
    let names = [["k", "left-k", "k.toml", "left-k.toml"], ["l", "left-l", "l.toml", "left-l.toml"]];
    for ((seed, [index, left, file, left_file]), round) in seeds().into_iter().zip(names).zip(1..) {
        for (index, file) in [(index, file), (left, left_file)] {
            copy(&world, "initial", index);
            world.pipeline(file, &Pipeline { index, more: DAEMON, ..Pipeline::default() });
        }
        // The index that is left alone knows the same documents.
        let brought = backfill(&world, file).code;
        assert_eq!(brought, backfill(&world, left_file).code);
        let mut moments = Moments::measured(seed, first, each);
        let mut number = round * 500;
        while !moments.enough() {
            number += 1;
            edit(&world, &mut moments.random, number);
            let daemon = start(file);
            // Some of what happens, happens while it runs.
            edit(&world, &mut moments.random, number + 100);
            // Two records of a claim and one of a commit always come: a slow machine sees all edits at once.
            assert!(moments.kill(daemon, &world, index, 3), "a daemon does not end");
        }
        eprintln!("daemon, seed {seed}: {:?}", moments.phases);
        kills += moments.kills();
        finish(&world, start(file), file, index);
        let code = backfill(&world, left_file).code;
        assert!(matches!(code, Some(0 | 3)), "{code:?}");
        check_same_rows(&world.rows(index), &world.rows(left));
    }
    assert!(kills >= 20, "{kills}");
}

/// Lets a daemon do what is left, and ends it.
fn finish(world: &World, mut daemon: Process, file: &str, index: &str) {
    let before = records(&world.path(index)).len();
    let name = format!("c/last-{index}.md");
    world.write(&name, format!("The very last of {index}.\n"));
    let search = ["search", file, "the very last", "--as", "group:staff", "--format", "json"];
    poll("last document", || {
        let found: Value = world.run(&search).expect(0).json();
        let mut hits = found["hits"].as_array().unwrap().iter();
        hits.any(|hit| hit["doc_id"] == format!("docs/{name}")).then_some(())
    });
    assert!(records(&world.path(index)).len() > before);
    daemon.signal("TERM");
    daemon.end().expect(0);
    let again = backfill(world, file).expect(0).json();
    assert_eq!(again["published"], false, "the daemon left something to do: {again}");
}
