//! What the pool and its workers say to each other, in frames over the worker's stdin and stdout.
//!
//! A frame is `header length (u32, little endian) · body length (u64) · header (JSON) · body (bytes)`.
//! Lengths are checked before anything is allocated. The pool trusts nothing that a worker says: a worker
//! has read a hostile document.

use std::io::{self, Read, Write};

use alluvium_core::change::MediaType;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use crate::limits::Limits;
use crate::outcome::{Failure, Meta, Piece};
use crate::pdf::PdfEngineName;

/// What the pool says.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(tag = "say", rename_all = "snake_case")]
pub(crate) enum Request {
    /// First, and once: what the worker may use. It hardens itself by it before it reads a document.
    Start { limits: Limits },
    /// A document, in the body. `engine` is for PDFs.
    Extract {
        media_type: MediaType,
        engine: PdfEngineName,
        /// The label of the charset that the source names.
        #[serde(default)]
        charset: Option<String>,
        /// What readers do not see is text, too.
        #[serde(default)]
        keeps_hidden: bool,
    },
}

/// What a worker says. Each document ends in `Done` or `Failed`.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(tag = "say", rename_all = "snake_case")]
pub(crate) enum Reply {
    /// Hardened, and ready for documents.
    Ready { sandbox: Sandbox },
    /// A piece; its text is the body.
    Piece(Piece),
    /// All pieces are told.
    Done(Meta),
    /// There is no text, or no more of it.
    Failed(Failure),
}

/// What protects the system from a worker.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Sandbox {
    /// Resource limits that are in force.
    pub limits: Vec<String>,
    /// Whether the process can gain no privileges.
    pub no_new_privs: bool,
    /// How much of landlock's file and network denial the kernel enforces: `full`, `partial` or `none`.
    pub landlock: String,
}

/// Longest header: an outline of some ten thousand headings fits.
pub(crate) const MAX_HEADER: usize = 16 << 20;

const PREFIX: usize = 12;

/// The start of a frame: the lengths of header and body.
pub(crate) fn parse_prefix(prefix: [u8; PREFIX], max_body: u64) -> io::Result<(usize, usize)> {
    let [a, b, c, d, body @ ..] = prefix;
    let header = u32::from_le_bytes([a, b, c, d]) as usize;
    let body = u64::from_le_bytes(body);
    if header > MAX_HEADER || body > max_body {
        return Err(bad(format!("a frame of {header} + {body} bytes is over the limit")));
    }
    let body = usize::try_from(body).map_err(|_| bad("a frame is over the address space"))?;
    Ok((header, body))
}

/// The start of a frame with its header; the body follows.
pub(crate) fn encode(header: &impl Serialize, body: &[u8]) -> io::Result<Vec<u8>> {
    let header = serde_json::to_vec(header)?;
    let length = u32::try_from(header.len()).map_err(|_| bad("a header is over 4 GiB"))?;
    let mut out = Vec::with_capacity(PREFIX + header.len());
    out.extend_from_slice(&length.to_le_bytes());
    out.extend_from_slice(&(body.len() as u64).to_le_bytes());
    out.extend_from_slice(&header);
    Ok(out)
}

/// Reads a header.
pub(crate) fn decode<H: DeserializeOwned>(header: &[u8]) -> io::Result<H> {
    Ok(serde_json::from_slice(header)?)
}

/// Writes a frame.
pub(crate) fn write(to: &mut impl Write, header: &impl Serialize, body: &[u8]) -> io::Result<()> {
    to.write_all(&encode(header, body)?)?;
    to.write_all(body)?;
    to.flush()
}

/// Reads a frame; `None` at a clean end.
pub(crate) fn read<H: DeserializeOwned>(
    from: &mut impl Read,
    max_body: u64,
) -> io::Result<Option<(H, Vec<u8>)>> {
    let mut prefix = [0; PREFIX];
    let [first, rest @ ..] = &mut prefix;
    if from.read(std::slice::from_mut(first))? == 0 {
        return Ok(None);
    }
    from.read_exact(rest)?;
    let (header, body) = parse_prefix(prefix, max_body)?;
    let (mut header, mut body) = (vec![0; header], vec![0; body]);
    from.read_exact(&mut header)?;
    from.read_exact(&mut body)?;
    Ok(Some((decode(&header)?, body)))
}

fn bad(what: impl Into<String>) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, what.into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn frames_round_trip_and_are_bounded() {
        let mut wire = Vec::new();
        let engine = PdfEngineName::Pdfboss;
        let (media_type, charset, keeps_hidden) = (MediaType::Pdf, None, false);
        write(&mut wire, &Request::Extract { media_type, engine, charset, keeps_hidden }, b"body").unwrap();
        let (header, body): (Request, _) = read(&mut wire.as_slice(), 4).unwrap().unwrap();
        assert!(matches!(header, Request::Extract { media_type: MediaType::Pdf, .. }));
        assert_eq!(body, b"body");
        assert!(read::<Request>(&mut wire.as_slice(), 3).is_err(), "a body over the limit");
        assert!(read::<Request>(&mut &wire[..5], 4).is_err(), "cut off");
        assert!(read::<Request>(&mut [].as_slice(), 4).unwrap().is_none(), "a clean end");
        assert!(parse_prefix([0xff; PREFIX], u64::MAX).is_err());
    }
}
