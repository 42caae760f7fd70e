"""docs/json.md describes each key of what commands print with `--json`: real output is compared with the page."""

import json
import re
import shutil
from pathlib import Path

import pytest

import descenso as ds
from command import run

PAGE = Path(__file__).parents[2] / "docs" / "json.md"
TYPES = {"str": "string", "int": "integer", "float": "number", "bool": "boolean", "NoneType": "null"}
QUICK = "--engine eager -e 1 -b 20"
LINES = {  # command lines by heading of the page; {first} is a run, {digits} its data
    "train": [f"train {{digits}} {QUICK} --validation-size 20 --patience 5",
              "train {digits} -r 1e38 --engine eager -e 2 -b 20"],
    "resume": ["resume {first}"],
    "replay": ["replay {first}"],
    "models": ["models"],
    "rules": ["rules"],
    "schedules": ["schedules"],
    "evaluate": ["evaluate {first} --out ."],
    "predict": ["predict {first} {digits}.npz"],
    "export": ["export {first} --to npz"],
    "plot": ["plot --schedule cosine"],
    "runs": ["runs {folder}"],
    "data": ["data {digits}", "data {table} --label kind --test-fraction 0.5"],
    "data --list": ["data --list"],
    "data convert": ["data convert {pair} rows"],
    "data --samples DIR": ["data {digits} --samples examples"],
    "sweep": ["sweep {digits} --learning-rates 0.01,1e30 --seeds 2 -m softmax -e 4 -b 20 --validation-size 20 "
              "--loss naive --halving --audit"],
    "landscape": ["landscape {first} --grid 3"],
    "find-rate": ["find-rate {digits} -m softmax --steps 4 --seeds 1 -b 20"],
    "compare": [f"compare {{digits}} --engines eager,function {QUICK[14:]} --repeats 1",
                f"compare {{digits}} --rules sgd,adam {QUICK} --repeats 1"],
    "compare --explain": ["compare {digits} --explain -b 20 --repeats 7"],
    "reproduce": ["reproduce --fast --epochs 1 --out report"],
    "gradcheck": ["gradcheck {digits} --components 2"],
    "doctor": ["doctor --break labels-from-1"],
    "doctor --like": ["doctor {first} --like {healthy}-1 {healthy}-2"],
    "explain": ["explain tf.placeholder", "explain nothing-like-it"],
    "explain --list": ["explain --list"],
    "port": ["port {program}"],
    "port --run": ["port {fails} --run"],
    "port --out": ["port {program} --out new.py"],
    "env": ["env"],
}  # fmt: skip
SLOW = ("train", "resume", "sweep", "landscape", "compare", "compare --explain", "reproduce", "gradcheck", "export")
PROGRAM = """
import tensorflow as tf
x = tf.placeholder(tf.float32, [None, 784])
W = tf.Variable(tf.zeros([784, 10]))
"""


def documented():
    """Return {path of a key: types} by heading of the page; a path is a tuple, with "[]" for elements."""
    page, heads = {}, []
    for line in PAGE.read_text(encoding="utf-8").splitlines():
        if line.startswith("## "):
            heads = re.findall(r"`descenso ([^`]*)`", line)
            page |= {head: {} for head in heads}
        elif heads and line.startswith("| `"):
            keys, types = line.split("|")[1:3]
            for key in re.findall(r"`([^`]*)`", keys):
                path = tuple(key.replace("[]", ".[]").split("."))
                for head in heads:
                    page[head].setdefault(path, set()).update(re.split(r", *", types.strip()))
    return page


def leaves(value, path=()):
    """Yield path and type of each value in a JSON object that is neither object nor array."""
    if isinstance(value, dict):
        for key, item in value.items():
            yield from leaves(item, (*path, key))
    elif isinstance(value, list):
        for item in value:
            yield from leaves(item, (*path, "[]"))
    else:
        yield path, TYPES[type(value).__name__]


def describes(path, real):
    """Return whether a path of the page matches that of a value; `<name>` stands for any key."""
    return len(path) == len(real) and all(
        part == key or (part.startswith("<") and key != "[]") for part, key in zip(path, real, strict=True)
    )


