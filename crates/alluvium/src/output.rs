//! Results to stdout, the rest to stderr. A reader that went away is no failure: `… | head` is fine.

use std::io::{self, Write};

use serde::Serialize;

use crate::cli::Format;
use crate::failure::{Exit, Failure};

/// Prints a result as one line of JSON, or as text.
pub(crate) fn result<T: Serialize>(
    format: Format,
    result: &T,
    text: impl FnOnce(&T) -> String,
) -> Result<(), Failure> {
    match format {
        Format::Json => json(result),
        Format::Text => stdout(&text(result)),
    }
}

/// Prints one line of JSON.
pub(crate) fn json(value: &impl Serialize) -> Result<(), Failure> {
    let line = serde_json::to_string(value)
        .map_err(|e| Failure::new(Exit::Failed, "internal", format!("a result is not JSON: {e}")))?;
    stdout(&line)
}

/// Prints a text, with a line's end.
pub(crate) fn stdout(text: &str) -> Result<(), Failure> {
    let mut stdout = io::stdout().lock();
    let written = writeln!(stdout, "{}", text.trim_end()).and_then(|()| stdout.flush());
    match written {
        Err(error) if error.kind() != io::ErrorKind::BrokenPipe => {
            Err(Failure::new(Exit::Failed, "stdout", format!("results can't be written: {error}")))
        }
        _ => Ok(()),
    }
}

/// Says something on stderr, where there is somebody.
pub(crate) fn stderr(text: &str) {
    let _ = writeln!(io::stderr().lock(), "{text}");
}

/// A table for people: columns as wide as they must be, two spaces between.
pub(crate) fn table(header: &[&str], rows: &[Vec<String>]) -> String {
    let owned: Vec<String> = header.iter().map(|cell| (*cell).to_owned()).collect();
    let all: Vec<&Vec<String>> = std::iter::once(&owned).chain(rows).collect();
    let width = |column: usize| {
        all.iter().filter_map(|row| row.get(column)).map(|cell| cell.chars().count()).max().unwrap_or(0)
    };
    let widths: Vec<usize> = (0..header.len()).map(width).collect();
    let line = |row: &&Vec<String>| {
        let cells = row.iter().zip(&widths).map(|(cell, width)| format!("{cell:<width$}"));
        cells.collect::<Vec<_>>().join("  ").trim_end().to_owned()
    };
    all.iter().map(line).collect::<Vec<_>>().join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_are_as_wide_as_their_cells() {
        let rows = [vec!["a".to_owned(), "1".to_owned()], vec!["längst".to_owned(), "2".to_owned()]];
        assert_eq!(table(&["name", "n"], &rows), "name    n\na       1\nlängst  2");
    }
}
