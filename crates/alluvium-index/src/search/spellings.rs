//! One word, several tokens: Lance lowers letter by letter, which leaves marks behind that depend on the
//! case that a text was written in. A query looks all of them up. Pure.
//!
//! `İ` becomes an i with a dot of its own, `Σ` never a final sigma, Greek capitals have no accents where
//! small letters do, and the Armenian ligature `և` has two letters in capitals. Everything else that differs
//! by case alone comes out alike (`ß`, `ẞ` and `SS`; the Kelvin sign; `ſ`; Cherokee and Georgian).

/// Most letters of a word that may be spelled either way: beyond that only the likely ways are looked up.
const MAX_CHOICES: u32 = 4;
/// Longest word in bytes that has other spellings: the index has none that is much longer.
const MAX_WORD: usize = 128;
/// Most other spellings of one word.
const MAX_OTHERS: usize = 32;
const VOWELS: [(char, char); 9] = [
    ('α', 'ά'),
    ('ε', 'έ'),
    ('η', 'ή'),
    ('ι', 'ί'),
    ('ο', 'ό'),
    ('υ', 'ύ'),
    ('ω', 'ώ'),
    ('ϊ', 'ΐ'),
    ('ϋ', 'ΰ'),
];
const ARMENIAN: [&str; 3] = ["եվ", "եւ", "և"];

/// The spelling that stands for all of a word's spellings.
pub(crate) fn common(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            'İ' | 'ı' => out.push('i'),
            'և' => out.push_str(ARMENIAN[0]),
            'Σ' | 'ς' => out.push('σ'),
            c => out.extend(c.to_lowercase().map(unaccented)),
        }
    }
    out.replace(ARMENIAN[1], ARMENIAN[0])
}

/// The other spellings of a word in its common spelling, likely ones first; few, and mostly none.
pub(crate) fn others(word: &str) -> Vec<String> {
    if word.len() > MAX_WORD {
        return Vec::new();
    }
    let mut others = match word.chars().next() {
        Some('a'..='z' | 'ç' | 'ö' | 'ü' | 'ş' | 'ğ') => turkish(word),
        Some('\u{370}'..='\u{3ff}') => greek(word),
        Some('\u{530}'..='\u{58f}') => armenian(word),
        _ => Vec::new(),
    };
    others.truncate(MAX_OTHERS);
    others
}

fn unaccented(c: char) -> char {
    VOWELS.into_iter().find(|(_, accented)| *accented == c).map_or(c, |(plain, _)| plain)
}

/// Each i may be of a capital that has a dot. Words with letters that Turkish lacks have none.
fn turkish(word: &str) -> Vec<String> {
    let choices = u32::try_from(word.matches('i').count()).unwrap_or(u32::MAX);
    if choices == 0 || word.contains(['q', 'w', 'x']) {
        return Vec::new();
    }
    let dotted = |is_dotted: &dyn Fn(u32) -> bool| {
        let mut nth = 0_u32;
        let mut spelled = String::with_capacity(word.len() * 2);
        for c in word.chars() {
            if c == 'i' {
                spelled.push(if is_dotted(nth) { 'İ' } else { 'i' });
                nth += 1;
            } else {
                spelled.push(c);
            }
        }
        spelled
    };
    if choices <= MAX_CHOICES {
        return (1..1_u32 << choices).map(|set| dotted(&|nth| set >> nth & 1 == 1)).collect();
    }
    let all = dotted(&|_| true);
    let one = (0..choices).take(MAX_OTHERS).map(|only| dotted(&|nth| nth == only));
    [all].into_iter().chain(one).collect()
}

/// With an accent on each vowel in turn, and with a final sigma.
fn greek(word: &str) -> Vec<String> {
    let accents = word.char_indices().filter_map(|(at, c)| {
        let (_, accented) = VOWELS.into_iter().find(|(plain, _)| *plain == c)?;
        let (before, after) = (word.get(..at)?, word.get(at + c.len_utf8()..)?);
        Some(format!("{before}{accented}{after}"))
    });
    let accented: Vec<String> =
        std::iter::once(word.to_owned()).chain(accents).take(MAX_OTHERS / 2).collect();
    let last = |spelling: &String| spelling.strip_suffix('σ').map(|stem| format!("{stem}ς"));
    let finals: Vec<String> = accented.iter().filter_map(last).collect();
    finals.into_iter().chain(accented.into_iter().skip(1)).collect()
}

fn armenian(word: &str) -> Vec<String> {
    let [letters, rest @ ..] = ARMENIAN;
    let spelled = rest.into_iter().filter(|_| word.contains(letters));
    spelled.map(|other| word.replace(letters, other)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use lance_index::scalar::inverted::InvertedIndexParams;

    /// The tokens that an index makes of a text.
    fn tokens(text: &str) -> Vec<String> {
        let params: InvertedIndexParams = crate::indexes::words();
        let mut tokenizer = params.build().unwrap();
        let mut stream = tokenizer.token_stream_for_doc(text);
        let mut tokens = Vec::new();
        while let Some(token) = stream.next() {
            tokens.push(token.text.clone());
        }
        tokens
    }

    #[test]
    fn whatever_case_a_text_is_in_its_token_is_looked_up() {
        for spellings in [
            &["İstanbul", "istanbul", "Istanbul", "ISTANBUL", "İSTANBUL"][..],
            &["Diyarbakır", "DİYARBAKIR", "DIYARBAKIR", "diyarbakir"],
            &["İzmir", "İZMİR", "izmir"],
            &["ilişkilendirilebilir", "İLİŞKİLENDİRİLEBİLİR", "İlişkilendirilebilir"],
            &["straße", "STRASSE", "STRAẞE", "Strasse"],
            &["οδός", "ΟΔΟΣ", "Οδός", "ΟΔΌΣ"],
            &["Ευρωπαϊκός", "ΕΥΡΩΠΑΪΚΟΣ"],
            &["Σίσυφος", "ΣΙΣΥΦΟΣ"],
            &["Երևան", "ԵՐԵՎԱՆ", "ԵՐԵՒԱՆ"],
            &["\u{212a}elvin", "kelvin", "KELVIN"],
            &["ſtein", "STEIN", "stein"],
            &["ᏣᎳᎩ", "ꮳꮃꭹ"],
            &["ᲗᲑᲘᲚᲘᲡᲘ", "თბილისი"],
            &["ǅungla", "ǆungla", "DŽUNGLA"],
            &["ÉTÉ", "été", "e\u{301}te\u{301}"],
            &["МОСКВА", "Москва"],
        ] {
            for query in spellings {
                let looked_up = tokens(&super::super::words::words(query).unwrap());
                for text in spellings {
                    let text = alluvium_core::text::normalize(text);
                    let token = tokens(&text);
                    assert!(token.iter().all(|t| looked_up.contains(t)), "{query}: {text} is {token:?}");
                }
            }
        }
    }

    #[test]
    fn spellings_are_few() {
        let long = "i".repeat(10_000);
        for word in ["words", "q2i", "wifi", "語彙", "москва", "", &long] {
            assert_eq!(others(word), Vec::<String>::new(), "{word}");
        }
        for long in ["i".repeat(100), "α".repeat(60), "եվ".repeat(30), "is".repeat(4)] {
            let spelled = others(&long);
            assert!(!spelled.is_empty() && spelled.len() <= MAX_OTHERS && !spelled.contains(&long));
        }
    }
}
