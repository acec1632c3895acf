use super::*;

fn text(source: &str) -> String {
    let (piece, _) = extract(source.as_bytes(), &Limits::default()).unwrap();
    for h in &piece.headings {
        let line = piece.text[h.start..].lines().next().unwrap();
        assert_eq!(line, h.title, "a heading starts where it says");
    }
    piece.text
}

#[test]
fn blocks_lines_and_cells() {
    let source = "<!doctype html><title>T</title><body><h1>Head <em>line</em></h1><p>One  two\n three.</p>
        <div>four<br>five</div><ul><li>a</li><li><p>b</p><ul><li>c</ul></ul>
        <table><tr><th>k</th><th>v</th></tr><tr><td><p>x</p></td><td>1&nbsp;&amp;&nbsp;2<br>3</td></tr></table>tail";
    let expect = "Head line\n\nOne two three.\n\nfour\nfive\n\na\nb\nc\n\nk | v\nx | 1 & 2 3\n\ntail";
    assert_eq!(text(source), expect);
}

#[test]
fn what_is_not_text_is_left_out() {
    let source = "<head><style>a{}</style><title>T</title></head><p>a<script>b</script><noscript>c</noscript>
        <template>d</template><svg><style>x</style><text>e</text></svg><!-- f --></p>";
    assert_eq!(text(source), "a e");
}

#[test]
fn preformatted_text_keeps_its_lines() {
    assert_eq!(text("<p>a</p><pre>fn x() {\n    y\n}\n</pre><p>b"), "a\n\nfn x() {\n    y\n}\n\nb");
}

#[test]
fn headings_titles_and_language() {
    let source = "<html lang=de-AT><title> Der\n Titel </title><h1>Eins</h1><p>x</p><h2>Zwei<br>Komma</h2>y
        <table><tr><td><h3>Drei</h3>z</td></tr></table>";
    let (piece, meta) = extract(source.as_bytes(), &Limits::default()).unwrap();
    let found: Vec<_> = piece.headings.iter().map(|h| (h.level, h.title.as_str())).collect();
    assert_eq!(found, [(1, "Eins"), (2, "Zwei Komma"), (3, "Drei")]);
    assert_eq!(meta.title.as_deref(), Some("Der Titel"));
    assert_eq!(meta.language.as_deref(), Some("de-AT"));
    text(source);
}

#[test]
fn offsets_hold_after_normalization() {
    assert_eq!(text("<p>Cafe\u{301}\u{ad}</p><h1>E\u{301}te\u{301}</h1>"), "Café\n\nÉté");
}

#[test]
fn charset_of_the_document() {
    let extracted = |bytes: &[u8]| extract(bytes, &Limits::default()).unwrap().0.text;
    assert_eq!(extracted(b"<meta charset=iso-8859-2><p>\xb1\xe6"), "ąć");
    assert_eq!(
        extracted(b"<meta http-equiv=Content-Type content='text/html; charset=windows-1251'><p>\xcf\xf0\xe8"),
        "При"
    );
    assert_eq!(extracted("<p>grün".as_bytes()), "grün");
    let cut =
        [b"<meta charset=utf-8><p>".as_slice(), "grün und schön ".repeat(9).as_bytes(), b"\xe2\x80"].concat();
    assert!(extracted(&cut).starts_with("grün und schön"), "one bad character does not unmake a declaration");
}

#[test]
fn empty_and_hostile() {
    let cause = |source: &str| extract(source.as_bytes(), &Limits::default()).unwrap_err().cause;
    assert_eq!(cause("<html><script>only()</script>"), Cause::Empty);
    assert_eq!(cause(&"<div>".repeat(300_000)), Cause::Corrupt);
    assert_eq!(text(&format!("{}x", "<div>".repeat(3_000))), "x");
    let unclosed = text(&"<p>x<li>y".repeat(30_000));
    assert_eq!(unclosed.matches('y').count(), 30_000, "tags that are often left open don't nest");
}
