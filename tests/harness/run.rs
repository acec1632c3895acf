//! What a process said and how it ended.

use std::process::{Command, Output, Stdio};

use serde_json::Value;

/// A process that has ended.
#[derive(Debug)]
pub(crate) struct Run {
    /// What was run.
    pub(crate) line: String,
    /// Its exit code; `None` where a signal ended it.
    pub(crate) code: Option<i32>,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

impl Run {
    /// Runs a command to its end. Whatever it does, it must not panic.
    pub(crate) fn of(command: &mut Command) -> Self {
        let line = format!("{command:?}");
        let output = command.stdin(Stdio::null()).output().unwrap();
        Self::from_output(line, output)
    }

    pub(crate) fn from_output(line: String, output: Output) -> Self {
        let text = |bytes| String::from_utf8(bytes).expect("output is UTF-8");
        let run = Self {
            line,
            code: output.status.code(),
            stdout: text(output.stdout),
            stderr: text(output.stderr),
        };
        assert!(!run.stderr.contains("panicked"), "{run}");
        run
    }

    /// Must have ended with this exit code.
    #[track_caller]
    pub(crate) fn expect(self, code: i32) -> Self {
        assert_eq!(self.code, Some(code), "{self}");
        self
    }

    /// The last line of stdout, which is JSON.
    #[track_caller]
    pub(crate) fn json(&self) -> Value {
        let line = self.stdout.lines().last().unwrap_or_default();
        serde_json::from_str(line).unwrap_or_else(|e| panic!("{e} in the last line of stdout of {self}"))
    }

    /// The error that `--format json` puts on one line of stderr: `[code, message, where, next]`. Logs
    /// may stand on other lines.
    #[track_caller]
    pub(crate) fn error(&self) -> [String; 4] {
        let errors: Vec<Value> =
            self.stderr.lines().filter_map(|line| serde_json::from_str(line).ok()).collect();
        assert_eq!(errors.len(), 1, "one error on one line: {self}");
        let keys: Vec<_> = errors[0]["error"].as_object().unwrap().keys().map(String::as_str).collect();
        assert_eq!(keys, ["code", "message", "where", "next"], "{self}");
        ["code", "message", "where", "next"]
            .map(|key| errors[0]["error"][key].as_str().unwrap_or_default().to_owned())
    }

    /// All these words must be somewhere in stderr.
    #[track_caller]
    pub(crate) fn says(&self, words: &[&str]) {
        for word in words {
            assert!(self.stderr.contains(word), "{word:?} is not in stderr of {self}");
        }
    }
}

impl std::fmt::Display for Run {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { line, code, stdout, stderr } = self;
        write!(f, "{line}\nexit code {code:?}\n--- stdout\n{stdout}\n--- stderr\n{stderr}")
    }
}
