use encoding_rs::{EUC_KR, GBK, KOI8_R, SHIFT_JIS, WINDOWS_1251};

use super::*;

fn said<'a>(transport: Option<&'a str>, document: Option<&'a str>) -> Declared<'a> {
    Declared { transport, document }
}

#[track_caller]
fn check(bytes: &[u8], declared: Declared<'_>, expect: &str, replaced: u64) {
    let expect = Decoded { text: expect.to_owned(), replaced };
    assert_eq!(decode(bytes, declared).unwrap(), expect);
}

const NOTHING: Declared<'static> = Declared { transport: None, document: None };
const JAPANESE: &str = "これは日本語の文章です。文字コードを推定します。";
const RUSSIAN: &str = "Это обычный русский текст в старой кодировке.";

#[test]
fn charsets_in_order() {
    check("grün".as_bytes(), NOTHING, "grün", 0);
    check(b"\xef\xbb\xbfgr\xc3\xbcn", said(Some("latin1"), None), "grün", 0);
    check(b"gr\xfcn", said(None, Some("iso-8859-1")), "grün", 0);
    check(b"\xa4", said(Some("iso-8859-15"), Some("utf-8")), "€", 0);
    check(b"\xa4", said(Some("no-such-charset"), Some("iso-8859-15")), "€", 0);
    let (lied, _, _) = SHIFT_JIS.encode(JAPANESE);
    check(&lied, said(None, Some("utf-8")), JAPANESE, 0);
    check("сообщение об ошибке".as_bytes(), NOTHING, "сообщение об ошибке", 0);
    check(&KOI8_R.encode(RUSSIAN).0, NOTHING, RUSSIAN, 0);
    check(&WINDOWS_1251.encode(RUSSIAN).0, NOTHING, RUSSIAN, 0);
    check(&SHIFT_JIS.encode(JAPANESE).0, NOTHING, JAPANESE, 0);
    check("日本".as_bytes(), said(None, Some("utf-16")), "日本", 0);
}

/// One foreign byte anywhere in a text of UTF-8 costs one character, whatever the language.
#[test]
fn a_foreign_byte_makes_no_other_charset_of_utf_8() {
    let texts = [
        "Über Größe und Maß der schönen Brücken am Fluß",
        JAPANESE,
        RUSSIAN,
        "Dağlar ağır ağır yürür",
        "한국어 문장은 이렇게 씁니다",
    ];
    for text in texts {
        for at in [0, text.chars().count() / 2, text.chars().count()] {
            let byte = text.char_indices().nth(at).map_or(text.len(), |(byte, _)| byte);
            let (before, after) = text.split_at(byte);
            for foreign in [b"\xfc".as_slice(), b"\xe9", b"\xff", b"\x96"] {
                let bytes = [before.as_bytes(), foreign, after.as_bytes()].concat();
                check(&bytes, NOTHING, &format!("{before}\u{fffd}{after}"), 1);
            }
        }
        // Cut in the middle of a last character.
        let cut = [text.as_bytes(), b"\xe6\x97"].concat();
        check(&cut, NOTHING, &format!("{text}\u{fffd}"), 1);
        check(&cut, said(Some("utf-8"), None), &format!("{text}\u{fffd}"), 1);
    }
    let quoted = "ein \u{fffd} aus fremder Hand, und schöne Größe ".as_bytes();
    check(quoted, NOTHING, std::str::from_utf8(quoted).unwrap(), 0);
}

#[test]
fn other_charsets_are_still_guessed() {
    let korean = "한국어 문장은 이렇게 쓰며 문자 집합을 알아맞히는 데 충분히 깁니다.";
    check(&EUC_KR.encode(korean).0, NOTHING, korean, 0);
    let chinese = "这是一个用来判断字符编码的中文句子，应该足够长。";
    check(&GBK.encode(chinese).0, NOTHING, chinese, 0);
    check(b"gr\xfcn und sch\xf6n", NOTHING, "grün und schön", 0);
}

fn utf16(text: &str, little: bool) -> Vec<u8> {
    text.encode_utf16().flat_map(|u| if little { u.to_le_bytes() } else { u.to_be_bytes() }).collect()
}

fn utf32(text: &str, little: bool) -> Vec<u8> {
    text.chars().map(u32::from).flat_map(|u| if little { u.to_le_bytes() } else { u.to_be_bytes() }).collect()
}

#[test]
fn units_are_told_with_and_without_marks_in_every_script() {
    let texts = [
        "without a mark",
        "Größe ohne Marke",
        "Привет, мир\nи ещё строка 2\n",
        "日本語の文章です。\n二行目 2\n",
        "这是一个句子。\n第二行 2\n",
        "한국어 문장 하나\n",
        "سطر أول\nسطر ثان\n",
        "नमस्ते दुनिया\n",
        "ประโยคภาษาไทย 1\n",
    ];
    for text in texts {
        for little in [true, false] {
            for (bytes, label) in [(utf16(text, little), "utf-16"), (utf32(text, little), "utf-32")] {
                check(&bytes, NOTHING, text, 0);
                check(&bytes, said(Some(label), None), text, 0);
                check(&bytes, said(None, Some("iso-8859-1")), text, 0);
            }
            for marked in
                [utf16(&format!("\u{feff}{text}"), little), utf32(&format!("\u{feff}{text}"), little)]
            {
                check(&marked, NOTHING, text, 0);
            }
        }
    }
    check(
        "plain text, wrongly labelled".as_bytes(),
        said(Some("utf-16"), None),
        "plain text, wrongly labelled",
        0,
    );
    let log = format!("{}\0{}", "a line of a log\n".repeat(50), "and one more\n".repeat(50));
    assert_eq!(decode(log.as_bytes(), NOTHING).unwrap().text, log, "a stray zero is no other charset");
}

#[test]
fn binary_is_not_text() {
    let elf: Vec<u8> = b"\x7fELF\x02\x01\x01\0\0\0\0\0\0\0\0\0".repeat(40);
    assert_eq!(decode(&elf, NOTHING).unwrap_err().cause, Cause::NotText);
    let repeated = [0u8, 159, 146, 150, 0, 1, 2, 3].repeat(200);
    assert_eq!(decode(&repeated, NOTHING).unwrap_err().cause, Cause::NotText);
    let noise: Vec<u8> = (0..4096u32).map(|i| (i.wrapping_mul(2_654_435_761) >> 13) as u8).collect();
    assert_eq!(decode(&noise, NOTHING).unwrap_err().cause, Cause::NotText);
}
