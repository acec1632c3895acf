//! Lines of bounded length.

use std::io::{Error, ErrorKind, Result};

use tokio::io::{AsyncRead, AsyncReadExt};

/// Reads lines. What follows a line that is too long is not looked at.
pub(super) struct Lines<R> {
    reader: R,
    longest: usize,
    read: Vec<u8>,
}

impl<R: AsyncRead + Unpin> Lines<R> {
    pub(super) fn new(reader: R, longest: usize) -> Self {
        Self { reader, longest, read: Vec::new() }
    }

    /// The next line without its end; `None` where there is no other. Dropping the future loses nothing.
    pub(super) async fn next(&mut self) -> Result<Option<Vec<u8>>> {
        loop {
            if let Some(end) = self.read.iter().position(|byte| *byte == b'\n') {
                let rest = self.read.split_off(end + 1);
                let mut line = std::mem::replace(&mut self.read, rest);
                line.truncate(end);
                return if end > self.longest { Err(self.too_long()) } else { Ok(Some(line)) };
            }
            if self.read.len() > self.longest {
                return Err(self.too_long());
            }
            if self.reader.read_buf(&mut self.read).await? == 0 {
                let half = Error::new(ErrorKind::UnexpectedEof, "the last line has no end");
                return if self.read.is_empty() { Ok(None) } else { Err(half) };
            }
        }
    }

    fn too_long(&self) -> Error {
        Error::new(ErrorKind::InvalidData, format!("a line of more than {} bytes", self.longest))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn read(text: &[u8]) -> Vec<Result<Option<String>>> {
        let mut lines = Lines::new(text, 5);
        let mut all = Vec::new();
        loop {
            let line = lines.next().await.map(|line| line.map(|line| String::from_utf8(line).unwrap()));
            let is_last = !matches!(line, Ok(Some(_)));
            all.push(line);
            if is_last {
                return all;
            }
        }
    }

    #[tokio::test]
    async fn lines_end_with_a_line_feed_and_are_not_longer_than_that() {
        let shown = async |text: &[u8]| {
            let read = read(text).await.into_iter();
            read.map(|line| line.map_err(|error| error.kind())).collect::<Vec<_>>()
        };
        let some = |text: &str| Ok(Some(text.to_owned()));
        assert_eq!(shown(b"").await, [Ok(None)]);
        assert_eq!(shown(b"a\n\n12345\n").await, [some("a"), some(""), some("12345"), Ok(None)]);
        assert_eq!(shown(b"a\nb").await, [some("a"), Err(ErrorKind::UnexpectedEof)]);
        assert_eq!(shown(b"123456\n").await, [Err(ErrorKind::InvalidData)]);
        assert_eq!(shown(&[b'x'; 1 << 20]).await, [Err(ErrorKind::InvalidData)]);
    }
}
