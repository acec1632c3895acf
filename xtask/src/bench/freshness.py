"""Measures from a saved file to a reader that finds it, beside a daemon that follows the folder.

usage: freshness.py INDEX DOCS DOCUMENTS SAMPLES
       freshness.py load DOCS DOCUMENTS RATE        (until its standard input ends)
       freshness.py beside INDEX DOCS DOCUMENTS SAMPLES      (saves beside the first load; 0 for none)
"""

import json
import os
import pathlib
import random
import select
import subprocess
import sys
import time

POLL = 0.002
DEADLINE = 600
WORDS = "river gauge winter harbour ledger crane valley bridge lantern copper meadow signal".split()
rng = random.Random(5)


def text(head):
    """About a hundred words that nothing else shares."""
    sentences = (f"Item {i} says {' '.join(rng.choices(WORDS, k=9))}." for i in range(8))
    return head + "\n\n" + " ".join(sentences) + "\n"


def path_of(docs, number):
    """As the documents lie that are there from the start."""
    return pathlib.Path(docs) / str(number // 100) / f"{number}.txt"


class Reader:
    """Readers take the newest ledger record and open exactly the versions that it names."""

    def __init__(self, index):
        import lancedb

        self.index = pathlib.Path(index)
        self.db = lancedb.connect(index)
        self.head = None
        self.tables = {}

    def renew(self):
        """Whether there is a new record; the tables are then at its versions."""
        try:
            # Names sort newest first.
            head = min((n for n in os.listdir(self.index / "ledger") if n.endswith(".json")), default=None)
        except FileNotFoundError:
            return False
        if head == self.head:
            return False
        self.head = head
        record = json.loads((self.index / "ledger" / head).read_text())
        for name, version in record["tables"].items():
            if name.startswith("chunks_"):
                table = self.tables.get(name) or self.db.open_table(name)
                table.checkout(version)
                self.tables = {name: table}
        return True

    def rows(self, condition):
        for table in self.tables.values():
            return table.search().where(condition).select(["text"]).limit(1_000_000).to_list()
        return []

    def wait(self, what, found):
        """Until a new record brings what is looked for."""
        deadline = time.monotonic() + DEADLINE
        while True:
            if self.renew() and found():
                return time.monotonic()
            if time.monotonic() > deadline:
                raise SystemExit(f"{what}: not found within {DEADLINE} s")
            time.sleep(POLL)

    def wait_for(self, doc_id, marker):
        condition = f"doc_id = '{doc_id}'"
        return self.wait(marker, lambda: any(marker in row["text"] for row in self.rows(condition)))


def burst(reader, docs, documents):
    """How fast the daemon works when there is always something to do."""
    start = time.monotonic()
    for number in range(documents):
        path_of(docs, number).write_text(text(f"Burst of note {number}."))
    condition = "text LIKE '%Burst of note %'"
    end = reader.wait("the burst", lambda: len(reader.rows(condition)) == documents)
    return {"documents": documents, "seconds": end - start, "rate": documents / (end - start)}


def samples(reader, docs, name, count):
    times = []
    for i in range(count):
        # So that no sample keeps time with any timer of the daemon.
        time.sleep(rng.uniform(0.2, 1.4))
        local, marker = f"{name}/{i // 2}.txt", f"Marker {name} {i} end."
        path = pathlib.Path(docs) / local
        path.parent.mkdir(exist_ok=True)
        content = text(marker)
        start = time.monotonic()
        path.write_text(content)
        times.append(reader.wait_for(f"docs/{local}", marker) - start)
    return times


def under_load(reader, docs, documents, rate, count):
    args = [sys.executable, __file__, "load", docs, str(documents), str(rate)]
    loader = subprocess.Popen(args, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    # Until the load is what the daemon is used to.
    time.sleep(5)
    times = samples(reader, docs, "loaded", count)
    said, _ = loader.communicate()
    end = time.monotonic()
    done = json.loads(said)
    number, marker = done["last"], done["marker"]
    condition = f"doc_id = 'docs/{number // 100}/{number}.txt'"
    reader.head = None
    drained = reader.wait(marker, lambda: any(marker in row["text"] for row in reader.rows(condition)))
    return {"seconds": times, "rate": done["saves"] / done["seconds"], "drain": drained - end}


def load(docs, documents, rate):
    """Rewrites documents one after the other, evenly spaced, until the standard input ends."""
    start, saves = time.monotonic(), 0
    while True:
        number, marker = saves % documents, f"Load {saves} end."
        path_of(docs, number).write_text(text(marker))
        saves += 1
        wait = max(0, start + saves / rate - time.monotonic())
        if select.select([sys.stdin], [], [], wait)[0]:
            break
    seconds = time.monotonic() - start
    print(json.dumps({"saves": saves, "seconds": seconds, "last": number, "marker": marker}))


def beside(index, docs, documents, count):
    """Saves files one at a time while the first load goes on, and how long that takes."""
    start = time.monotonic()
    reader, times = Reader(index), []
    condition = "text LIKE '%as of revision 0%'"
    def loaded():
        return len(reader.rows(condition))

    reader.wait("the first documents", lambda: loaded() > 0)
    began = time.monotonic()
    while len(times) < count and loaded() < documents:
        local, marker = f"beside/{len(times)}.txt", f"Marker beside {len(times)} end."
        path = pathlib.Path(docs) / local
        path.parent.mkdir(exist_ok=True)
        content = text(marker)
        saved = time.monotonic()
        path.write_text(content)
        times.append(reader.wait_for(f"docs/{local}", marker) - saved)
        time.sleep(rng.uniform(0.2, 1.4))
    waiting = documents - loaded()
    reader.head = None
    end = reader.wait("the load", lambda: loaded() >= documents)
    print(json.dumps({"seconds": times, "load": end - start, "first": began - start, "left": waiting}))


if sys.argv[1] == "load":
    load(sys.argv[2], int(sys.argv[3]), float(sys.argv[4]))
elif sys.argv[1] == "beside":
    beside(sys.argv[2], sys.argv[3], int(sys.argv[4]), int(sys.argv[5]))
else:
    index, docs, documents, count = sys.argv[1], sys.argv[2], int(sys.argv[3]), int(sys.argv[4])
    reader = Reader(index)
    reader.wait("the first scan", lambda: len(reader.rows("text LIKE '%as of revision 0%'")) == documents)
    measured = {"burst": burst(reader, docs, documents), "idle": samples(reader, docs, "idle", count)}
    rate = measured["burst"]["rate"] / 2
    measured["load"] = under_load(reader, docs, documents, rate, count)
    print(json.dumps(measured))
