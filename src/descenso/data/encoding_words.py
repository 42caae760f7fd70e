"""Sentences on what is done to the columns of a table."""

from collections.abc import Iterable, Iterator, Sequence

import numpy as np

from descenso.data.encoding import MOST_LISTED, Cells, Encoding
from descenso.text import _, prose

LEAST_ROWS = 5  # whose values are compared with those of the training rows
FAR = 100  # times the median of the training rows, or a part of it

SENTENCES = {
    "dates": lambda: _("dates or times"),
    "text": lambda: _("text with {detail} different values, too many for an input each"),
    "unit": lambda: _("numbers with a unit, such as {detail}; to learn from them, take the unit off in the file"),
    "index": lambda: _("it counts or names the rows"),
    "constant": lambda: _("it has one value only, {detail}"),
    "rounded": lambda: _("whole numbers too large to be told apart, about {detail}; are they identifiers?"),
    "empty": lambda: _("it has no values"),
    "type": lambda: _("values of type {detail}"),
}


def listed(names: Sequence[str]) -> str:
    """List the first names for a sentence, and say how many more there are.

    >>> listed(["a", "b"])
    'a, b'
    """
    shown = ", ".join(names[:MOST_LISTED])
    more = len(names) - MOST_LISTED
    return shown if more <= 0 else _("{names} and {more} more").format(names=shown, more=more)


def sentences(encoding: Encoding, cells: Iterable[Cells] = ()) -> tuple[str, ...]:
    """Say what is done to the columns, in sentences; `cells` are for the number of missing values."""
    said = []
    categories = [f"{one.name} ({len(one.categories)})" for one in encoding.columns if one.kind == "category"]
    if categories:
        said.append(_("Text, one input for each value: {columns}").format(columns=listed(categories)))
    truths = [one.name for one in encoding.columns if one.kind == "truth"]
    if truths:
        said.append(_("True and false, read as 1 and 0: {columns}").format(columns=listed(truths)))
    gaps = {one.name: int(one.missing().sum()) for one in cells}
    for numbers, sentence in (
        (True, _("Missing values, replaced by the median; a further input says where: {columns}")),
        (False, _("Missing values, an input of their own: {columns}")),
    ):
        holed = [one.name for one in encoding.columns if one.missing and (one.kind != "category") == numbers]
        if holed:
            shown = [f"{name} ({gaps[name]})" if name in gaps else name for name in holed]
            said.append(sentence.format(columns=listed(shown)))
    for column in encoding.left_out[:MOST_LISTED]:
        why = SENTENCES[column.reason]().format(detail=column.detail)
        said.append(_("Column {name!r} is left out: {why}").format(name=column.name, why=why))
    if encoding.left_out[MOST_LISTED:]:
        names = listed([column.name for column in encoding.left_out[MOST_LISTED:]])
        said.append(_("Columns that are left out for such reasons, too: {columns}").format(columns=names))
    return tuple(said)


def other_scale(encoding: Encoding, cells: Sequence[Cells]) -> Iterator[str]:
    """Say which columns of rows for a trained model have values that are all far from the training rows' median.

    They may be in another unit, or have marks between thousands that were read as decimal marks.
    """
    for column, one in zip(encoding.columns, cells, strict=True):
        if column.kind != "number" or not column.fill:
            continue
        values = np.abs(one.values[np.isfinite(one.values) & (one.values != 0)])
        if len(values) < LEAST_ROWS or not (
            values.max() * FAR < abs(column.fill) or values.min() > FAR * abs(column.fill)
        ):
            continue
        message = _("{column}: values from {low:g} to {high:g}, and the median of the training rows is {fill:g}; are "
                    "unit and decimal mark the same?")  # fmt: skip
        yield prose(message, column=column.name, low=values.min(), high=values.max(), fill=column.fill)
