"""Reads the chunks at the tag `live` again and again until a file appears, and prints what was wrong.

usage: follow.py INDEX STOP_FILE DOCUMENTS
"""

import collections
import json
import os
import re
import sys

import lancedb

index, stop, documents = sys.argv[1], sys.argv[2], int(sys.argv[3])
MARK = re.compile(r"Part(\d+)of(\d+)rev(\d+)end")
problems = []
versions = set()
reads = 0
last = None


def read(table):
    table.checkout("live")
    versions.add(table.version)
    rows = table.search().select(["doc_id", "text"]).limit(1_000_000).to_list()
    seen = collections.defaultdict(set)
    for row in rows:
        seen[row["doc_id"]].update(MARK.findall(row["text"]))
    return seen


def judge(seen):
    """The greatest revision in sight."""
    if len(seen) != documents:
        problems.append(f"{len(seen)} documents in version {max(versions)}")
    for doc_id, marks in seen.items():
        revisions = {revision for _, _, revision in marks}
        parts = sorted(int(part) for part, _, _ in marks)
        total = {int(total) for _, total, _ in marks}
        if len(revisions) != 1 or parts != list(range(total.pop())):
            problems.append(f"{doc_id}: parts {parts} of revisions {sorted(revisions)}")
    return max(int(revision) for marks in seen.values() for _, _, revision in marks)


db = lancedb.connect(index)
name = next(name for name in db.table_names() if name.startswith("chunks_"))
table = db.open_table(name)
while True:
    # Looked at before reading, so that the last read comes after the last revision.
    stopping = os.path.exists(stop)
    last = judge(read(table))
    reads += 1
    if reads == 1:
        print("ready", flush=True)
    if stopping or len(problems) > 20:
        break
print(json.dumps({"reads": reads, "versions": len(versions), "last": last, "problems": problems}))
