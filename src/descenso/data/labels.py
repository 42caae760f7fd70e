"""Convert labels as users have them to one whole number, truth value or text a row, and to the numbers of classes."""

import re
import unicodedata
from collections.abc import Iterable
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from descenso.data.checks import in_one_axis
from descenso.data.dataset import Split
from descenso.data.sources import note
from descenso.errors import DataError
from descenso.text import _

if TYPE_CHECKING:
    from descenso.data.dataset import Dataset

MOST_GROUPS = 10  # of names that a warning lists
LARGEST = 2.0**53  # up to which a float64 holds every whole number


def plain_labels(name: str, array: str, labels: NDArray[Any]) -> NDArray[Any]:
    """Convert labels to whole numbers, truth values or text, one a row.

    Args:
        name: of the data, for errors.
        array: name of the array, for errors.
        labels: (rows,) or (rows, 1); whole numbers, also as floats, truth values, text, also as bytes, or objects that
            are all of one of these types. Blanks around text are taken off.

    Raises:
        DataError: naming the row, for a label that is missing or of another type.
    """
    labels = in_one_axis(labels)
    if labels.ndim != 1:
        return labels  # for `check_rows` to refuse
    if labels.dtype.kind == "O":
        labels = _of_objects(name, array, labels)
    if labels.dtype.kind == "S":
        labels = _decoded(labels.tolist())
    if labels.dtype.kind == "f":
        return _whole(name, array, labels)
    if labels.dtype.kind not in "UT":
        return labels
    text = np.strings.strip(labels.astype(str)) if hasattr(np, "strings") else np.char.strip(labels.astype(str))
    if not text.all():
        _refuse_gap(name, array, int((text == "").argmax()), "''")
    return np.asarray(text)


def _of_objects(name: str, array: str, labels: NDArray[Any]) -> NDArray[Any]:
    """Convert Python objects to the type that all of them have."""
    values = labels.tolist()
    for row, value in enumerate(values):
        if value is None or type(value).__name__ in ("NAType", "NaTType") or value != value:  # NaN alone is not itself
            _refuse_gap(name, array, row, str(value))
    kinds = [_kind(value) for value in values]
    if set(kinds) <= {"int", "float"}:
        return np.array(values, np.float64 if "float" in kinds else None)
    other = next((row for row, kind in enumerate(kinds) if kind != kinds[0] or not kind), None)
    if other is not None:
        message = _(
            "{path}: row {row} of {array} is {value}, of type {got}; expected whole numbers, or text, in each row"
        )
        value = values[other]
        raise DataError(
            message.format(path=name, row=other, array=array, value=repr(value)[:40], got=type(value).__name__)
        )
    return _decoded(values) if kinds[:1] == ["bytes"] else np.array(values, str if kinds[:1] == ["str"] else bool)


def _kind(value: Any) -> str:
    kinds = {"bool": bool, "int": int, "float": float, "str": str, "bytes": bytes}
    numpys = {"bool": np.bool_, "int": np.integer, "float": np.floating}
    return next((kind for kind in kinds if isinstance(value, (kinds[kind], numpys.get(kind, kinds[kind])))), "")


def _decoded(values: list[bytes]) -> NDArray[Any]:
    """Decode bytes as UTF-8, or all as Latin-1, so that different labels stay different."""
    try:
        return np.array([value.decode("utf-8") for value in values], str)
    except UnicodeDecodeError:
        return np.array([value.decode("latin-1") for value in values], str)


def _whole(name: str, array: str, labels: NDArray[Any]) -> NDArray[np.int64]:
    """Convert floats that are whole numbers to int64."""
    gaps = np.isnan(labels)
    if gaps.any():
        _refuse_gap(name, array, int(gaps.argmax()), "nan")
    broken = ~((np.abs(labels) <= LARGEST) & (labels == np.rint(labels)))
    if broken.any():
        row = int(broken.argmax())
        message = _(
            "{path}: row {row} of {array} is {value}, of type {dtype}; labels are whole numbers or text: a number to "
            "predict is no class, make a few of it, such as low and high"
        )
        raise DataError(message.format(path=name, row=row, array=array, value=labels[row], dtype=labels.dtype))
    return np.asarray(labels.astype(np.int64))


