use super::*;
use crate::limits::Limits;

fn read(bytes: &[u8]) -> Result<(Piece, Meta), Failure> {
    extract(bytes, &Asked { limits: &Limits::default(), charset: None, keeps_hidden: false })
}

fn text(source: &str) -> String {
    let (piece, _) = read(source.as_bytes()).unwrap();
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
    let (piece, meta) = read(source.as_bytes()).unwrap();
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
    let extracted = |bytes: &[u8]| read(bytes).unwrap().0.text;
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
    let cause = |source: &str| read(source.as_bytes()).unwrap_err().cause;
    assert_eq!(cause("<html><script>only()</script>"), Cause::Empty);
    assert_eq!(cause(&"<div>".repeat(300_000)), Cause::Corrupt);
    assert_eq!(text(&format!("{}x", "<div>".repeat(3_000))), "x");
    let unclosed = text(&"<p>x<li>y".repeat(30_000));
    assert_eq!(unclosed.matches('y').count(), 30_000, "tags that are often left open don't nest");
}

#[test]
fn what_readers_do_not_see_is_left_out_and_counted() {
    for hidden in [
        "<p hidden>no</p>",
        "<p hidden=until-found>no</p>",
        "<div style='display:none'><p>no</p></div>",
        "<span style='visibility: hidden'>no</span>",
        "<dialog>no</dialog>",
        "<template><p>no</p></template>",
        "<noscript>no</noscript>",
        "<video>no</video><canvas>no</canvas><object>no</object>",
        "<p style='color:#fff;background-color:white'>no</p>",
        "<p style='font-size:0'>no</p>",
        "<p style='position:absolute;left:-9999px'>no</p>",
        "<style>.secret { display: none } @media print { p { display: none } }</style><b class='x secret'>no</b>",
        "<style>#s{visibility:hidden}</style><b id=s>no</b>",
        "<style media=all>@media screen{.s{display:none}}</style><b class=s>no</b>",
        "<div style='visibility:hidden'><p style='font-size:16px;color:red'>no</p></div>",
        "<input type=hidden value=no><input type=password value=no>",
        "<!-- no -->",
    ] {
        let source = format!("<body><p>a</p>{hidden}<p>b</p>");
        assert_eq!(text(&source), "a\n\nb", "{hidden}");
    }
    let counted = read(b"<p>a</p><p hidden>four <b>more</b></p><script>not this</script>").unwrap().1.notes;
    assert_eq!(counted.hidden_characters, 8);
    let kept = Asked { limits: &Limits::default(), charset: None, keeps_hidden: true };
    assert_eq!(extract(b"<p>a</p><p hidden>b</p>", &kept).unwrap().0.text, "a\n\nb");
}

#[test]
fn what_is_shown_stays() {
    for (shown, expect) in [
        ("<details><summary>s</summary>closed</details>", "s\nclosed"),
        ("<dialog open>d</dialog>", "d"),
        ("<div><template shadowrootmode=open><p>s</p></template></div>", "s"),
        ("a<img src=x alt='a picture'>b", "a a picture b"),
        ("<p aria-hidden=true>x</p>", "x"),
        ("<div style='visibility:hidden'>no <b style='visibility:visible'>yes</b></div>", "yes"),
        ("<style>.tab{display:none} .tab.active{display:block}</style><p class='tab active'>t</p>", "t"),
        ("<style>@media print{.n{display:none}}</style><p class=n>n</p>", "n"),
        ("<p style='color:white'>w</p>", "w"),
        ("<div style='font-size:0px'><div style='font-size:16px'>text</div></div>", "text"),
        ("<div style='color:#fff;background:#fff'><p style='color:#000'>text</p></div>", "text"),
        ("<style>.tab{display:none}</style><div class=tab style='display:block'>t</div>", "t"),
        ("<style>.fade{opacity:0} .fade.show{opacity:1}</style><p class='fade show'>f</p>", "f"),
        ("<h1 style='color:transparent;background-clip:text'>Gradient</h1>", "Gradient"),
        (
            "<table><tr><td style='max-width:0;overflow:hidden;text-overflow:ellipsis'>c</td></tr></table>",
            "c",
        ),
        ("<button>Save</button><input type=submit value=Send>", "Save Send"),
    ] {
        assert_eq!(text(shown), expect, "{shown}");
    }
}

#[test]
fn words_are_parted_where_a_reader_sees_them_parted() {
    assert_eq!(text("<nav><a href=1>Home</a><a href=2>About</a> <a href=3>Us</a></nav>"), "Home About Us");
    assert_eq!(text("<p>the <a href=x>dog</a>s b<b>ar</b>k<wbr>ing"), "the dogs barking");
    assert_eq!(text("<button>A</button><button>B</button>"), "A B");
    assert_eq!(text("<label>Name</label><input value=Ada>"), "Name Ada");
}

#[test]
fn data_is_left_out() {
    let (piece, meta) = read(format!("<p>a {} b</p>", "iVBORw0KGgo9".repeat(200)).as_bytes()).unwrap();
    assert_eq!(piece.text, "a […] b");
    assert_eq!(meta.notes.encoded_bytes, 2400);
}

#[test]
fn a_foreign_byte_makes_no_other_charset_of_a_page() {
    let page =
        [b"<meta charset=utf-8><p>".as_slice(), "schöne Größe ".repeat(9).as_bytes(), b"Gr\xfc"].concat();
    let (piece, meta) = read(&page).unwrap();
    assert!(piece.text.starts_with("schöne Größe") && piece.text.ends_with("Gr\u{fffd}"), "{}", piece.text);
    assert_eq!(meta.notes.replaced_characters, 1);
}
