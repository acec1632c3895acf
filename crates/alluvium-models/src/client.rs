//! Calling the ordinary package clients, npm and pip.

use std::ffi::OsString;
use std::io;
use std::path::Path;
use std::process::{Command, Output, Stdio};

use crate::error::ModelError;

/// Which programs the package clients are. The default is what a shell would find.
#[derive(Debug, Clone)]
pub struct Clients {
    /// npm.
    pub npm: OsString,
    /// A Python 3 that has the module pip.
    pub python: OsString,
}

impl Default for Clients {
    fn default() -> Self {
        Self { npm: "npm".into(), python: "python3".into() }
    }
}

/// What to install for which client, where it is missing.
const INSTALL_NPM: &str = "install it: `apt-get install npm` (Debian, Ubuntu), \
     `dnf install nodejs-npm` (Fedora), `brew install node` (macOS)";
const INSTALL_PIP: &str = "install it: `apt-get install python3-pip` (Debian, Ubuntu), \
     `dnf install python3-pip` (Fedora), `brew install python` (macOS)";

impl Clients {
    /// Runs npm in this folder.
    pub(crate) fn npm(&self, folder: &Path, args: &[&str], package: &str) -> Result<(), ModelError> {
        let missing = || missing("npm", package, INSTALL_NPM);
        let output = match command(&self.npm, folder, args).output() {
            Ok(output) => output,
            Err(error) => return Err(not_started(error, &self.npm, missing())),
        };
        succeeded("npm", args, &output)
    }

    /// Runs `python3 -m pip` in this folder.
    pub(crate) fn pip(&self, folder: &Path, args: &[&str], package: &str) -> Result<(), ModelError> {
        let missing = || missing("python3 -m pip", package, INSTALL_PIP);
        let with_module = [&["-m", "pip"], args].concat();
        let output = match command(&self.python, folder, &with_module).output() {
            Ok(output) => output,
            Err(error) => return Err(not_started(error, &self.python, missing())),
        };
        // A Python without pip starts, and says this.
        if String::from_utf8_lossy(&output.stderr).contains("No module named pip") {
            return Err(missing());
        }
        succeeded("python3 -m pip", args, &output)
    }
}

fn command(program: &OsString, folder: &Path, args: &[&str]) -> Command {
    let mut command = Command::new(program);
    command.args(args).current_dir(folder).stdin(Stdio::null());
    command
}

fn missing(client: &str, package: &str, install: &'static str) -> ModelError {
    ModelError::ClientMissing { client: client.to_owned(), package: package.to_owned(), install }
}

/// Not found means not installed; anything else is the operating system's refusal.
fn not_started(error: io::Error, program: &OsString, missing: ModelError) -> ModelError {
    if error.kind() == io::ErrorKind::NotFound {
        return missing;
    }
    ModelError::io("run", Path::new(program))(error)
}

fn succeeded(client: &str, args: &[&str], output: &Output) -> Result<(), ModelError> {
    if output.status.success() {
        return Ok(());
    }
    let said = [output.stdout.as_slice(), output.stderr.as_slice()].concat();
    Err(ModelError::ClientFailed {
        command: format!("{client} {}", args.join(" ")),
        status: output.status.to_string(),
        output: last_lines(&String::from_utf8_lossy(&said), 8),
    })
}

/// The last lines of what a program wrote: where the cause stands.
fn last_lines(text: &str, count: usize) -> String {
    let lines: Vec<_> = text.lines().filter(|line| !line.trim().is_empty()).collect();
    let from = lines.len().saturating_sub(count);
    lines.get(from..).unwrap_or_default().join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn nowhere() -> Clients {
        Clients { npm: "/nowhere/npm".into(), python: "/nowhere/python3".into() }
    }

    #[test]
    fn a_missing_client_is_named_with_what_to_install() {
        let folder = tempfile::tempdir().unwrap();
        let npm = nowhere().npm(folder.path(), &[], "p@1").unwrap_err().to_string();
        assert!(npm.contains("`npm` is needed to fetch p@1"), "{npm}");
        assert!(npm.contains("apt-get install npm"), "{npm}");
        let pip = nowhere().pip(folder.path(), &[], "p==1").unwrap_err().to_string();
        assert!(pip.contains("apt-get install python3-pip"), "{pip}");
    }

    #[test]
    fn a_failing_client_is_quoted() {
        let folder = tempfile::tempdir().unwrap();
        let clients = Clients { npm: "ls".into(), ..Clients::default() };
        let error = clients.npm(folder.path(), &["/no/such/folder"], "p@1").unwrap_err();
        assert!(matches!(error, ModelError::ClientFailed { .. }));
        assert!(error.to_string().contains("/no/such/folder"), "{error}");
    }

    #[test]
    fn only_the_end_of_a_long_output_is_quoted() {
        assert_eq!(last_lines("a\n\nb\nc\n", 2), "b\nc");
        assert_eq!(last_lines("a", 2), "a");
    }
}
