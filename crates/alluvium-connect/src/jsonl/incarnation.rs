//! Which life of a file this is: a file that was replaced starts anew.
//!
//! An incarnation is named by a hash of the file's first line and its inode, and where it is no more what
//! was read (shorter, or another line where the last one ended), by a number after it. The name is the checkpoint's
//! partition, the position in it the bytes that are done.

use std::collections::BTreeMap;
use std::io::{self, BufReader, Read};

use alluvium_core::hash::Sha256;

use super::lines::read_line;

/// As much of the first line tells files apart.
const FIRST: u64 = 64 << 10;

/// A life of a file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Incarnation {
    /// Of the first line.
    hash: String,
    number: u64,
}

impl Incarnation {
    /// The partition's name.
    pub(crate) fn name(&self) -> String {
        if self.number == 0 { self.hash.clone() } else { format!("{}.{}", self.hash, self.number) }
    }

    pub(crate) fn begins_with(&self, hash: &str) -> bool {
        self.hash == hash
    }

    /// The incarnation of a file that begins so, and how much of it is done. `goes_on` says whether the file
    /// goes on there.
    pub(crate) fn choose(
        hash: String,
        goes_on: impl Fn(u64) -> bool,
        partitions: &BTreeMap<String, u64>,
    ) -> (Self, Option<u64>) {
        let number = |name: &String| match name.strip_prefix(hash.as_str())? {
            "" => Some(0),
            rest => rest.strip_prefix('.')?.parse::<u64>().ok(),
        };
        let last = partitions.keys().filter_map(number).max();
        let incarnation = |number| Self { hash: hash.clone(), number };
        let Some(last) = last.map(incarnation) else { return (incarnation(0), None) };
        match partitions.get(&last.name()) {
            Some(done) if !goes_on(*done) => (incarnation(last.number.saturating_add(1)), None),
            done => (last, done.copied()),
        }
    }
}

/// The hash that a file's incarnation is named by: of its first line, and of its inode, since an export that
/// is made anew mostly begins as the one before. `None` while the first line is not whole; `last` says that
/// the file's end ends a line, too.
pub(crate) fn incarnation_hash(file: impl Read, inode: u64, last: bool) -> io::Result<Option<String>> {
    let mut reader = BufReader::new(file.take(FIRST));
    let line = read_line(&mut reader, 0, FIRST)?;
    let whole = line.filter(|line| line.terminated || line.end == FIRST || last);
    Ok(whole.map(|line| Sha256::of_parts([&line.bytes[..], &inode.to_be_bytes()]).short(16).to_owned()))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn a_file_that_shrank_is_another_one_from_then_on() {
        let mut partitions = BTreeMap::from([("b".to_owned(), 5), ("ab".to_owned(), 5)]);
        let choose = |length, partitions: &BTreeMap<String, u64>| {
            let (incarnation, done) = Incarnation::choose("a".to_owned(), |done| done <= length, partitions);
            (incarnation.name(), done)
        };
        assert_eq!(choose(9, &partitions), ("a".to_owned(), None));
        partitions.insert("a".to_owned(), 100);
        assert_eq!(choose(100, &partitions), ("a".to_owned(), Some(100)));
        assert_eq!(choose(99, &partitions), ("a.1".to_owned(), None));
        partitions.insert("a.1".to_owned(), 50);
        assert_eq!(choose(500, &partitions), ("a.1".to_owned(), Some(50)), "also when it is longer again");
        partitions.extend((2..=10).map(|i| (format!("a.{i}"), 50)));
        assert_eq!(choose(1, &partitions), ("a.11".to_owned(), None), "numbers sort as numbers");
    }

    #[test]
    fn the_first_line_must_be_whole() {
        let hash = |bytes: &[u8], last| incarnation_hash(bytes, 7, last).unwrap();
        assert_eq!(hash(b"", true), None);
        assert_eq!(hash(b"{}", false), None);
        assert_eq!(hash(b"{}", true), hash(b"{}\nmore", false));
        assert_ne!(hash(b"{}\n", false), hash(b"{ }\n", false));
        assert_ne!(hash(b"{}\n", false), incarnation_hash(&b"{}\n"[..], 8, false).unwrap(), "another file");
        let long = vec![b'x'; 1 << 20];
        assert!(hash(&long, false).is_some());
    }
}
