"""Measures how well a program's searches rank a judged collection, beside plain references.

usage: judged.py PROGRAM FOLDER COLLECTION MODEL

COLLECTION is a JSON file {"documents": {id: text}, "questions": [{"text", "relevant": [id, ...]}]}, or the folder
of the CISI collection. Every document becomes a file of its own; hits are grouped by document. References, over
the same texts: BM25 (k1 1.2, b 0.75, words of letters and digits in lower case, each as often as it is asked), the program's exact ranking by
vector, reciprocal rank fusion of the two (k 60, 100 documents each) and the mean of their scores, each brought
between 0 and 1 by its least and greatest.
"""

import collections
import json
import math
import pathlib
import re
import subprocess
import sys

DEEP, SHOWN = 300, 10
READER = "group:judges"


def records(path):
    found, field = [], None
    for line in path.read_text(encoding="utf-8", errors="replace").splitlines():
        if mark := re.fullmatch(r"\.([A-Z])(?:\s+(\d+))?\s*", line):
            field = mark[1]
            if field == "I":
                found.append(collections.defaultdict(str, number=mark[2]))
        elif field and found:
            found[-1][field] += line + "\n"
    return found


def cisi(folder):
    documents = {r["number"]: f'{r["T"].strip()}\n\n{r["W"].strip()}\n' for r in records(folder / "CISI.ALL")}
    relevant = collections.defaultdict(set)
    for line in (folder / "CISI.REL").read_text().splitlines():
        question, document, *_ = line.split()
        relevant[question].add(document)
    asked = {r["number"]: " ".join(r["W"].split()) for r in records(folder / "CISI.QRY")}
    questions = [{"text": asked[n], "relevant": sorted(ids)} for n, ids in relevant.items()]
    return {"documents": documents, "questions": questions}


def run(*args):
    done = subprocess.run([*args, "--format", "json"], capture_output=True, text=True)
    return json.loads(done.stdout.splitlines()[-1]) if done.returncode == 0 else None


def indexed(program, folder, collection, model):
    docs = folder / "docs"
    docs.mkdir(parents=True)
    for name, text in collection["documents"].items():
        (docs / f"{name}.txt").write_text(text, encoding="utf-8")
    pipeline = folder / "pipeline.toml"
    pipeline.write_text(
        f'version = 1\nname = "judged"\n[index]\nuri = "index"\n[model]\nname = "{model}"\n[[source]]\nname = "docs"\n'
        f'type = "filesystem"\nroot = "docs"\ndefault_acl = {{ readers = ["{READER}"], denied = [] }}\n'
    )
    if run(program, "backfill", str(pipeline)) is None:
        sys.exit("the backfill failed")
    return str(pipeline)


def documents_of(found):
    """Documents with the score of their best passage, best first; none where the program refused."""
    best = {}
    for hit in found["hits"] if found else []:
        best.setdefault(hit["doc_id"].removeprefix("docs/").removesuffix(".txt"), hit["score"])
    return best


def words(text):
    return re.findall(r"\w+", text.lower())


def bm25(documents):
    counts = {name: collections.Counter(words(text)) for name, text in documents.items()}
    length = {name: sum(count.values()) for name, count in counts.items()}
    mean = sum(length.values()) / len(length)
    having = collections.Counter(word for count in counts.values() for word in count)

    def ranking(question):
        scores = collections.Counter()
        for word in filter(having.__contains__, words(question)):
            rarity = math.log(1 + (len(counts) - having[word] + 0.5) / (having[word] + 0.5))
            for name, count in counts.items():
                if n := count[word]:
                    scores[name] += rarity * n * 2.2 / (n + 1.2 * (0.25 + 0.75 * length[name] / mean))
        return dict(scores.most_common())

    return ranking


def by_rank(*lists):
    scores = collections.Counter()
    for one in lists:
        for rank, name in enumerate(list(one)[:100], 1):
            scores[name] += 1 / (60 + rank)
    return scores.most_common()


def by_score(*lists):
    scores = collections.Counter()
    for one in lists:
        top = dict(list(one.items())[:100])
        least, width = min(top.values(), default=0), max(top.values(), default=0) - min(top.values(), default=0)
        for name, score in top.items():
            scores[name] += (score - least) / (width or 1)
    return scores.most_common()


def judged(ranked, relevant):
    top = list(ranked)[:SHOWN]
    gain = sum(1 / math.log2(at + 2) for at, name in enumerate(top) if name in relevant)
    ideal = sum(1 / math.log2(at + 2) for at in range(min(SHOWN, len(relevant))))
    return gain / ideal, len(set(top) & set(relevant)) / len(relevant)


def main(program, folder, where, model):
    where = pathlib.Path(where)
    collection = cisi(where) if where.is_dir() else json.loads(where.read_text(encoding="utf-8"))
    pipeline = indexed(program, pathlib.Path(folder), collection, model)
    ranking, figures = bm25(collection["documents"]), collections.defaultdict(list)
    for question in collection["questions"]:
        text, relevant = question["text"], question["relevant"]
        ask = [program, "search", pipeline, text, "--as", READER]
        vector = documents_of(run(*ask, "--mode", "vector", "--limit", str(DEEP)))
        fts = documents_of(run(*ask, "--mode", "fts", "--limit", str(DEEP)))
        hybrid = documents_of(run(*ask, "--mode", "hybrid", "--limit", str(DEEP)))
        shown = documents_of(run(*ask, "--mode", "hybrid", "--limit", str(SHOWN)))
        plain = ranking(text)
        for name, ranked in {
            "vector": vector,
            "fts": fts,
            "hybrid": hybrid,
            "hybrid, ten passages": shown,
            "reference: BM25": plain,
            "reference: RRF of vector and fts": dict(by_rank(vector, fts)),
            "reference: RRF of vector and BM25": dict(by_rank(vector, plain)),
            "reference: mean of scores of vector and fts": dict(by_score(vector, fts)),
            "reference: mean of scores of vector and BM25": dict(by_score(vector, plain)),
        }.items():
            figures[name].append(judged(ranked, relevant))
    mean = {
        name: {"ndcg": sum(n for n, _ in all) / len(all), "recall": sum(r for _, r in all) / len(all)}
        for name, all in figures.items()
    }
    print(json.dumps({"documents": len(collection["documents"]), "questions": len(collection["questions"]), "modes": mean}))


main(*sys.argv[1:])
