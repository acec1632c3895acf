//! `alluvium worker`: the process in which documents are extracted; started by the others only.

use std::process::ExitCode;

pub(crate) fn run() -> ExitCode {
    alluvium_extract::worker_main()
}
