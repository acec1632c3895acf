//! Every row of an index as plain LanceDB in Python sees it: one process for all that a test asks, because
//! it takes seconds to start and moments to read.

use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};

use serde_json::Value;

/// A reader that waits for the next index; dropping it ends it.
pub(crate) struct Rows {
    child: Child,
    asked: ChildStdin,
    answers: BufReader<ChildStdout>,
}

impl Rows {
    /// Starts the script `rows.py`. What it has to complain of goes to the test's stderr.
    pub(crate) fn start(script: &mut Command) -> Self {
        let mut child = script.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
        let (asked, answers) = (child.stdin.take().unwrap(), child.stdout.take().unwrap());
        Self { child, asked, answers: BufReader::new(answers) }
    }

    /// The rows at the tag `live`, table by table; opened anew each time.
    pub(crate) fn of(&mut self, index: &Path) -> Value {
        writeln!(self.asked, "{}", index.display()).unwrap();
        let mut line = String::new();
        self.answers.read_line(&mut line).unwrap();
        assert!(!line.is_empty(), "plain LanceDB can't read {}; stderr says why", index.display());
        serde_json::from_str(&line).unwrap()
    }
}

impl Drop for Rows {
    fn drop(&mut self) {
        // It may be over already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