def _refuse_gap(name: str, array: str, row: int, value: str) -> None:
    message = _("{path}: row {row} of {array} is {value}: no label; give it one, or leave the row out of both arrays")
    raise DataError(message.format(path=name, row=row, array=array, value=value))


def warned(data: "Dataset") -> "Dataset":
    """Return data whose notes warn of names of classes that may mean the same."""
    groups = [" / ".join(quoted(group)) for group in similar(data.class_names)]
    if not groups:
        return data
    message = _("warning: classes whose names differ by case or notation alone: {groups}; are they the same?")
    return data._replace(notes=(message.format(groups=", ".join(groups[:MOST_GROUPS])), *data.notes))


def similar(names: Iterable[str]) -> list[list[str]]:
    """Group names that differ only in case, blanks, invisible characters, or in how a letter or number is written.

    >>> similar(["cat", "Cat", "1", "1.0", "dog"])
    [['cat', 'Cat'], ['1', '1.0']]
    """
    groups: dict[float | str, list[str]] = {}
    for name in names:
        number = re.fullmatch(r"[+-]?[0-9]{1,15}([.][0-9]*)?", name)
        groups.setdefault(float(name) if number else _plain(name), []).append(name)
    return [group for group in groups.values() if len(group) > 1]


def _plain(name: str) -> str:
    visible = (mark for mark in unicodedata.normalize("NFKC", name) if unicodedata.category(mark) != "Cf")
    return " ".join("".join(visible).casefold().split())


def quoted(group: list[str]) -> list[str]:
    """Return names in quotes; where two would look the same, with escapes for letters outside ASCII."""
    same = len({unicodedata.normalize("NFC", name) for name in group}) < len(group)
    return list(map(ascii if same else repr, group))


def recoded(name: str, rows: Split, class_names: tuple[str, ...], wanted: tuple[str, ...], first: int = 0) -> Split:
    """Recode labels that index `class_names` into labels that index `wanted`; an error counts rows from `first`.

    Where all that is unknown differs from a known one by a point at its end, as in the test file of UCI's Adult, it is
    taken for that; so is 1.0 for 1, and an accent of its own for that of a letter.

    Raises:
        DataError: for a label that is not among `wanted`.
    """
    unknown = [label for label in class_names if label not in wanted]
    same = {label: [name for name in wanted if _meant(name) == _meant(label)] for label in unknown}
    if unknown and all(label.endswith(".") and label[:-1] in wanted for label in unknown):
        message = _("labels that end in a point, such as {label!r}, are taken for those without")
        note(name, message.format(label=unknown[0]))
        class_names = tuple(label[:-1] if label in unknown else label for label in class_names)
    elif unknown and all(len(names) == 1 for names in same.values()):
        if other := next((label for label in unknown if isinstance(_meant(label), Decimal)), None):
            message = _("labels that are written in another way, such as {label!r}, are taken for the class {known!r}")
            note(name, message.format(label=other, known=same[other][0]))
        class_names = tuple(same[label][0] if label in same else label for label in class_names)
    return rows._replace(labels=coded(name, "y", np.array(class_names)[rows.labels], list(wanted), first))


def _meant(label: str) -> Decimal | str:
    """Return the number that a label is; of text, and of codes such as 007, Unicode's form NFC."""
    is_number = re.fullmatch(r"-?(0|[1-9][0-9]*)([.][0-9]+)?", label)
    return Decimal(label) if is_number else unicodedata.normalize("NFC", label)


def coded(name: str, array: str, labels: NDArray[np.generic], names: list[str], first: int = 0) -> NDArray[np.int32]:
    """Encode each label as its index among `names`."""
    codes = {name: code for code, name in enumerate(names)}
    values = np.unique(labels)
    unseen = [value for value in values if str(value) not in codes]
    if unseen:
        message = _("{path}: row {row} of {array} has label {label}, which no training row has")
        raise DataError(
            message.format(
                path=name, row=first + int(np.flatnonzero(labels == unseen[0])[0]), array=array, label=unseen[0]
            )
        )
    return np.array([codes[str(value)] for value in values], np.int32)[np.searchsorted(values, labels)]
