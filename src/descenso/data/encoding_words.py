"""Sentences on what is done to the columns of a table."""

from collections import Counter
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from descenso.text import _

if TYPE_CHECKING:
    from descenso.data.encoding import Cells, Column, Encoding

MOST_LISTED = 10  # names in one sentence

REASONS = {
    "dates": lambda: _("dates or times"),
    "text": lambda: _("text with {detail} different values, too many for an input each"),
    "index": lambda: _("it counts or names the rows"),
    "constant": lambda: _("it has one value only, {detail}"),
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


def unseen(columns: "Sequence[Column]", cells: "Sequence[Cells]", rows: NDArray[np.intp]) -> Iterator[str]:
    """Say which values no training row has, and how many rows have them."""
    for column, one in zip(columns, cells, strict=True):
        gaps = int(one.missing()[rows].sum()) if not column.missing else 0
        if gaps and column.kind == "category":
            message = _("{column}: missing in {count} rows, and in no training row; none of its inputs is set")
            yield message.format(column=column.name, count=gaps)
        elif gaps:
            message = _("{column}: missing in {count} rows, and in no training row; read as the median, {fill:g}")
            yield message.format(column=column.name, count=gaps, fill=column.fill)
        if column.kind == "category" and not set(one.categories) <= set(column.categories):
            known = np.isin(np.array(one.categories, str), np.array(column.categories, str))
            values = one.values[rows]
            counts = Counter(values[(values >= 0) & ~known[values]].tolist())
            if counts:
                shown = ", ".join(f"{one.categories[code][:40]!r}" for code, _n in counts.most_common(MOST_LISTED))
                message = _("{column}: {values} in {count} rows, and in no training row; none of its inputs is set")
                yield message.format(column=column.name, values=shown, count=counts.total())


def sentences(encoding: "Encoding", cells: "Sequence[Cells]" = ()) -> tuple[str, ...]:
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
        why = REASONS[column.reason]().format(detail=column.detail)
        said.append(_("Column {name!r} is left out: {why}").format(name=column.name, why=why))
    if encoding.left_out[MOST_LISTED:]:
        names = listed([column.name for column in encoding.left_out[MOST_LISTED:]])
        said.append(_("Columns that are left out for such reasons, too: {columns}").format(columns=names))
    return tuple(said)
