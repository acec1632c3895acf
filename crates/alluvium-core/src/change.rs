//! A document change: the only thing that enters the pipeline.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::access::Acl;
use crate::document::PreparedContent;
use crate::hash::Sha256;
use crate::id::DocId;
use crate::quarantine::Refusal;
use crate::version::Version;

/// What is to be done to one document. It has two halves, content and access, each guarded alone.
#[derive(Debug, Clone)]
pub struct DocumentChange {
    /// The document.
    pub doc_id: DocId,
    /// The content half; `None` where only access changes.
    pub content: Option<ContentChange>,
    /// The access half.
    pub access: AccessChange,
    /// Where and when the change came from.
    pub origin: Origin,
}

impl DocumentChange {
    /// How many bytes of content it carries.
    pub fn content_bytes(&self) -> u64 {
        match &self.content {
            Some(ContentChange::Upsert(upsert)) => upsert.bytes.len() as u64,
            Some(ContentChange::Prepared(content)) => content.bytes(),
            _ => 0,
        }
    }
}

/// The content half of a change.
#[derive(Debug, Clone)]
pub enum ContentChange {
    /// The document has this content now.
    Upsert(Box<Upsert>),
    /// The document is gone.
    Delete {
        /// The version of the deletion.
        version: Version,
    },
    /// The source knows of new content but could not give it: quarantined, the last good one stays.
    Refused {
        /// The version that could not be had.
        version: Version,
        /// Why.
        refusal: Refusal,
        /// Its hash, where the bytes could be read.
        hash: Option<Sha256>,
    },
    /// Another process has prepared it.
    Prepared(Box<PreparedContent>),
}

/// New content of a document.
#[derive(Debug, Clone)]
pub struct Upsert {
    /// The content's version.
    pub version: Version,
    /// The bytes as the source holds them.
    pub bytes: Vec<u8>,
    /// Hash of `bytes`.
    pub hash: Sha256,
    /// What the source says the bytes are; the extractor may find otherwise.
    pub media_type: MediaType,
    /// The label of the charset that the source says they are in, as it is written.
    pub charset: Option<String>,
    /// The document's title, where the source knows one better than its content does.
    pub title: Option<String>,
    /// Where a person finds the document.
    pub uri: String,
    /// When the content was last modified.
    pub modified_at: Option<Timestamp>,
    /// `key=value` pairs.
    pub metadata: Vec<String>,
}

/// The access half of a change.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum AccessChange {
    /// The change says nothing of access: what is known stays; an id without policy takes the default.
    Unsaid {
        /// The source's default, if it declares one.
        default: Option<Acl>,
    },
    /// The change declares the access list.
    Declared {
        /// The list's version.
        version: Version,
        /// The list, canonical.
        acl: Acl,
    },
    /// There should be a list and it can't be read, or there is none at all: the document is hidden, unless
    /// a list of this version or a newer one is known.
    Unreadable {
        /// The version that the list would have.
        #[serde(default = "Version::observed")]
        version: Version,
        /// What is wrong with it.
        #[serde(flatten)]
        refusal: Refusal,
    },
}

impl AccessChange {
    /// The version of the list, where there is or should be one.
    pub fn version(&self) -> Option<&Version> {
        match self {
            Self::Unsaid { .. } => None,
            Self::Declared { version, .. } | Self::Unreadable { version, .. } => Some(version),
        }
    }
}

/// Where a change came from.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Origin {
    /// The position in the source, such as `topic/partition/offset`, or `scan`.
    pub position: String,
    /// What the source wants to be told of the document at the next scan; opaque to all others.
    pub stamp: Option<String>,
    /// When the change happened, as its event says.
    pub event_time: Option<Timestamp>,
    /// The trace that the change belongs to.
    pub trace_id: Option<String>,
}

/// The formats that can be extracted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub enum MediaType {
    /// `application/pdf`
    #[serde(rename = "application/pdf")]
    Pdf,
    /// `text/html`
    #[serde(rename = "text/html")]
    Html,
    /// `application/xhtml+xml`
    #[serde(rename = "application/xhtml+xml")]
    Xhtml,
    /// `text/markdown`
    #[serde(rename = "text/markdown")]
    Markdown,
    /// `text/plain`
    #[serde(rename = "text/plain")]
    Plain,
}

impl MediaType {
    /// The format that a file name promises; `None` where none is supported.
    pub fn of_file_name(name: &str) -> Option<Self> {
        let (_, extension) = name.rsplit_once('.')?;
        match extension.to_ascii_lowercase().as_str() {
            "pdf" => Some(Self::Pdf),
            "html" | "htm" => Some(Self::Html),
            "xhtml" | "xht" => Some(Self::Xhtml),
            "md" | "markdown" | "mdown" | "mkd" => Some(Self::Markdown),
            "txt" | "text" | "log" | "rst" | "adoc" | "org" => Some(Self::Plain),
            _ => None,
        }
    }

    /// The format of a MIME type; parameters are ignored.
    pub fn of_mime(mime: &str) -> Option<Self> {
        match mime.split(';').next().unwrap_or("").trim().to_ascii_lowercase().as_str() {
            "application/pdf" => Some(Self::Pdf),
            "text/html" => Some(Self::Html),
            "application/xhtml+xml" => Some(Self::Xhtml),
            "text/markdown" | "text/x-markdown" => Some(Self::Markdown),
            "text/plain" => Some(Self::Plain),
            _ => None,
        }
    }

    /// The charset that a MIME type names: `text/plain; charset="iso-8859-15"`. As it is written, and bounded.
    pub fn charset_of_mime(mime: &str) -> Option<String> {
        const LONGEST: usize = 40;
        let named = |parameter: &str| {
            let (name, value) = parameter.split_once('=')?;
            let value = value.trim().trim_matches(['"', '\'']).trim();
            let fits =
                name.trim().eq_ignore_ascii_case("charset") && !value.is_empty() && value.len() <= LONGEST;
            fits.then(|| value.to_owned())
        };
        mime.split(';').skip(1).find_map(named)
    }

    /// The MIME type.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Pdf => "application/pdf",
            Self::Html => "text/html",
            Self::Xhtml => "application/xhtml+xml",
            Self::Markdown => "text/markdown",
            Self::Plain => "text/plain",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_charset_of_a_mime_type() {
        for (mime, expect) in [
            ("text/plain; charset=iso-8859-15", Some("iso-8859-15")),
            ("text/plain;format=flowed; Charset = \"UTF-16\" ", Some("UTF-16")),
            ("text/plain; x-charset=a", None),
            ("text/plain", None),
            ("text/plain; charset=", None),
        ] {
            assert_eq!(MediaType::charset_of_mime(mime).as_deref(), expect, "{mime}");
        }
    }
}
