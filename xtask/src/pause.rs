//! Waiting.

use std::time::Duration;

/// Waits. Nothing that does is a test: real processes take the time that they take.
#[expect(clippy::disallowed_methods, reason = "real processes in real time")]
pub(crate) fn pause(time: Duration) {
    std::thread::sleep(time);
}
