"""Find by their names which arrays or files hold inputs and labels, to train on and to test on."""

import re
from collections.abc import Iterable
from typing import NamedTuple, TypeVar

from descenso.text import _

INPUTS = ("x", "images", "image", "imgs", "img", "pixels", "inputs", "input", "data", "features", "samples")
LABELS = ("y", "labels", "label", "targets", "target")
PARTS = {"train": "train", "training": "train", "test": "test", "testing": "test", "t10k": "test", "eval": "test",
         "evaluation": "test", "val": "val", "valid": "val", "validation": "val", "dev": "val"}  # fmt: skip
Rows = TypeVar("Rows")
JOINED = re.compile(r"(x|y)(train|test|val)|(train|test|val)(x|y)")  # Xtrain, trainX


class Place(NamedTuple):
    """What the name of an array or file says.

    Attributes:
        group: the rest of the name, which is that of the dataset.
        part: "train", "test", "val", or empty.
        kind: "x" for inputs, "y" for labels; empty for neither.
        rank: of the word among those for its kind; the first is preferred.
    """

    group: str
    part: str
    kind: str
    rank: int


class Pair(NamedTuple):
    """The names of inputs and of their labels."""

    inputs: str
    labels: str


class Chosen(NamedTuple):
    """Which names hold the rows of a dataset.

    Attributes:
        parts: "train" and maybe "test" and "val".
        alone: names of inputs without labels, or labels without inputs.
        unused: names of inputs beside others that are preferred.
    """

    parts: dict[str, Pair]
    alone: tuple[str, ...] = ()
    unused: tuple[str, ...] = ()


def place_of(name: str) -> Place:
    """Read a name.

    >>> place_of("kmnist-train-imgs")
    Place(group='kmnist', part='train', kind='x', rank=3)
    """
    part = kind = ""
    rank, rest = 0, list[str]()
    for word in re.findall(r"[a-z0-9]+", name.lower()):
        joined = JOINED.fullmatch(word)
        for token in filter(None, joined.groups()) if joined else [word]:
            if token in PARTS and not part:
                part = PARTS[token]
            elif token in (*INPUTS, *LABELS) and not kind:
                kind = "x" if token in INPUTS else "y"
                rank = (INPUTS if kind == "x" else LABELS).index(token)
            else:
                rest.append(token)
    return Place("-".join(rest), part, kind, rank)


def groups(names: Iterable[str]) -> list[str]:
    """List the datasets of which `names` hold inputs and labels to train on, or to test on alone."""
    names = list(names)
    return [group for group in dict.fromkeys(place_of(name).group for name in names) if choose(names, group).parts]


def choose(names: Iterable[str], group: str = "") -> Chosen:
    """Choose the arrays or files of one dataset.

    Where nothing says that it is to train on, inputs and labels without a part in their names are.
    """
    found: dict[str, dict[str, list[tuple[int, str]]]] = {}
    for name in names:
        place = place_of(name)
        if place.kind and place.group == group:
            found.setdefault(place.part, {}).setdefault(place.kind, []).append((place.rank, name))
    parts, alone, unused = dict[str, Pair](), list[str](), list[str]()
    for part, kinds in found.items():
        best = {kind: sorted(ranked) for kind, ranked in kinds.items()}
        if len(best) == 2:
            parts[part] = Pair(best["x"][0][1], best["y"][0][1])
            unused += [name for _rank, name in best["x"][1:] + best["y"][1:]]
        else:
            alone += [name for ranked in best.values() for _rank, name in ranked]
    if "" in parts:
        pair = parts.pop("")
        parts.setdefault("train", pair)
    return Chosen(parts, tuple(alone), tuple(unused))


def with_test(parts: dict[str, Rows], names: dict[str, str]) -> tuple[dict[str, Rows], tuple[str, ...]]:
    """Take rows to validate on as those to test on where there are no others, and say so.

    Args:
        parts: "train", "test" and "val".
        names: of what holds them, for the sentence.
    """
    if "val" not in parts or "test" in parts:
        return parts, ()
    others = {"test" if part == "val" else part: rows for part, rows in parts.items()}
    return others, (_("{name}: rows to validate on, taken to test on").format(name=names["val"]),)
