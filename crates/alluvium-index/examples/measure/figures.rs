//! Times, and what they come to.

use std::future::Future;
use std::time::Instant;

use serde_json::{Value, json};

/// What something gives, and the milliseconds that it took.
pub(crate) async fn timed<T>(work: impl Future<Output = T>) -> (T, f64) {
    let start = Instant::now();
    let result = work.await;
    (result, start.elapsed().as_secs_f64() * 1000.0)
}

/// Milliseconds, as the figures that are reported of them.
pub(crate) fn summary(times: &[f64]) -> Value {
    let mut sorted = times.to_vec();
    sorted.sort_by(f64::total_cmp);
    let at = |percent: usize| {
        let rank = (sorted.len() * percent).div_ceil(100).max(1);
        sorted.get(rank - 1).copied()
    };
    json!({
        "p50": at(50), "p90": at(90), "p99": at(99), "most": sorted.last(),
        "mean": times.iter().sum::<f64>() / times.len().max(1) as f64,
    })
}
