//! Times as people write them in conditions: a moment, or a whole day in UTC. Pure.

use std::fmt;

use datafusion_expr::{Expr, col};
use jiff::civil::Date;
use jiff::tz::TimeZone;
use jiff::{Timestamp, ToSpan};

use crate::filter::instant;
use crate::search::condition::Comparison;

/// What a time is compared with: the microseconds from `start` to before `end`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Moment {
    written: String,
    start: i64,
    end: i64,
}

impl Moment {
    /// Reads a day such as `2026-03-01`, or a moment of RFC 3339. A year or a month alone is neither.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        let (start, end) = match day(text) {
            Some(day) => (midnight(day)?, midnight(day.checked_add(1.day()).ok()?)?),
            None => {
                let moment: Timestamp = text.parse().ok()?;
                (moment.as_microsecond(), moment.as_microsecond().checked_add(1)?)
            }
        };
        Some(Self { written: text.to_owned(), start, end })
    }

    /// A column of times compared with this: before all of it, within, or after.
    pub(crate) fn compared(&self, column: &str, comparison: Comparison) -> Expr {
        let (start, end) = (instant(self.start), instant(self.end));
        match comparison {
            Comparison::Equal => col(column).gt_eq(start).and(col(column).lt(end)),
            Comparison::Unequal => col(column).lt(start).or(col(column).gt_eq(end)),
            Comparison::Less => col(column).lt(start),
            Comparison::AtMost => col(column).lt(end),
            Comparison::Greater => col(column).gt_eq(end),
            Comparison::AtLeast => col(column).gt_eq(start),
        }
    }
}

impl fmt::Display for Moment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.written)
    }
}

fn day(text: &str) -> Option<Date> {
    let is_day = text.len() == 10 && text.chars().all(|c| c.is_ascii_digit() || c == '-');
    is_day.then(|| text.parse().ok()).flatten()
}

fn midnight(day: Date) -> Option<i64> {
    day.to_zoned(TimeZone::UTC).ok().map(|midnight| midnight.timestamp().as_microsecond())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_day_is_all_of_it_and_a_moment_a_microsecond() {
        let day = Moment::parse("1970-01-02").unwrap();
        assert_eq!((day.start, day.end), (86_400_000_000, 2 * 86_400_000_000));
        let moment = Moment::parse("1970-01-02T01:00:00+01:00").unwrap();
        assert_eq!((moment.start, moment.end), (86_400_000_000, 86_400_000_001));
        assert_eq!(moment.to_string(), "1970-01-02T01:00:00+01:00");
        for none in ["2026", "2026-03", "20260301", "2026-02-30", "2026-03-01T10:00", "9999-12-31"] {
            assert_eq!(Moment::parse(none), None, "{none}");
        }
    }
}
