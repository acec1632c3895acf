//! Reading one table of numbers out of a safetensors file.
//!
//! The format: a header's length as eight bytes little-endian, a JSON object (tensor name → dtype,
//! shape, byte range in what follows), then the bytes. Every number in it is checked against the
//! file before it is used: a malformed file is an error, never a panic or a large allocation.

use serde_json::{Map, Value};

/// Headers of real files are kilobytes; the format's own limit is this.
const MAX_HEADER_BYTES: u64 = 100_000_000;

/// How a number is stored.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Number {
    F32,
    F16,
    Bf16,
}

impl Number {
    fn of(dtype: &str) -> Result<Self, String> {
        match dtype {
            "F32" => Ok(Self::F32),
            "F16" => Ok(Self::F16),
            "BF16" => Ok(Self::Bf16),
            other => Err(format!("numbers of type {other} are not read (F32, F16 and BF16 are)")),
        }
    }

    const fn bytes(self) -> usize {
        match self {
            Self::F32 => 4,
            Self::F16 | Self::Bf16 => 2,
        }
    }
}

/// A two-dimensional tensor, still as its bytes.
#[derive(Debug)]
pub(crate) struct Table<'a> {
    number: Number,
    rows: usize,
    columns: usize,
    data: &'a [u8],
}

impl<'a> Table<'a> {
    /// Finds the tensor of this name in the bytes of a file.
    pub(crate) fn parse(file: &'a [u8], name: &str) -> Result<Self, String> {
        let (header, data) = split(file)?;
        let tensor = header
            .get(name)
            .and_then(Value::as_object)
            .ok_or_else(|| format!("it has no tensor `{name}`"))?;
        let number = Number::of(tensor.get("dtype").and_then(Value::as_str).unwrap_or("?"))?;
        let [rows, columns] = pair(tensor, "shape")?;
        let [from, to] = pair(tensor, "data_offsets")?;
        let data = data.get(from..to).ok_or_else(|| {
            format!("tensor `{name}` says bytes {from} to {to}, the file has {}", data.len())
        })?;
        let expected = rows.checked_mul(columns).and_then(|n| n.checked_mul(number.bytes()));
        if expected != Some(data.len()) || rows == 0 || columns == 0 {
            return Err(format!("tensor `{name}` of {rows} x {columns} has {} bytes", data.len()));
        }
        Ok(Self { number, rows, columns, data })
    }

    /// How many rows there are.
    pub(crate) fn rows(&self) -> usize {
        self.rows
    }

    /// How many numbers a row has.
    pub(crate) fn columns(&self) -> usize {
        self.columns
    }

    /// The rows in order, each as its numbers' little-endian `f32` bytes.
    pub(crate) fn f32_rows(&self) -> impl Iterator<Item = Vec<u8>> + '_ {
        let number = self.number;
        self.data.chunks_exact(self.columns * number.bytes()).map(move |row| match number {
            Number::F32 => row.to_vec(),
            Number::F16 => widen(row, f16_to_f32),
            Number::Bf16 => widen(row, |bits| f32::from_bits(u32::from(bits) << 16)),
        })
    }
}

fn split(file: &[u8]) -> Result<(Map<String, Value>, &[u8]), String> {
    let (length, rest) = file.split_first_chunk::<8>().ok_or("it is shorter than its header")?;
    let length = u64::from_le_bytes(*length);
    if length > MAX_HEADER_BYTES {
        return Err(format!("its header says that it has {length} bytes"));
    }
    let (header, data) = usize::try_from(length)
        .ok()
        .and_then(|length| rest.split_at_checked(length))
        .ok_or("it is shorter than its header")?;
    match serde_json::from_slice(header) {
        Ok(Value::Object(tensors)) => Ok((tensors, data)),
        Ok(_) => Err("its header is not a JSON object".to_owned()),
        Err(error) => Err(format!("its header is not JSON: {error}")),
    }
}

fn pair(tensor: &Map<String, Value>, key: &str) -> Result<[usize; 2], String> {
    let number = |value: &Value| value.as_u64().and_then(|number| usize::try_from(number).ok());
    let found = match tensor.get(key).and_then(Value::as_array).map(Vec::as_slice) {
        Some([a, b]) => number(a).zip(number(b)),
        _ => None,
    };
    found.map(|(a, b)| [a, b]).ok_or_else(|| format!("its `{key}` is not two whole numbers"))
}

fn widen(row: &[u8], widen: impl Fn(u16) -> f32) -> Vec<u8> {
    let (halves, _) = row.as_chunks::<2>();
    halves.iter().flat_map(|half| widen(u16::from_le_bytes(*half)).to_le_bytes()).collect()
}

/// IEEE 754 half precision: one sign bit, five of exponent (bias 15), ten of fraction.
fn f16_to_f32(bits: u16) -> f32 {
    let sign = u32::from(bits & 0x8000) << 16;
    let exponent = u32::from((bits >> 10) & 0x1f);
    let fraction = u32::from(bits & 0x03ff);
    match (exponent, fraction) {
        // Zero and subnormals: the fraction counts steps of 2^-24.
        (0, _) => {
            #[expect(clippy::cast_precision_loss, reason = "ten bits fit a float's 24")]
            let magnitude = fraction as f32 * 2.0_f32.powi(-24);
            f32::from_bits(magnitude.to_bits() | sign)
        }
        (0x1f, _) => f32::from_bits(sign | 0x7f80_0000 | (fraction << 13)),
        (_, _) => f32::from_bits(sign | ((exponent + 112) << 23) | (fraction << 13)),
    }
}

#[cfg(test)]
mod tests;
