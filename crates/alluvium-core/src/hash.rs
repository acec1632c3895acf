//! One hash for everything: SHA-256, written as 64 lower-case hexadecimal digits.

use std::fmt;

use serde::{Deserialize, Serialize};
use sha2::Digest;

/// A SHA-256 digest in hexadecimal.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Sha256(String);

/// The text is not 64 lower-case hexadecimal digits.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("is not a SHA-256 in lower-case hexadecimal")]
pub struct HashError;

impl Sha256 {
    /// The digest of `bytes`.
    pub fn of(bytes: impl AsRef<[u8]>) -> Self {
        Self::finish(sha2::Sha256::new_with_prefix(bytes))
    }

    /// The digest of several parts, each preceded by its length so that no two lists of parts collide.
    pub fn of_parts<P: AsRef<[u8]>>(parts: impl IntoIterator<Item = P>) -> Self {
        let mut hasher = sha2::Sha256::new();
        for part in parts {
            hasher.update((part.as_ref().len() as u64).to_be_bytes());
            hasher.update(part);
        }
        Self::finish(hasher)
    }

    /// The digest of a value's canonical JSON. Values must serialize with a fixed order of keys.
    pub fn of_json(value: &impl Serialize) -> Self {
        // Serializing our own plain structs cannot fail; an empty text would still be a valid input.
        Self::of(serde_json::to_vec(value).unwrap_or_default())
    }

    fn finish(hasher: sha2::Sha256) -> Self {
        let digit = |nibble: u8| char::from_digit(u32::from(nibble), 16).unwrap_or_default();
        Self(hasher.finalize().iter().flat_map(|byte| [digit(byte >> 4), digit(byte & 15)]).collect())
    }

    /// The digest as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The first `digits` hexadecimal digits.
    pub fn short(&self, digits: usize) -> &str {
        self.0.get(..digits).unwrap_or(&self.0)
    }
}

impl TryFrom<String> for Sha256 {
    type Error = HashError;
    fn try_from(text: String) -> Result<Self, HashError> {
        let valid = text.len() == 64 && text.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f'));
        if valid { Ok(Self(text)) } else { Err(HashError) }
    }
}

impl From<Sha256> for String {
    fn from(hash: Sha256) -> String {
        hash.0
    }
}

impl fmt::Display for Sha256 {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_digest_is_the_standard_one() {
        let abc = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
        assert_eq!(Sha256::of("abc").as_str(), abc);
        assert_eq!(Sha256::try_from(abc.to_owned()), Ok(Sha256::of("abc")));
        assert_eq!(Sha256::try_from(abc.to_uppercase()), Err(HashError));
    }

    #[test]
    fn parts_do_not_run_into_each_other() {
        assert_ne!(Sha256::of_parts(["ab", "c"]), Sha256::of_parts(["a", "bc"]));
    }
}
