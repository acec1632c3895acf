//! Runs sequences, and makes a failing one small.

use std::panic::{AssertUnwindSafe, PanicHookInfo, catch_unwind};

use alluvium_index::Fault;
use proptest::test_runner::{Config, RngAlgorithm, TestCaseError, TestError, TestRng, TestRunner};
use tokio::runtime::{Builder, Runtime};

use super::op::{Sequence, sequences};
use super::world::World;

/// Where the random numbers come from. Shares of one run differ.
#[derive(Debug, Clone, Copy)]
pub enum Seed {
    Fixed(u8),
    /// Another one each time, or that of `ALLUVIUM_MODEL_SEED`.
    Fresh(u8),
}

impl Seed {
    fn bytes(self) -> ([u8; 32], String) {
        let (number, share) = match self {
            Self::Fixed(share) => (0, share),
            Self::Fresh(share) => {
                let given = std::env::var("ALLUVIUM_MODEL_SEED").ok();
                (given.and_then(|s| s.parse().ok()).unwrap_or_else(rand_seed), share)
            }
        };
        let mut bytes = [share; 32];
        bytes[..8].copy_from_slice(&number.to_le_bytes());
        (bytes, format!("ALLUVIUM_MODEL_SEED={number}, share {share}"))
    }
}

fn rand_seed() -> u64 {
    let nanos = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap().as_nanos();
    (nanos as u64) ^ u64::from(std::process::id()).rotate_left(40)
}

/// Every sequence of the seed holds. `ALLUVIUM_MODEL_SEQUENCES` is the number of all shares together.
pub fn hold(seed: Seed, share: u32) {
    let all = std::env::var("ALLUVIUM_MODEL_SEQUENCES").ok().and_then(|n| n.parse::<u32>().ok());
    let cases = all.map_or(share, |all| all.div_ceil(6));
    if let Some(failure) = failing(seed, cases, 2_000) {
        panic!("{failure}");
    }
}

/// One sequence holds.
pub fn hold_sequence(sequence: &Sequence) {
    quiet();
    if let Err(why) = play(&runtime(), sequence) {
        panic!("{sequence:#?}\n{why}");
    }
}

/// The first sequence of the seed that does not hold, made small.
pub fn failing(seed: Seed, cases: u32, shrinks: u32) -> Option<String> {
    quiet();
    let runtime = runtime();
    let (bytes, name) = seed.bytes();
    eprintln!("{name}");
    let config = Config { cases, failure_persistence: None, max_shrink_iters: shrinks, ..Config::default() };
    let mut runner = TestRunner::new_with_rng(config, TestRng::from_seed(RngAlgorithm::ChaCha, &bytes));
    let result = runner.run(&sequences(), |sequence| play(&runtime, &sequence));
    match result {
        Ok(()) => None,
        Err(TestError::Fail(why, sequence)) => Some(format!("{name}\n{sequence:#?}\n{why}")),
        Err(TestError::Abort(why)) => Some(format!("{name}\n{why}")),
    }
}

/// Of one thread: shares run side by side, and what a step does is done one after the other.
fn runtime() -> Runtime {
    Builder::new_current_thread().enable_all().build().unwrap()
}

fn play(runtime: &Runtime, sequence: &Sequence) -> Result<(), TestCaseError> {
    let played = runtime.block_on(async {
        let mut world = if sequence.bare { World::bare() } else { World::settled().await };
        for (number, op) in sequence.steps.iter().enumerate() {
            world.step(op).await.map_err(|why| format!("step {}, {op:?}: {why}", number + 1))?;
        }
        world.end().await
    });
    played.map_err(TestCaseError::fail)
}

/// Deaths on purpose are no news.
fn quiet() {
    let usual = std::panic::take_hook();
    std::panic::set_hook(Box::new(move |info: &PanicHookInfo<'_>| {
        let text = info.payload().downcast_ref::<String>().map_or("", String::as_str);
        if !text.starts_with("failpoint ") {
            usual(info);
        }
    }));
}

/// With a defect seeded some sequence does not hold.
pub fn find(fault: Fault) {
    expect(fault, || failing(Seed::Fixed(200), PATIENCE, 0));
}

/// With a defect seeded this sequence does not hold.
pub fn find_by(fault: Fault, sequence: &Sequence) {
    expect(fault, || {
        quiet();
        let played = catch_unwind(AssertUnwindSafe(|| play(&runtime(), sequence)));
        match played {
            Ok(played) => played.err().map(|why| why.to_string()),
            Err(_) => Some("a panic".to_owned()),
        }
    });
}

fn expect(fault: Fault, failing: impl FnOnce() -> Option<String>) {
    fail::cfg(fault.switch(), "return").unwrap();
    let found = failing();
    fail::remove(fault.switch());
    match found {
        Some(why) => eprintln!("{fault:?} is found: {}", why.lines().last().unwrap_or_default()),
        None => panic!("{fault:?} is not found"),
    }
}

/// Sequences in which a defect must show.
const PATIENCE: u32 = 50;
