//! Logs go to stderr, beneath the progress bar where there is one.

use std::io::{self, IsTerminal, Write};

use tracing_subscriber::EnvFilter;
use tracing_subscriber::fmt::MakeWriter;

use crate::progress;

/// Libraries are quiet; we say what matters.
const DEFAULT: &str = "warn,notify=error,alluvium=info,alluvium_runtime=info,alluvium_index=info,\
    alluvium_connect=info,alluvium_extract=info,alluvium_embed=info";

/// Starts logging, as `ALLUVIUM_LOG` or else `RUST_LOG` says.
pub(crate) fn start() {
    let set = ["ALLUVIUM_LOG", "RUST_LOG"].iter().find_map(|name| std::env::var(name).ok());
    let filter = EnvFilter::builder().parse_lossy(set.as_deref().unwrap_or(DEFAULT));
    let logs = tracing_subscriber::fmt().with_env_filter(filter).with_writer(AboveTheBar);
    // A second start is a test's business; the first stays.
    let _ = logs.with_ansi(io::stderr().is_terminal()).with_target(false).try_init();
}

/// A writer that takes the bar away while it writes. It never fails: a daemon whose log nobody reads any
/// more goes on, and the subscriber would tell of the failure on the very stderr that failed.
struct AboveTheBar;

impl<'w> MakeWriter<'w> for AboveTheBar {
    type Writer = Self;

    fn make_writer(&'w self) -> Self {
        Self
    }
}

impl Write for AboveTheBar {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let _ = progress::without_bar(|| io::stderr().lock().write_all(bytes));
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        let _ = io::stderr().lock().flush();
        Ok(())
    }
}
