"""Writes files that bite into a folder, and prints how many.

usage: hostile.py FOLDER
"""

import json
import pathlib
import random
import sys
import zlib

folder = pathlib.Path(sys.argv[1])
folder.mkdir(parents=True, exist_ok=True)
MIB = 1 << 20


def deflate(unit, times):
    """`unit` so many times, compressed without holding it all."""
    packer = zlib.compressobj(1)
    return b"".join(packer.compress(unit) for _ in range(times)) + packer.flush()


def stream(content, entries=b""):
    return b"<< /Length %d %s >>\nstream\n%s\nendstream" % (len(content), entries, content)


def pdf(objects, trailer=b""):
    """A PDF of numbered objects, 1 the catalog."""
    data, table = b"%PDF-1.5\n", {}
    for number in sorted(objects):
        table[number] = len(data)
        data += b"%d 0 obj\n%s\nendobj\n" % (number, objects[number])
    size = max(objects) + 1
    start = len(data)
    data += b"xref\n0 %d\n0000000000 65535 f \n" % size
    for number in range(1, size):
        data += b"%010d 00000 n \n" % table[number] if number in table else b"0000000000 00000 f \n"
    return data + b"trailer\n<< /Size %d /Root 1 0 R %s >>\nstartxref\n%d\n%%%%EOF\n" % (size, trailer, start)


PAGE = b"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 595 842] /Contents 4 0 R /Resources << %s >> >>"
FONT = b"/Font << /F1 << /Type /Font /Subtype /Type1 /BaseFont /Helvetica >> >>"


def one_page(contents, resources=FONT, more=None, trailer=b""):
    objects = {
        1: b"<< /Type /Catalog /Pages 2 0 R >>",
        2: b"<< /Type /Pages /Kids [3 0 R] /Count 1 >>",
        3: PAGE % resources,
        4: contents,
    }
    return pdf(objects | (more or {}), trailer)


def page_tree(kids):
    return pdf({1: b"<< /Type /Catalog /Pages 2 0 R >>"} | kids)


def deep_tree(depth):
    kids = {n: b"<< /Type /Pages /Kids [%d 0 R] /Count 1 >>" % (n + 1) for n in range(2, depth)}
    return page_tree(kids | {depth: b"<< /Type /Page /MediaBox [0 0 9 9] >>"})


def pictures():
    image = stream(b"\x00\x7f" * 32, b"/Type /XObject /Subtype /Image /Width 8 /Height 8 /ColorSpace /DeviceGray "
                                      b"/BitsPerComponent 8")
    return one_page(stream(b"q 500 0 0 700 40 40 cm /Im0 Do Q"), b"/XObject << /Im0 5 0 R >>", {5: image})


def encrypted():
    lock = (b"<< /Filter /Standard /V 2 /R 3 /Length 128 /P -44 /O <%s> /U <%s> >>" % (b"a7" * 32, b"5c" * 32))
    text = stream(bytes(range(1, 120)))
    return one_page(text, more={5: lock}, trailer=b"/Encrypt 5 0 R /ID [<%s> <%s>]" % (b"42" * 16, b"42" * 16))


def form_cycle():
    form = stream(b"/Fm0 Do /Fm0 Do", b"/Type /XObject /Subtype /Form /BBox [0 0 9 9] "
                                      b"/Resources << /XObject << /Fm0 5 0 R >> >>")
    return one_page(stream(b"/Fm0 Do"), b"/XObject << /Fm0 5 0 R >>", {5: form})


