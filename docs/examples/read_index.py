"""Reads passages of an Alluvium index with plain LanceDB, as somebody.

usage: read_index.py INDEX PRINCIPAL... [--near CHUNK_ID] [--release NAME] [--limit N]

Prints a JSON list. With `--near` it holds the passages nearest to that one, best first; a search service
would embed a question instead, with the model that the column `model` names.
"""

import argparse
import json
import pathlib

import lancedb

COLUMNS = ["chunk_id", "doc_id", "title", "text"]


def strings(values):
    """Values as an SQL list. Never put a value into a filter in another way."""
    return ", ".join("'" + value.replace("'", "''") + "'" for value in values)


def readable_by(principals):
    """Some principal is a reader and none is denied."""
    if not principals:
        raise ValueError("a search without principals finds nothing")
    who = strings(principals)
    return f"array_has_any(acl_readers, [{who}]) AND NOT array_has_any(acl_denied, [{who}])"


def newest(index):
    """The newest ledger record: the names of records sort newest first."""
    return json.loads(min((index / "ledger").glob("*.json")).read_text())


def named(index, release):
    """The ledger record that a release names."""
    seq = json.loads((index / "releases" / f"{release}.json").read_text())["seq"]
    return json.loads((index / "ledger" / f"{2**64 - 1 - seq:020}.json").read_text())


def open_table(index, record, name):
    """A table at the version that a record names."""
    table = lancedb.connect(index).open_table(name)
    table.checkout(record["tables"][name])
    return table


def admitted(index, principals, doc_ids, seq):
    """Those documents that the newest policy lets these principals read, in the content of record `seq`."""
    if not doc_ids:
        return set()
    # An erasure that was undone still holds for content that is older than the erasure.
    served = f"(erased_seq IS NULL OR (erasure_undone_seq IS NOT NULL AND erased_seq <= {seq}))"
    asked = f"doc_id IN ({strings(doc_ids)}) AND deleted_seq IS NULL AND {served}"
    query = open_table(index, newest(index), "policy").search()
    query = query.where(f"{asked} AND {readable_by(principals)}").select(["doc_id"])
    return {row["doc_id"] for row in query.limit(len(doc_ids)).to_list()}


def passages(index, principals, near=None, release=None, limit=10):
    """The passages that these principals may read; with `near`, the nearest to that chunk."""
    record = named(index, release) if release else newest(index)
    chunks = open_table(index, record, f"chunks_{record['generation']}")
    readable = readable_by(principals)
    query, columns = chunks.search(), COLUMNS
    if near:
        own = chunks.search().where(f"chunk_id IN ({strings([near])}) AND {readable}")
        vectors = [row["vector"] for row in own.select(["vector"]).limit(1).to_list()]
        if not vectors:
            return []
        query = chunks.search(vectors[0], vector_column_name="vector").distance_type("cosine")
        columns = [*COLUMNS, "_distance"]
    # The access list is a pre-filter: forbidden rows take no place among the nearest.
    rows = query.where(readable, prefilter=True).select(columns).limit(limit).to_list()
    allowed = admitted(index, principals, {row["doc_id"] for row in rows}, record["seq"])
    return [{name: row[name] for name in COLUMNS} for row in rows if row["doc_id"] in allowed]


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("index", type=pathlib.Path)
    parser.add_argument("principals", nargs="+")
    parser.add_argument("--near")
    parser.add_argument("--release")
    parser.add_argument("--limit", type=int, default=10)
    print(json.dumps(passages(**vars(parser.parse_args()))))
