//! Secrets, which the file itself must not hold: it is shown, copied and kept in repositories.

use crate::error::{ConfigError, Problem};
use crate::reader::Reader;
use crate::value::Value;

/// A secret out of an environment variable; `expected` says so. What is written there instead is not said,
/// as it may be the secret.
pub(crate) fn secret<'a>(
    reader: &Reader<'a>,
    key: &str,
    expected: &'a str,
) -> Result<Option<Value<String>>, ConfigError> {
    let Some(text) = reader.text(key, expected)? else { return Ok(None) };
    if !text.is_interpolated() {
        let (expected, found) = (expected.to_owned(), "a secret in the file".to_owned());
        return Err(reader.error(key, Problem::Wrong { expected, found, nearest: None }));
    }
    let secret = text.parse(|secret| match secret {
        "" => Err("is empty".into()),
        secret if secret.contains('\0') => Err("holds a zero byte".into()),
        secret => Ok(secret.to_owned()),
    });
    secret.map(Some)
}
