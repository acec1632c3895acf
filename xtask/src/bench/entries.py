"""Reads what an index knows of its documents, as a scan must, and prints how long that takes.

usage: entries.py INDEX
"""

import json
import statistics
import sys
import time

import lancedb

COLUMNS = ["doc_id", "content_hash", "pipeline_fingerprint", "state", "stamp"]


def read(index):
    """Opened anew each time, at the tag that clients follow."""
    db = lancedb.connect(index)
    name = next(name for name in db.table_names(limit=100) if name.startswith("documents_"))
    table = db.open_table(name)
    table.checkout("live")
    columns = table.search().select(COLUMNS).limit(1_000_000_000).to_arrow()
    ids, *rest = (columns[name].to_pylist() for name in COLUMNS)
    return dict(zip(ids, zip(*rest)))


times = []
for _ in range(5):
    start = time.monotonic()
    entries = read(sys.argv[1])
    times.append(time.monotonic() - start)
print(json.dumps({"entries": len(entries), "seconds": statistics.median(times)}))
