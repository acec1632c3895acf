"""Prints every row of an index as a line of JSON, without what differs from run to run.

usage: rows.py, with the path of an index on each line of stdin
"""

import json
import sys

import live

VOLATILE = {
    "indexed_at", "changed_at", "entered_at", "resolved_at",
    "changed_seq", "entered_seq", "resolved_seq", "deleted_seq", "stamp",
}


def value(cell):
    # Repr of a float is exact; what else is not JSON is text.
    return cell if isinstance(cell, (type(None), bool, int, float, str, list)) else str(cell)


def dump(table):
    kept = [{k: value(v) for k, v in row.items() if k not in VOLATILE} for row in live.rows(table)]
    return sorted(kept, key=lambda row: row.get("chunk_id") or row.get("id") or row["doc_id"])


for index in sys.stdin:
    tables = live.open_all(index.rstrip("\n"))
    print(json.dumps({role: dump(table) for role, table in tables.items()}), flush=True)
