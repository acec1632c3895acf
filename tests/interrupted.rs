//! A backfill that is told to stop at any moment goes on where it was, and ends as if nothing had happened.

use serde_json::Value;

use crate::harness::{Pipeline, Process, World, check_same_rows, paragraph, poll, records};

/// Documents that can be indexed; two more can't.
const DOCUMENTS: u64 = 150;
/// Small batches, so that a run publishes many times; one worker, so that a slow document holds up those
/// behind it.
const SMALL_BATCHES: &str = "[commit]\nmax_documents = 10\ninterval = \"1s\"\n[extract]\nworkers = 1\ncpu = \"100s\"\nwall = \"100s\"";
/// A document that takes longer to read than any test waits.
const SLOW: &str = "f1/d45-slow.html";

/// A folder of documents, and what an undisturbed run makes of it: its result and its rows.
struct Expected {
    world: World,
    result: Value,
    rows: Value,
}

impl Expected {
    fn new() -> Self {
        let world =
            World::with(Pipeline { index: "undisturbed", more: SMALL_BATCHES, ..Pipeline::default() });
        for i in 0..DOCUMENTS {
            let text = format!("# Document {i}\n\n{}\n\n{}\n", paragraph(2 * i), paragraph(2 * i + 1));
            world.write(&format!("f{}/d{i}.md", i % 3), text);
        }
        world.acl("f1/", &["group:board"], &[]);
        world.write("f0/empty.md", "");
        world.write("f1/noise.pdf", "no PDF at all");
        let result = world.backfilled(3);
        assert_eq!(result["documents"]["indexed"], DOCUMENTS, "{result}");
        assert_eq!(result["documents"]["quarantined"], 2, "{result}");
        assert_eq!(result["chunks"]["embedded"], result["chunks"]["written"], "every chunk is another one");
        let rows = world.rows("undisturbed");
        Self { world, result, rows }
    }

    /// Starts a backfill of the same folder into an index of its own.
    fn start(&self, index: &'static str) -> Process {
        let pipeline = Pipeline { index, more: SMALL_BATCHES, ..Pipeline::default() };
        self.world.pipeline("other.toml", &pipeline);
        Process::start(&mut self.world.command(&["backfill", "other.toml", "--format", "json"]))
    }

    /// Waits until the run has published so often, or is over.
    fn wait_for(&self, process: &mut Process, index: &str, count: usize) {
        let lock = self.world.path(index).join("writer.lock");
        poll("moment to stop a backfill", || {
            let reached = lock.exists() && records(&self.world.path(index)).len() >= count;
            (reached || process.is_over()).then_some(())
        });
    }

    /// Runs the same command again, which must do what is left and nothing else.
    fn check_resume(&self, index: &str) {
        let kept = self.kept(index);
        let run = self.world.run(&["backfill", "other.toml", "--format", "json"]);
        assert!(matches!(run.code, Some(0 | 3)), "{run}");
        let embedded = run.json()["chunks"]["embedded"].as_u64().unwrap();
        let all = self.result["chunks"]["embedded"].as_u64().unwrap();
        assert_eq!(embedded + kept, all, "what is finished is not embedded again: {run}");
        check_same_rows(&self.world.rows(index), &self.rows);
        let again = self.world.run(&["backfill", "other.toml", "--format", "json"]).expect(0).json();
        assert_eq!(again["published"], false, "{again}");
    }

    /// Chunks that an index serves; none where there is no index.
    fn kept(&self, index: &str) -> u64 {
        let run = self.world.run(&["status", "other.toml", "--format", "json"]);
        if run.code == Some(1) {
            assert_eq!(run.error()[0], "no_index", "{run}");
            assert!(records(&self.world.path(index)).len() <= 2, "a claim only: {run}");
            return 0;
        }
        run.expect(0).json()["chunks"].as_u64().unwrap()
    }
}

/// Ten thousand open elements, all of which the parser looks at for each of a million more.
fn slow() -> String {
    "<div>".repeat(9_900) + &"<p>x</p>".repeat(1_000_000)
}

#[test]
fn a_backfill_that_is_told_to_stop_keeps_what_is_finished() {
    let expected = Expected::new();
    // The second signal of two does not wait for the first to have its effect.
    for (index, signals) in [("int", &["INT"][..]), ("term", &["TERM"]), ("twice", &["INT", "INT"])] {
        // In the middle of the slow document, with some of those before it published.
        expected.world.write(SLOW, slow());
        let mut process = expected.start(index);
        expected.wait_for(&mut process, index, 5);
        assert!(!process.is_over(), "the backfill must still run for this test");
        signals.iter().for_each(|signal| process.signal(signal));
        let run = process.end().expect(130);
        assert_eq!(run.error()[0], "interrupted", "{run}");
        let kept = expected.kept(index);
        let all = expected.result["chunks"]["embedded"].as_u64().unwrap();
        assert!((1..all).contains(&kept), "{kept} of {all} chunks are kept: {run}");
        if signals.len() == 1 {
            assert_eq!(run.json()["chunks"]["embedded"], kept, "the result tells what was committed: {run}");
        }
        // The slow document goes unread; the others must be there as if nothing had happened.
        expected.world.remove(SLOW);
        expected.check_resume(index);
    }
}