def described(page, real):
    """Return the paths of the page that match `real` with the fewest `<name>` parts."""
    found = [path for path in page if describes(path, real)]
    literal = min((sum(part.startswith("<") for part in path) for path in found), default=0)
    return [path for path in found if sum(part.startswith("<") for part in path) == literal]


def differences(page, outputs):
    """Describe the differences between a page and real outputs."""
    wrong, seen = [], set()
    for output in outputs:
        for real, kind in leaves(output):
            found = described(page, real)
            seen |= set(found)
            allowed = {each for path in found for each in page[path]}
            if not (kind in allowed or (kind == "integer" and "number" in allowed)):
                wrong.append(f"{'.'.join(real)} is {kind}, the page says {sorted(allowed) or 'nothing'}")
    missing = [path for path, types in page.items() if path not in seen and "absent" not in types and "[]" not in path]
    return sorted(set(wrong)) + [f"{'.'.join(path)} is on the page alone" for path in missing]


@pytest.fixture(scope="module")
def places(trained, tiny, tmp_path_factory):
    import numpy as np

    folder = tmp_path_factory.mktemp("json")
    (folder / "damaged").mkdir()
    (folder / "damaged" / "status.json").write_text("{")
    (folder / "program.py").write_text(PROGRAM)
    (folder / "fails.py").write_text("!ls\nraise ValueError('Incompatible shapes: [3] vs. [3,10]')")
    (folder / "table.csv").write_text("a,kind\n" + "".join(f"{row * row},{'xy'[row % 2]}\n" for row in range(20)))
    np.savez(folder / "digits.npz", x=tiny.test.inputs[:3])
    np.savez(folder / "pair.npz", x=tiny.test.inputs, y=tiny.test.labels)
    (folder / "digits").symlink_to(trained.folder / "digits")
    ds.train(folder / "digits", engine="eager", epochs=2, batch_size=20, out=folder / "first")
    for name in ("healthy-1", "healthy-2"):  # each with its own costs and learning rate
        copied = shutil.copytree(folder / "first", folder / name)
        epochs = [json.loads(line) for line in (copied / "history.jsonl").read_text().splitlines()]
        lines = [json.dumps({**epoch, "cost": epoch["cost"] / 10}) for epoch in epochs]
        (copied / "history.jsonl").write_text("\n".join([*lines, ""]))
        settings = json.loads((copied / "config.json").read_text())
        (copied / "config.json").write_text(json.dumps({**settings, "learning_rate": 0.01}))
    return {"first": folder / "first", "healthy": folder / "healthy",
            "digits": folder / "digits", "folder": folder, "table": folder / "table.csv", "pair": folder / "pair.npz",
            "program": folder / "program.py", "fails": folder / "fails.py"}  # fmt: skip


def test_the_page_has_every_command_that_prints_json():
    assert documented().keys() == LINES.keys()


@pytest.mark.parametrize("head", [pytest.param(head, marks=pytest.mark.slow if head in SLOW else ()) for head in LINES])
def test_the_page_says_what_is_printed(head, places, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    outputs = []
    for line in LINES[head]:
        result = run(*line.format(**places).split(), "--json")
        assert result.stdout.count("\n") == 1, result.output
        outputs.append(json.loads(result.stdout))
    assert differences(documented()[head], outputs) == []


def test_a_difference_is_found():
    page = {("a",): {"number"}, ("b", "[]"): {"string"}, ("c",): {"string", "absent"}, ("d", "<x>"): {"integer"}}
    assert differences(page, [{"a": 1, "b": ["x"], "d": {"any": 3}}]) == []
    assert differences(page, [{"a": "1", "b": [], "e": None, "d": {"any": 1.5}}]) == [
        "a is string, the page says ['number']", "d.any is number, the page says ['integer']",
        "e is null, the page says nothing",
    ]  # fmt: skip
    assert differences(page, [{"b": [], "d": {"any": 3}}]) == ["a is on the page alone"]
