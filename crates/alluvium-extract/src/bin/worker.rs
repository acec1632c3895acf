//! The extraction worker by itself. The `alluvium` binary has the same behind a hidden subcommand.

use std::process::ExitCode;

fn main() -> ExitCode {
    alluvium_extract::worker_main()
}
