//! Hosts within URLs.

use std::net::IpAddr;

/// Scheme, host without brackets, and what follows it.
pub(crate) fn split(url: &str) -> Option<(&str, &str, &str)> {
    let (scheme, rest) = url.split_once("://")?;
    let (host, rest) = match rest.strip_prefix('[') {
        Some(rest) => rest.split_once(']')?,
        None => rest.split_at(rest.find([':', '/']).unwrap_or(rest.len())),
    };
    Some((scheme, host, rest))
}

/// Whether a host is this machine, so that nobody between can listen.
pub(crate) fn is_loopback(host: &str) -> bool {
    host == "localhost" || host.parse().is_ok_and(|host: IpAddr| host.is_loopback())
}

/// What names of hosts, of buckets and of their like are made of.
pub(crate) fn is_plain(c: char) -> bool {
    c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.')
}
