//! Durations and sizes with their units: `"30s"`, `"7d"`, `"1GiB"`.

use std::borrow::Cow;
use std::time::Duration;

/// What a duration looks like.
pub(crate) const DURATION: &str = "a duration with its unit (ms, s, m, h, d, w), such as \"30s\"";
/// What a size looks like.
pub(crate) const SIZE: &str = "a size with its unit (B, KiB, MiB, GiB, TiB), such as \"64MiB\"";
/// The longest duration, in milliseconds: a hundred years. Longer ones overflow calendars.
const LONGEST: u64 = 36_500 * 86_400_000;

/// Why a value was refused. A borrowed reason is fixed text; an owned one may quote the value and is
/// not shown where that came from a variable.
pub(crate) type Reason = Cow<'static, str>;

pub(crate) fn duration(text: &str) -> Result<Duration, Reason> {
    let (number, unit) = split(text)?;
    let milliseconds = match unit {
        "ms" => 1,
        "s" => 1000,
        "m" => 60_000,
        "h" => 3_600_000,
        "d" => 86_400_000,
        "w" => 7 * 86_400_000,
        _ => return Err(no_unit(unit)),
    };
    match number.checked_mul(milliseconds) {
        Some(total) if total <= LONGEST => Ok(Duration::from_millis(total)),
        _ => Err("is more than a hundred years".into()),
    }
}

pub(crate) fn size(text: &str) -> Result<u64, Reason> {
    let (number, unit) = split(text)?;
    let bytes: u64 = match unit {
        "B" => 1,
        "KiB" => 1 << 10,
        "MiB" => 1 << 20,
        "GiB" => 1 << 30,
        "TiB" => 1 << 40,
        "kB" | "KB" => 1000,
        "MB" => 1_000_000,
        "GB" => 1_000_000_000,
        "TB" => 1_000_000_000_000,
        _ => return Err(no_unit(unit)),
    };
    number.checked_mul(bytes).ok_or_else(|| "is too large".into())
}

fn split(text: &str) -> Result<(u64, &str), Reason> {
    let end = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
    let (number, unit) = text.split_at(end);
    let number = number
        .parse()
        .map_err(|_| if number.is_empty() { "does not start with a whole number" } else { "is too large" })?;
    Ok((number, unit))
}

fn no_unit(unit: &str) -> Reason {
    if unit.is_empty() { "has no unit".into() } else { format!("has the unknown unit {unit:?}").into() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations() {
        assert_eq!(duration("250ms"), Ok(Duration::from_millis(250)));
        assert_eq!(duration("7d"), Ok(Duration::from_secs(7 * 86_400)));
        for bad in ["", "30", "s", "-1s", "1.5h", "30 s", "5y", "99999999999999999999s", "36501d"] {
            assert!(duration(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn sizes() {
        assert_eq!(size("64MiB"), Ok(64 << 20));
        assert_eq!(size("1kB"), Ok(1000));
        for bad in ["", "64", "64M", "64mib", "MiB", "99999999TiB", "18446744073709551616B"] {
            assert!(size(bad).is_err(), "{bad}");
        }
    }
}
