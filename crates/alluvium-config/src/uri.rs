//! `index.uri`: a local path or a `file://` URI for now; any other scheme is refused by name.

use std::path::{Path, PathBuf};

use alluvium_core::percent::decode;

use crate::units::Reason;

/// What `index.uri` looks like.
pub(crate) const EXPECTED: &str = "a local path or a file:// URI";

/// Schemes that people will try. A scheme out of a variable is named only if it is one of these.
const KNOWN: [(&str, &str); 9] = [
    ("s3", "s3:// is not supported yet"),
    ("s3a", "s3a:// is not supported yet"),
    ("gs", "gs:// is not supported yet"),
    ("gcs", "gcs:// is not supported yet"),
    ("az", "az:// is not supported yet"),
    ("abfs", "abfs:// is not supported yet"),
    ("abfss", "abfss:// is not supported yet"),
    ("http", "http:// is not supported"),
    ("https", "https:// is not supported"),
];

/// The path of `uri`, relative ones beneath `folder`.
pub(crate) fn local_path(uri: &str, folder: &Path) -> Result<PathBuf, Reason> {
    if uri.trim().is_empty() {
        return Err("is empty".into());
    }
    let Some((scheme, rest)) = uri.split_once("://").filter(|(scheme, _)| is_scheme(scheme)) else {
        return beneath(uri, folder);
    };
    if !scheme.eq_ignore_ascii_case("file") {
        let known = KNOWN.iter().find(|(name, _)| scheme.eq_ignore_ascii_case(name));
        return Err(
            known.map_or_else(|| format!("the scheme {scheme}:// is not supported").into(), |k| k.1.into())
        );
    }
    let path = rest.strip_prefix("localhost").unwrap_or(rest);
    if !path.starts_with('/') {
        return Err("a file:// URI needs an absolute path: file:///srv/index".into());
    }
    decode(path).map(PathBuf::from).ok_or_else(|| "has a bad percent escape".into())
}

/// A path, relative ones beneath `folder`. `~` is the shell's: taken by its word it would be a folder of that
/// name.
pub(crate) fn beneath(path: &str, folder: &Path) -> Result<PathBuf, Reason> {
    if path == "~" || path.starts_with("~/") {
        return Err("~ is not expanded here: write ${HOME} instead, or ./~ for a folder of that name".into());
    }
    Ok(folder.join(path))
}

fn is_scheme(text: &str) -> bool {
    text.starts_with(|c: char| c.is_ascii_alphabetic())
        && text.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '+' | '-' | '.'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_and_schemes() {
        let path = |uri: &str| local_path(uri, Path::new("/p"));
        assert_eq!(path("index"), Ok("/p/index".into()));
        assert_eq!(path("/abs/x"), Ok("/abs/x".into()));
        assert_eq!(path("file:///a%20b/c"), Ok("/a b/c".into()));
        assert_eq!(path("FILE://localhost/a"), Ok("/a".into()));
        for bad in
            ["", " ", "s3://b/p", "S3://b", "gs://b", "az://c", "lance+x://y", "file://host/x", "file:///%zz"]
        {
            assert!(path(bad).is_err(), "{bad}");
        }
        for home in ["~", "~/index"] {
            assert!(path(home).is_err_and(|why| why.to_string().contains("${HOME}")), "{home}");
        }
        assert_eq!(path("./~/index"), Ok("/p/./~/index".into()));
        assert_eq!(path("a~/~b"), Ok("/p/a~/~b".into()));
        assert_eq!(path("weird dir://x"), Ok("/p/weird dir://x".into()), "not a scheme");
    }
}
