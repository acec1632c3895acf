//! A tiny PDF writer for tests: text pages, outlines, pictures, encryption markers and bombs.

use std::fmt::Write;
use std::io::Write as _;

/// Objects of a PDF under construction; number 1 is the catalog, number 2 the page tree.
pub struct Pdf {
    objects: Vec<Vec<u8>>,
    pages: Vec<usize>,
    catalog: String,
    trailer: String,
}

impl Pdf {
    pub fn new() -> Self {
        let font =
            b"<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica /Encoding /WinAnsiEncoding >>".to_vec();
        let objects = vec![Vec::new(), Vec::new(), font];
        Self { objects, pages: Vec::new(), catalog: String::new(), trailer: String::new() }
    }

    /// A document of text pages, each line of a text on a line of its page.
    pub fn of(pages: &[&str]) -> Vec<u8> {
        let mut pdf = Self::new();
        for text in pages {
            pdf.text_page(text);
        }
        pdf.finish()
    }

    /// Adds an object and gives its number.
    pub fn object(&mut self, body: impl Into<Vec<u8>>) -> usize {
        self.objects.push(body.into());
        self.objects.len()
    }

    pub fn stream(&mut self, dictionary: &str, data: &[u8]) -> usize {
        let mut body = format!("<< /Length {} {dictionary} >>\nstream\n", data.len()).into_bytes();
        body.extend_from_slice(data);
        body.extend_from_slice(b"\nendstream");
        self.object(body)
    }

    pub fn text_page(&mut self, text: &str) -> usize {
        let mut content = String::from("BT /F1 12 Tf 14 TL 72 760 Td\n");
        for line in text.lines() {
            writeln!(content, "({line}) Tj T*").unwrap();
        }
        content.push_str("ET");
        let content = if text.is_empty() { String::new() } else { content };
        self.page(&content, "")
    }

    pub fn page(&mut self, content: &str, resources: &str) -> usize {
        let content = self.stream("", content.as_bytes());
        self.page_of(content, resources)
    }

    /// A page whose content is an object.
    pub fn page_of(&mut self, content: usize, resources: &str) -> usize {
        let page = self.object(format!(
            "<< /Type /Page /Parent 2 0 R /MediaBox [0 0 612 792] /Contents {content} 0 R \
             /Resources << /Font << /F1 3 0 R >> {resources} >> >>"
        ));
        self.pages.push(page);
        page
    }

    /// A page with more entries of its own.
    pub fn page_with(&mut self, content: &str, entries: &str) -> usize {
        let content = self.stream("", content.as_bytes());
        let page = self.object(format!(
            "<< /Type /Page /Parent 2 0 R /MediaBox [0 0 612 792] /Contents {content} 0 R \
             /Resources << /Font << /F1 3 0 R >> >> {entries} >>"
        ));
        self.pages.push(page);
        page
    }

    pub fn catalog(&mut self, entry: &str) {
        self.catalog.push_str(entry);
    }

    pub fn trailer(&mut self, entry: &str) {
        self.trailer.push_str(entry);
    }

    pub fn finish(mut self) -> Vec<u8> {
        let kids: String = self.pages.iter().map(|page| format!("{page} 0 R ")).collect();
        self.objects[0] = format!("<< /Type /Catalog /Pages 2 0 R {} >>", self.catalog).into_bytes();
        self.objects[1] =
            format!("<< /Type /Pages /Kids [{kids}] /Count {} >>", self.pages.len()).into_bytes();
        let (mut out, mut xref) = (b"%PDF-1.7\n".to_vec(), String::new());
        for (i, body) in self.objects.iter().enumerate() {
            writeln!(xref, "{:010} 00000 n ", out.len()).unwrap();
            out.extend_from_slice(format!("{} 0 obj\n", i + 1).as_bytes());
            out.extend_from_slice(body);
            out.extend_from_slice(b"\nendobj\n");
        }
        let (start, size) = (out.len(), self.objects.len() + 1);
        let trailer = &self.trailer;
        out.extend_from_slice(
            format!(
                "xref\n0 {size}\n0000000000 65535 f \n{xref}trailer\n<< /Size {size} /Root 1 0 R {trailer} >>\n\
                 startxref\n{start}\n%%EOF\n"
            )
            .as_bytes(),
        );
        out
    }
}

/// A document that needs a password: its keys fit none.
pub fn encrypted() -> Vec<u8> {
    let mut pdf = Pdf::new();
    pdf.text_page("secret");
    let (owner, user) = ("ab".repeat(32), "cd".repeat(32));
    pdf.trailer(&format!(
        "/Encrypt << /Filter /Standard /V 2 /R 3 /Length 128 /P -3904 /O <{owner}> /U <{user}> >> \
         /ID [<00112233445566778899aabbccddeeff> <00112233445566778899aabbccddeeff>]"
    ));
    pdf.finish()
}

/// A scan: a picture on each page, and no text.
pub fn image_only() -> Vec<u8> {
    let mut pdf = Pdf::new();
    let image = pdf.stream(
        "/Type /XObject /Subtype /Image /Width 2 /Height 2 /ColorSpace /DeviceGray /BitsPerComponent 8",
        &[0, 255, 255, 0],
    );
    pdf.page("q 612 0 0 792 0 0 cm /Im1 Do Q", &format!("/XObject << /Im1 {image} 0 R >>"));
    pdf.finish()
}

/// A content stream that unpacks to `megabytes` of operators, compressed twice.
pub fn bomb(megabytes: usize) -> Vec<u8> {
    let deflate = |data: &mut dyn Iterator<Item = Vec<u8>>| {
        let mut encoder = flate2::write::ZlibEncoder::new(Vec::new(), flate2::Compression::best());
        for part in data {
            encoder.write_all(&part).unwrap();
        }
        encoder.finish().unwrap()
    };
    let part = b"0 0 m 1 1 l S ".repeat(1 << 16);
    let inner = deflate(&mut (0..=(megabytes << 20) / part.len()).map(|_| part.clone()));
    let data = deflate(&mut std::iter::once(inner));
    let mut pdf = Pdf::new();
    let content = pdf.stream("/Filter [/FlateDecode /FlateDecode]", &data);
    pdf.page_of(content, "");
    pdf.finish()
}

/// Forms that draw forms, `deep` of them.
pub fn nested_forms(deep: usize) -> Vec<u8> {
    let mut pdf = Pdf::new();
    let mut inner = pdf.stream("/Type /XObject /Subtype /Form /BBox [0 0 9 9]", b"BT (deep) Tj ET");
    for _ in 0..deep {
        let resources = format!("/Resources << /XObject << /X {inner} 0 R >> >>");
        inner = pdf.stream(&format!("/Type /XObject /Subtype /Form /BBox [0 0 9 9] {resources}"), b"/X Do");
    }
    pdf.page("/X Do", &format!("/XObject << /X {inner} 0 R >>"));
    pdf.finish()
}

/// An array nested so deep that a recursive parser runs out of stack.
pub fn nested_arrays(deep: usize) -> Vec<u8> {
    let mut pdf = Pdf::new();
    pdf.text_page("before");
    let (open, close) = ("[".repeat(deep), "]".repeat(deep));
    let nest = pdf.object(format!("{open}{close}"));
    pdf.catalog(&format!("/Metadata {nest} 0 R /Names {nest} 0 R /Outlines {nest} 0 R"));
    pdf.finish()
}
