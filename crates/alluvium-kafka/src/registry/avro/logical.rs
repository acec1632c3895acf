//! What Avro's logical types are as texts; `None` where a value is out of range.

use jiff::tz::TimeZone;
use jiff::{Span, Timestamp, civil};

/// The most bytes of a decimal, and the most digits behind its point: longer ones take too long.
const MOST: usize = 256;
const MOST_SCALE: u64 = 1000;

/// Days since 1970.
pub(super) fn date(days: i32) -> Option<String> {
    let span = Span::new().try_days(days).ok()?;
    civil::date(1970, 1, 1).checked_add(span).ok().map(|date| date.to_string())
}

/// Nanoseconds since midnight.
pub(super) fn time(nanoseconds: i128) -> Option<String> {
    let within = (0..86_400_000_000_000).contains(&nanoseconds);
    within.then(|| civil_of(nanoseconds).map(|moment| moment.time().to_string())).flatten()
}

/// Nanoseconds since 1970 in UTC.
pub(super) fn timestamp(nanoseconds: i128) -> Option<String> {
    Timestamp::from_nanosecond(nanoseconds).ok().map(|moment| moment.to_string())
}

/// The same in nobody knows which zone.
pub(super) fn local(nanoseconds: i128) -> Option<String> {
    civil_of(nanoseconds).map(|moment| moment.to_string())
}

fn civil_of(nanoseconds: i128) -> Option<civil::DateTime> {
    Timestamp::from_nanosecond(nanoseconds).ok().map(|moment| TimeZone::UTC.to_datetime(moment))
}

/// Months, days and milliseconds.
pub(super) fn duration(bytes: [u8; 12]) -> String {
    let [a, b, c, d, e, f, g, h, i, j, k, l] = bytes;
    let [months, days, milliseconds] = [[a, b, c, d], [e, f, g, h], [i, j, k, l]].map(u32::from_le_bytes);
    format!("P{months}M{days}DT{}.{:03}S", milliseconds / 1000, milliseconds % 1000)
}

/// A number in two's complement, its highest byte first, of which the last `scale` digits stand behind the
/// point.
pub(super) fn decimal(bytes: &[u8], scale: i64) -> Option<String> {
    let negative = bytes.first()? & 0x80 != 0;
    if bytes.len() > MOST || scale.unsigned_abs() > MOST_SCALE {
        return None;
    }
    let mut digits = digits(bytes, negative);
    let scale = match usize::try_from(scale) {
        Ok(scale) => scale,
        Err(_) => {
            let zeros = usize::try_from(scale.unsigned_abs()).ok()?;
            digits.push_str(&"0".repeat(if digits == "0" { 0 } else { zeros }));
            0
        }
    };
    let digits = format!("{digits:0>width$}", width = scale + 1);
    let (whole, fraction) = digits.split_at_checked(digits.len() - scale)?;
    let (sign, point) = (if negative { "-" } else { "" }, if scale > 0 { "." } else { "" });
    Some(format!("{sign}{whole}{point}{fraction}"))
}

/// The digits of a number without its sign.
fn digits(bytes: &[u8], negative: bool) -> String {
    const LIMB: u64 = 1_000_000_000;
    // In base 10⁹, the lowest first. Minus n is the complement of n, plus one.
    let mut limbs = vec![0_u64];
    let mut multiply_add = |factor: u64, mut carry: u64| {
        for limb in &mut limbs {
            let sum = *limb * factor + carry;
            (*limb, carry) = (sum % LIMB, sum / LIMB);
        }
        if carry > 0 {
            limbs.push(carry);
        }
    };
    for byte in bytes {
        multiply_add(256, u64::from(if negative { !byte } else { *byte }));
    }
    if negative {
        multiply_add(1, 1);
    }
    let mut limbs = limbs.into_iter().rev();
    let first = limbs.next().unwrap_or(0).to_string();
    limbs.fold(first, |digits, limb| format!("{digits}{limb:09}"))
}
