"""The tables of an index as any LanceDB client finds them: at the tag `live`."""

import lancedb


def open_all(index):
    """Role -> table at the tag `live`."""
    db = lancedb.connect(index)
    tables = {}
    for name in db.table_names(limit=100):
        role = name.split("_")[0]
        assert role not in tables, f"two generations: {name}"
        tables[role] = db.open_table(name)
        tables[role].checkout("live")
    assert sorted(tables) == ["chunks", "documents", "policy", "quarantine"], sorted(tables)
    return tables


def rows(table):
    return table.to_arrow().to_pylist()
