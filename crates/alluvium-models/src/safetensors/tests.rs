//! The parser over good files, bad files and noise.

use proptest::prelude::*;

use super::*;

/// A file with this header and these data.
pub(crate) fn file(header: &str, data: &[u8]) -> Vec<u8> {
    let length = (header.len() as u64).to_le_bytes();
    [&length, header.as_bytes(), data].concat()
}

fn numbers(table: &Table<'_>) -> Vec<f32> {
    let rows: Vec<u8> = table.f32_rows().flatten().collect();
    rows.as_chunks::<4>().0.iter().map(|bytes| f32::from_le_bytes(*bytes)).collect()
}

#[test]
fn reads_all_three_number_types() {
    let full: Vec<u8> = [1.0_f32, -2.5].iter().flat_map(|n| n.to_le_bytes()).collect();
    let half: Vec<u8> = [0x3c00_u16, 0xc100].iter().flat_map(|n| n.to_le_bytes()).collect();
    let brain: Vec<u8> = [0x3f80_u16, 0xc020].iter().flat_map(|n| n.to_le_bytes()).collect();
    for (dtype, data) in [("F32", full), ("F16", half), ("BF16", brain)] {
        let header =
            format!(r#"{{"e":{{"dtype":"{dtype}","shape":[1,2],"data_offsets":[0,{}]}}}}"#, data.len());
        let file = file(&header, &data);
        let table = Table::parse(&file, "e").unwrap();
        assert_eq!((table.rows(), table.columns()), (1, 2));
        assert_eq!(numbers(&table), [1.0, -2.5], "{dtype}");
    }
}

#[test]
fn half_precision_at_its_edges() {
    assert_eq!(f16_to_f32(0x0000).to_bits(), 0.0_f32.to_bits());
    assert_eq!(f16_to_f32(0x8000).to_bits(), (-0.0_f32).to_bits());
    assert_eq!(f16_to_f32(0x0001), 2.0_f32.powi(-24), "the smallest subnormal");
    assert_eq!(f16_to_f32(0x7bff), 65504.0, "the largest");
    assert_eq!(f16_to_f32(0xfc00), f32::NEG_INFINITY);
    assert!(f16_to_f32(0x7e00).is_nan());
}

#[test]
fn malformed_files_say_what_is_wrong() {
    let shape = |shape: &str, offsets: &str| {
        format!(r#"{{"e":{{"dtype":"F32","shape":{shape},"data_offsets":{offsets}}}}}"#)
    };
    let cases: [(Vec<u8>, &str); 11] = [
        (b"".to_vec(), "shorter"),
        (b"\x09\0\0\0\0\0\0\0{}".to_vec(), "shorter"),
        ([0xff; 16].to_vec(), "says that it has"),
        (file("nonsense", b""), "not JSON"),
        (file("[]", b""), "not a JSON object"),
        (file("{}", b""), "no tensor `e`"),
        (file(r#"{"e":{"dtype":"I64"}}"#, b""), "I64"),
        (file(&shape("[1]", "[0,4]"), b"abcd"), "`shape`"),
        (file(&shape("[1,-1]", "[0,4]"), b"abcd"), "`shape`"),
        (file(&shape("[1,2]", "[0,8]"), b"abcd"), "the file has 4"),
        (file(&shape("[9223372036854775807,9]", "[0,4]"), b"abcd"), "has 4 bytes"),
    ];
    for (bytes, expected) in cases {
        let why = Table::parse(&bytes, "e").unwrap_err();
        assert!(why.contains(expected), "{why} should say {expected}");
    }
    let backwards = file(&shape("[1,1]", "[4,0]"), b"abcd");
    assert!(Table::parse(&backwards, "e").is_err());
}

proptest! {
    #[test]
    fn noise_is_never_a_panic(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
        let _ = Table::parse(&bytes, "e");
    }

    #[test]
    fn noisy_numbers_are_never_a_panic(
        rows in any::<u64>(), columns in any::<u64>(), from in any::<u64>(), to in 0_u64..64,
    ) {
        let header = format!(
            r#"{{"e":{{"dtype":"F16","shape":[{rows},{columns}],"data_offsets":[{from},{to}]}}}}"#
        );
        let bytes = file(&header, &[0; 32]);
        if let Ok(table) = Table::parse(&bytes, "e") {
            prop_assert_eq!(table.f32_rows().count(), table.rows());
        }
    }
}
