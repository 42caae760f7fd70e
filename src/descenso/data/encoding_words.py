"""Sentences on what is done to the columns of a table."""

from collections.abc import Sequence

from descenso.data.encoding import MOST_LISTED, Cells, Encoding
from descenso.text import _

SENTENCES = {
    "dates": lambda: _("dates or times"),
    "text": lambda: _("text with {detail} different values, too many for an input each"),
    "unit": lambda: _("numbers with a unit, such as {detail}; to learn from them, take the unit off in the file"),
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


def sentences(encoding: Encoding, cells: Sequence[Cells] = ()) -> tuple[str, ...]:
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
