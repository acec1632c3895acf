//! The registry of the schemas that messages were written with.

use std::path::{Path, PathBuf};

use serde::Serialize;

use super::parse_list;
use super::security::parse_username;
use crate::error::{ConfigError, Problem};
use crate::host::{is_loopback, is_plain, split};
use crate::reader::Reader;
use crate::secret::secret;
use crate::source::local_path;
use crate::units::Reason;
use crate::value::Value;

pub(crate) const REGISTRY: &[&str] = &["urls", "username", "password", "ca", "keys"];

const URL: &str = "the URL of a schema registry such as \"https://registry.example.org:8081\"";
const USERNAME: &str = "the name that the registry knows us by";
const PASSWORD: &str = "an environment variable that holds the secret, such as \"${REGISTRY_PASSWORD}\"";
const CA: &str = "a file of certificates (PEM) that vouch for that of the registry";

/// `[source.schema_registry]`
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct RegistrySettings {
    /// Where it answers, tried in turn; at least one.
    pub urls: Vec<Value<String>>,
    /// Who we are to it.
    #[serde(flatten)]
    pub credentials: Option<CredentialSettings>,
    /// Certificates that vouch for that of the registry; the system's without.
    pub ca: Option<Value<PathBuf>>,
    /// Whether keys are framed, too.
    pub keys: bool,
}

/// Name and password.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct CredentialSettings {
    /// The name.
    pub username: Value<String>,
    /// The password.
    pub password: Value<String>,
}

pub(super) fn parse_registry(
    source: &Reader<'_>,
    folder: &Path,
) -> Result<Option<Box<RegistrySettings>>, ConfigError> {
    let Some(table) = source.table("schema_registry")? else { return Ok(None) };
    let path = source.path_of("schema_registry");
    let reader = Reader::new(source.context(), &path, table);
    reader.check_keys(REGISTRY)?;
    // What stands before the "@" may be a secret, and is not said.
    if reader.texts("urls", URL)?.unwrap_or_default().into_iter().any(|url| url.plain().contains('@')) {
        let expected = "URLs without a name and a password, which have keys of their own".to_owned();
        let found = "one with an \"@\"".to_owned();
        return Err(reader.error("urls", Problem::Wrong { expected, found, nearest: None }));
    }
    let urls = parse_list(&reader, "urls", URL, url)?;
    let ca = reader.text("ca", CA)?.map(|file| file.parse(|file| local_path(file, folder))).transpose()?;
    let credentials = parse_credentials(&reader, &urls)?;
    let keys = reader.flag("keys")?;
    Ok(Some(Box::new(RegistrySettings { urls, credentials, ca, keys })))
}

fn parse_credentials(
    reader: &Reader<'_>,
    urls: &[Value<String>],
) -> Result<Option<CredentialSettings>, ConfigError> {
    let username = reader.text("username", USERNAME)?.map(parse_username).transpose()?;
    let (username, password) = match (username, secret(reader, "password", PASSWORD)?) {
        (Some(username), Some(password)) => (username, password),
        (None, None) => return Ok(None),
        (None, _) => return Err(reader.missing("username", USERNAME)),
        (_, None) => return Err(reader.missing("password", PASSWORD)),
    };
    if let Some(open) = urls.iter().find(|url| !is_private(url)) {
        let expected = "no password, or urls with https://, without which it is sent openly".to_owned();
        let found = crate::reader::quote(open.written());
        return Err(reader.error("password", Problem::Wrong { expected, found, nearest: None }));
    }
    Ok(Some(CredentialSettings { username, password }))
}

/// Whether nobody between us and it can listen.
fn is_private(url: &str) -> bool {
    match split(url) {
        Some(("http", host, _)) => is_loopback(host),
        _ => true,
    }
}

fn url(text: &str) -> Result<String, Reason> {
    let (scheme, host, rest) = split(text).ok_or("must read https://host:port")?;
    if !matches!(scheme, "http" | "https") {
        return Err("must begin with https:// or http://".into());
    }
    let named = !host.is_empty() && host.chars().all(is_plain);
    if !named && host.parse::<std::net::Ipv6Addr>().is_err() {
        return Err("must read https://host:port".into());
    }
    let (port, path) = rest.split_at(rest.find('/').unwrap_or(rest.len()));
    if !port.is_empty() && !port.strip_prefix(':').is_some_and(|port| matches!(port.parse::<u16>(), Ok(1..)))
    {
        return Err("has a port that is none".into());
    }
    let of_path = |c: char| is_plain(c) || matches!(c, '/' | '~');
    if !path.chars().all(of_path) || path.split('/').any(|part| matches!(part, "." | "..")) {
        return Err("has a path with other characters than letters, digits, '-', '_', '.' and '~'".into());
    }
    Ok(text.to_owned())
}
