//! How long to leave a source alone that could not answer.

use std::hash::{BuildHasher, Hasher, RandomState};
use std::time::Duration;

/// Exponential back-off with jitter, for one incident.
#[derive(Debug)]
pub(crate) struct Backoff {
    first: Duration,
    most: Duration,
    attempts: u32,
}

impl Backoff {
    pub(crate) fn new(first: Duration, most: Duration) -> Self {
        Self { first, most, attempts: 0 }
    }

    /// Attempts that failed since the last success.
    pub(crate) fn attempts(&self) -> u32 {
        self.attempts
    }

    /// One more attempt failed: how long to wait before the next.
    pub(crate) fn failed(&mut self) -> Duration {
        let whole = delay(self.first, self.most, self.attempts);
        self.attempts = self.attempts.saturating_add(1);
        // Sources that failed together are not asked together again. Hash keys are random by contract.
        jittered(whole, RandomState::new().build_hasher().finish())
    }

    /// An attempt succeeded. Gives how many had failed.
    pub(crate) fn succeeded(&mut self) -> u32 {
        std::mem::take(&mut self.attempts)
    }
}

/// The longest wait after so many earlier failures.
fn delay(first: Duration, most: Duration, failures: u32) -> Duration {
    let factor = 1_u32.checked_shl(failures).unwrap_or(u32::MAX);
    first.saturating_mul(factor).min(most)
}

/// Between half of `whole` and all of it.
fn jittered(whole: Duration, random: u64) -> Duration {
    let half = whole / 2;
    half + half.mul_f64(random as f64 / u64::MAX as f64)
}

#[cfg(test)]
mod tests {
    use super::*;

    const FIRST: Duration = Duration::from_secs(1);
    const MOST: Duration = Duration::from_secs(60);

    #[test]
    fn waits_double_up_to_the_most() {
        let waits: Vec<u64> = (0..8).map(|n| delay(FIRST, MOST, n).as_secs()).collect();
        assert_eq!(waits, [1, 2, 4, 8, 16, 32, 60, 60]);
        assert_eq!(delay(FIRST, MOST, u32::MAX), MOST);
    }

    #[test]
    fn jitter_takes_off_at_most_half() {
        assert_eq!(jittered(MOST, 0), MOST / 2);
        assert_eq!(jittered(MOST, u64::MAX), MOST);
    }

    #[test]
    fn success_begins_anew() {
        let mut backoff = Backoff::new(FIRST, MOST);
        for _ in 0..5 {
            assert!(backoff.failed() <= MOST);
        }
        assert_eq!((backoff.attempts(), backoff.succeeded(), backoff.attempts()), (5, 5, 0));
        assert!(backoff.failed() <= FIRST);
    }
}
