//! `[[source.content_bucket]]`: buckets of an S3-compatible store that events may take content from.

use serde::Serialize;

use crate::error::{ConfigError, Problem};
use crate::host::{is_loopback, is_plain, split};
use crate::reader::{Reader, Text, quote};
use crate::secret::secret;
use crate::units::Reason;
use crate::value::Value;

pub(crate) const BUCKET: &[&str] = &[
    "bucket",
    "prefix",
    "endpoint",
    "allow_http",
    "region",
    "access_key_id",
    "secret_access_key",
    "session_token",
];

const NAME: &str = "the name of a bucket, of letters, digits, '-', '_' and '.'";
const PREFIX: &str = "how the keys begin that may be read, such as \"handbook/\"";
const ENDPOINT: &str = "where the store is, such as \"https://minio.example.org:9000\"";
const REGION: &str = "the store's region, such as \"eu-central-1\"";
const KEY_ID: &str = "the id of the access key";
const SECRET: &str = "an environment variable that holds the secret, such as \"${AWS_SECRET_ACCESS_KEY}\"";
const TOKEN: &str = "an environment variable that holds the token, such as \"${AWS_SESSION_TOKEN}\"";

/// A bucket, or what lies beneath a prefix in one.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct BucketSettings {
    /// Its name.
    pub bucket: Value<String>,
    /// The path that keys begin with, without a slash at its end; all keys without.
    pub prefix: Option<Value<String>>,
    /// `scheme://host` or `scheme://host:port`; Amazon's without.
    pub endpoint: Option<Value<String>>,
    /// The region; `us-east-1` without.
    pub region: Option<Value<String>>,
    /// Who we are to the store; requests are not signed without.
    pub access_key: Option<AccessKeySettings>,
}

/// An access key.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct AccessKeySettings {
    /// Its id.
    pub id: Value<String>,
    /// Its secret.
    pub secret: Value<String>,
    /// What goes with a key that is valid for a while.
    pub session_token: Option<Value<String>>,
}

pub(crate) fn parse_content_buckets(reader: &Reader<'_>) -> Result<Vec<BucketSettings>, ConfigError> {
    let tables = reader.tables_if_any("content_bucket")?;
    let bucket = |(path, table): (String, _)| parse_bucket(&Reader::new(reader.context(), &path, table));
    tables.into_iter().map(bucket).collect()
}

fn parse_bucket(reader: &Reader<'_>) -> Result<BucketSettings, ConfigError> {
    reader.check_keys(BUCKET)?;
    Ok(BucketSettings {
        bucket: reader.required("bucket", NAME)?.parse(name)?,
        prefix: reader.text("prefix", PREFIX)?.map(|text| text.parse(prefix)).transpose()?,
        endpoint: parse_endpoint(reader)?,
        region: reader.text("region", REGION)?.map(|text| text.parse(name)).transpose()?,
        access_key: parse_access_key(reader)?,
    })
}

fn parse_access_key(reader: &Reader<'_>) -> Result<Option<AccessKeySettings>, ConfigError> {
    let id = reader.text("access_key_id", KEY_ID)?.map(|text| text.parse(name)).transpose()?;
    let key = secret(reader, "secret_access_key", SECRET)?;
    let session_token = secret(reader, "session_token", TOKEN)?;
    match (id, key, session_token) {
        (Some(id), Some(secret), session_token) => Ok(Some(AccessKeySettings { id, secret, session_token })),
        (None, None, None) => Ok(None),
        (None, _, _) => Err(reader.missing("access_key_id", KEY_ID)),
        (_, None, _) => Err(reader.missing("secret_access_key", SECRET)),
    }
}

/// In the clear only to this machine, or where the file says so.
fn parse_endpoint(reader: &Reader<'_>) -> Result<Option<Value<String>>, ConfigError> {
    let allow_http = reader.flag("allow_http")?;
    let parse = |text: Text<'_>| text.parse(endpoint);
    let Some(endpoint) = reader.text("endpoint", ENDPOINT)?.map(parse).transpose()? else { return Ok(None) };
    if endpoint.starts_with("http://")
        && !allow_http
        && !split(&endpoint).is_some_and(|(_, host, _)| is_loopback(host))
    {
        let expected = "an https:// endpoint, or allow_http = true, with which contents go in the clear";
        let (expected, found) = (expected.to_owned(), quote(endpoint.written()));
        return Err(reader.error("endpoint", Problem::Wrong { expected, found, nearest: None }));
    }
    Ok(Some(endpoint))
}

fn name(text: &str) -> Result<String, Reason> {
    match text {
        "" => Err("is empty".into()),
        "." | ".." => Err("is no name".into()),
        text if !text.chars().all(is_plain) => Err("holds another character".into()),
        text => Ok(text.to_owned()),
    }
}

/// Whole segments of a key.
fn prefix(text: &str) -> Result<String, Reason> {
    let path = text.strip_suffix('/').unwrap_or(text);
    match path {
        path if path.chars().any(char::is_control) => Err("holds a control character".into()),
        path if path.split('/').any(|part| matches!(part, "" | "." | "..")) => {
            Err("has a segment that is empty, \".\" or \"..\"".into())
        }
        path => Ok(path.to_owned()),
    }
}

fn endpoint(text: &str) -> Result<String, Reason> {
    let url = text.strip_suffix('/').unwrap_or(text);
    let rest = url.strip_prefix("https://").or_else(|| url.strip_prefix("http://"));
    let rest = rest.ok_or("begins with neither https:// nor http://")?;
    let (host, port) = split_port(rest);
    let numeric = host.strip_prefix('[').and_then(|host| host.strip_suffix(']'));
    let numeric = numeric.is_some_and(|host| host.parse::<std::net::Ipv6Addr>().is_ok());
    if !numeric && (host.is_empty() || !host.chars().all(is_plain)) {
        return Err("has no host, or more than host and port; an IPv6 address stands in brackets".into());
    }
    match port.map(str::parse::<u16>) {
        None | Some(Ok(1..)) => Ok(url.to_owned()),
        Some(_) => Err("has a port that is none".into()),
    }
}

/// Host and port of what follows a scheme.
fn split_port(rest: &str) -> (&str, Option<&str>) {
    match rest.rsplit_once(':') {
        Some((host, port)) if !port.contains(']') => (host, Some(port)),
        _ => (rest, None),
    }
}