def object_bomb():
    """Pages within an object stream that unpacks to far more than there is room for."""
    head = b"2 0 3 60 " + b" " * 11
    inside = b"<< /Type /Pages /Kids [3 0 R] /Count 1 >>".ljust(60) + b"<< /Type /Page /Parent 2 0 R >>".ljust(60)
    packer = zlib.compressobj(1)
    packed = packer.compress(head + inside)
    packed += b"".join(packer.compress(b" " * MIB) for _ in range(512)) + packer.flush()
    data, offsets = b"%PDF-1.5\n", {}
    entries = b"/Type /ObjStm /N 2 /First 20 /Filter /FlateDecode"
    for number, content in ((1, b"<< /Type /Catalog /Pages 2 0 R >>"), (4, stream(packed, entries))):
        offsets[number] = len(data)
        data += b"%d 0 obj\n%s\nendobj\n" % (number, content)
    # Kind, then offset or number of the stream, then generation or index within the stream.
    start = len(data)
    table = [(0, 0, 0), (1, offsets[1], 0), (2, 4, 0), (2, 4, 1), (1, offsets[4], 0), (1, start, 0)]
    packed_table = b"".join(bytes([kind]) + a.to_bytes(4, "big") + b.to_bytes(2, "big") for kind, a, b in table)
    xref = stream(packed_table, b"/Type /XRef /Size 6 /W [1 4 2] /Root 1 0 R")
    return data + b"5 0 obj\n%s\nendobj\nstartxref\n%d\n%%%%EOF\n" % (xref, start)


rng = random.Random(7)
noise = bytes(rng.randrange(256) for _ in range(20_000))
words = " ".join(rng.choice(["river", "gauge", "winter", "naïve", "Fjäll"]) for _ in range(3_000))
latin = words.encode("latin-1")
whole = one_page(stream(b"BT /F1 12 Tf 50 700 Td (Cut off in the middle of it.) Tj ET" + b" " * 4000))
files = {
    "empty.md": b"",
    "empty.txt": b"",
    "empty.html": b"",
    "empty.pdf": b"",
    "blank.txt": b" \n\t\r\n \xc2\xa0 ",
    "no-text.html": b"<!DOCTYPE html><html><head><title></title><script>var x = 1;</script></head><body><img></body>",
    "noise.txt": noise,
    "noise.md": noise,
    "noise.html": noise,
    "noise.pdf": noise,
    "invalid-utf8.txt": latin,
    "invalid-utf8.md": b"# T\xe4tigkeit\n\n" + latin,
    "zeros.txt": bytes(50_000),
    "divs-300k.html": b"<div>" * 300_000 + b"deep down" + b"</div>" * 300_000,
    "quotes-10k.md": b"> " * 10_000 + b"deep down\n",
    "lists-10k.md": b"- " * 10_000 + b"deep down\n",
    "links-100k.md": b"[" * 100_000 + b"a" + b"](b)" * 1_000,
    "one-line-1m.txt": ("word" * 250_000).encode(),
    "bomb.pdf": one_page(stream(deflate(b"0 0 m " * (MIB // 6), 512), b"/Filter /FlateDecode")),
    "nested-bomb.pdf": one_page(stream(
        zlib.compress(zlib.compress(deflate(bytes(MIB), 1024), 9), 9),
        b"/Filter [/FlateDecode /FlateDecode /FlateDecode]")),
    "object-bomb.pdf": object_bomb(),
    "page-tree-cycle.pdf": page_tree({2: b"<< /Type /Pages /Kids [2 0 R 2 0 R] /Count 2 /Parent 2 0 R >>"}),
    "page-tree-deep.pdf": deep_tree(20_000),
    "arrays-deep.pdf": one_page(stream(b"[" * 200_000 + b"]" * 200_000 + b" TJ")),
    "form-cycle.pdf": form_cycle(),
    "stack-deep.pdf": one_page(b"<< /Length " + b"<< /A " * 100_000 + b">>" * 100_000 + b" >>"),
    "truncated.pdf": whole[:400],
    "header-only.pdf": b"%PDF-1.7\n",
    "encrypted.pdf": encrypted(),
    "pictures.pdf": pictures(),
}
for name, content in files.items():
    (folder / name).write_bytes(content)
print(json.dumps({"files": len(files)}))
