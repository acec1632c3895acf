//! A vector between processes: its numbers as little-endian bytes in base64, so that each comes back as it
//! was, also one that is not finite: whoever reads it is to refuse it.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde::{Deserialize, Deserializer, Serializer, de};

const SIZE: usize = size_of::<f32>();

pub(crate) fn serialize<S: Serializer>(vector: &[f32], serializer: S) -> Result<S::Ok, S::Error> {
    let bytes: Vec<u8> = vector.iter().flat_map(|number| number.to_le_bytes()).collect();
    serializer.serialize_str(&STANDARD.encode(bytes))
}

pub(crate) fn deserialize<'d, D: Deserializer<'d>>(deserializer: D) -> Result<Vec<f32>, D::Error> {
    let text = <std::borrow::Cow<'_, str>>::deserialize(deserializer)?;
    let bytes = STANDARD.decode(text.as_bytes()).map_err(de::Error::custom)?;
    let (numbers, rest) = bytes.as_chunks::<SIZE>();
    if !rest.is_empty() {
        return Err(de::Error::custom("a vector of bytes that are no numbers"));
    }
    Ok(numbers.iter().map(|number| f32::from_le_bytes(*number)).collect())
}

#[cfg(test)]
mod tests {
    use serde::Serialize;

    use super::*;

    #[derive(Serialize, Deserialize)]
    struct Holder(#[serde(with = "super")] Vec<f32>);

    #[test]
    fn numbers_come_back_bit_by_bit() {
        let numbers = vec![0.0, -0.0, 1.5, f32::MIN_POSITIVE / 2.0, f32::INFINITY, f32::NAN, f32::MAX];
        let bits = |numbers: &[f32]| numbers.iter().map(|number| number.to_bits()).collect::<Vec<_>>();
        for numbers in [numbers, Vec::new()] {
            let text = serde_json::to_string(&Holder(numbers.clone())).unwrap();
            let Holder(back) = serde_json::from_str(&text).unwrap();
            assert_eq!(bits(&back), bits(&numbers));
        }
    }

    #[test]
    fn bytes_that_are_no_numbers_are_refused() {
        assert!(serde_json::from_str::<Holder>("\"AAAA\"").is_err(), "three bytes");
        assert!(serde_json::from_str::<Holder>("\"no base64\"").is_err());
    }
}
