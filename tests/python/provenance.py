"""Checks every chunk of an index against its document, its file and its vector, and prints what it found.

usage: provenance.py INDEX DOCS
"""

import bisect
import hashlib
import json
import math
import pathlib
import re
import sys
import unicodedata

import live

index, docs = sys.argv[1:]
problems = []
pages_seen = set()
dimensions = set()


def check(holds, what, row):
    if not holds:
        shown = {k: v for k, v in row.items() if k not in ("vector", "text")}
        problems.append(f"{what}: {shown}"[:600])


def sha256(data):
    return hashlib.sha256(data if isinstance(data, bytes) else data.encode()).hexdigest()


def check_document(document):
    path = pathlib.Path(docs) / document["doc_id"].removeprefix("docs/")
    data = path.read_bytes()
    check(document["state"] == "indexed", "state", document)
    check(document["content_hash"] == sha256(data), "content_hash", document)
    check(document["bytes"] == len(data), "bytes", document)
    check(document["text_hash"] == sha256(document["text"]), "text_hash", document)
    check(unicodedata.is_normalized("NFC", document["text"]), "normalized", document)
    check(document["page_starts"] == sorted(document["page_starts"]), "page_starts", document)
    check(bool(document["page_starts"]) == (path.suffix == ".pdf"), "pages only where there are some", document)


def check_pages(chunk, document):
    starts = document["page_starts"]
    if not starts:
        check(chunk["page_start"] is None and chunk["page_end"] is None, "no pages", chunk)
        return
    first = bisect.bisect_right(starts, chunk["char_start"])
    last = bisect.bisect_right(starts, chunk["char_end"] - 1)
    check((chunk["page_start"], chunk["page_end"]) == (first, last), f"pages {first}-{last}", chunk)
    for number in map(int, re.findall(r"Markerpage(\d+)", chunk["text"])):
        pages_seen.add(number)
        check(first <= number <= last, f"marker of page {number}", chunk)


def check_chunk(chunk, document):
    start, end = chunk["char_start"], chunk["char_end"]
    check(0 <= start < end <= len(document["text"]), "span", chunk)
    check(document["text"][start:end] == chunk["text"], "slice", chunk)
    check(chunk["text"].strip() == chunk["text"] != "", "blank ends", chunk)
    check(chunk["chunk_hash"] == sha256(chunk["text"]), "chunk_hash", chunk)
    check(2 <= chunk["tokens"] <= 64, "tokens", chunk)
    for column in ("content_hash", "text_hash", "title", "uri", "source", "media_type", "extractor", "chunker",
                   "pipeline_fingerprint", "language"):
        check(chunk[column] == document[column], column, chunk)
    check(chunk["doc_version"] == document["version"], "version", chunk)
    check(math.isclose(math.hypot(*chunk["vector"]), 1.0, abs_tol=1e-3), "norm", chunk)
    dimensions.add(len(chunk["vector"]))
    check_pages(chunk, document)


def check_cover(document, chunks):
    """In order, numbered, and together they leave out nothing but blanks."""
    check([c["chunk_index"] for c in chunks] == list(range(document["chunk_count"])), "numbers", document)
    check(sum(c["tokens"] for c in chunks) == document["token_count"], "token_count", document)
    covered = 0
    for chunk in chunks:
        check(not document["text"][covered : chunk["char_start"]].strip(), "a gap before", chunk)
        covered = max(covered, chunk["char_end"])
    check(not document["text"][covered:].strip(), "a gap at the end", document)


tables = {role: live.rows(table) for role, table in live.open_all(index).items()}
documents = {row["doc_id"]: row for row in tables["documents"]}
chunks = sorted(tables["chunks"], key=lambda row: (row["doc_id"], row["chunk_index"]))
policy = {row["doc_id"]: row for row in tables["policy"]}
for rows, key in (("documents", "doc_id"), ("policy", "doc_id"), ("chunks", "chunk_id")):
    keys = [row[key] for row in tables[rows]]
    if len(keys) != len(set(keys)):
        problems.append(f"{key} of {rows} is not unique")
for doc_id, document in documents.items():
    check_document(document)
    of = [chunk for chunk in chunks if chunk["doc_id"] == doc_id]
    for chunk in of:
        check_chunk(chunk, document)
        for column in ("acl_readers", "acl_denied", "tenant", "classification"):
            check(chunk[column] == policy[doc_id][column], column, chunk)
    check_cover(document, of)

print(json.dumps({
    "documents": len(documents),
    "chunks": len(chunks),
    "pages": len(pages_seen),
    "dimension": dimensions.pop() if len(dimensions) == 1 else sorted(dimensions),
    "problems": problems,
}))
