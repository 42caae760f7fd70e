"""Checks of tables of a few columns: those that hold the label or the row number, and those that hold nothing."""

import numpy as np

from descenso.doctor.evidence import LEAST_ROWS, Array, Observation, Rows
from descenso.text import _, option

MOST_NAMED = 4  # columns that a message lists
DENSE = 1.5  # the range of a column that counts, as a multiple of the rows; some may have been left out
SPARSE = 0.5  # share of zeros above which a column of zeros is not reported


def counting_column(rows: Rows) -> Observation | None:
    """Check for a column of whole numbers that are all different, and nearly without gaps."""
    if not rows.table or rows.inputs.shape[1] < 2 or len(rows.inputs) < LEAST_ROWS:
        return None
    sample = rows.sample
    whole = (sample % 1 == 0).all(axis=0) if sample.dtype.kind == "f" else np.ones(sample.shape[1], np.bool_)
    found = [int(place) for place in np.flatnonzero(whole) if _counts(rows, int(place))]
    if not found:
        return None
    return _("{names} counts the rows").format(names=_named(rows, found)), _without(rows, found)


def _counts(rows: Rows, place: int) -> bool:
    parts = [rows.sample, rows.inputs, *([rows.test.inputs] if rows.test and rows.test.inputs.ndim == 2 else [])]
    if len(np.unique(rows.sample[:, place])) < len(rows.sample):  # enough to exclude most columns
        return False
    values = np.concatenate([part[:, place] for part in parts[1:]])
    if not np.isfinite(values).all() or (values % 1).any():
        return False
    different = np.unique(values)
    return len(different) == len(values) and bool(different[-1] - different[0] < DENSE * len(values))


def label_column(rows: Rows) -> Observation | None:
    """Check for a column that has one value in each class, and not the same in all."""
    if not rows.table or rows.classes is None or len(rows.inputs) < LEAST_ROWS:
        return None
    order = np.argsort(rows.classes, kind="stable")
    sorted_classes = rows.classes[order]
    starts = np.flatnonzero(np.r_[True, sorted_classes[1:] != sorted_classes[:-1]])
    if not 1 < len(starts) <= len(order) / 4:
        return None
    ordered = rows.inputs[order]
    low, high = (extreme.reduceat(ordered, starts, axis=0) for extreme in (np.minimum, np.maximum))
    found = np.flatnonzero((low == high).all(axis=0) & (low != low[0]).any(axis=0)).tolist()
    if not found:
        return None
    saw = _("{names} alone tells the class: one value in each").format(names=_named(rows, found))
    return saw, _without(rows, found)


def useless_columns(rows: Rows) -> Observation | None:
    """Check for columns of one value, and for columns that repeat another."""
    if not rows.table or len(rows.inputs) < LEAST_ROWS or rows.inputs.shape[1] < 2:
        return None
    inputs, sample = rows.inputs, rows.sample
    sparse = (sample == 0).mean() > SPARSE
    flat = [place for place in range(inputs.shape[1]) if _constant(sample[:, place]) and _constant(inputs[:, place])]
    flat = [place for place in flat if inputs[0, place] != 0 or not sparse]  # it may be a rare category
    first: dict[bytes, int] = {}
    repeats = []
    for place in range(inputs.shape[1]):
        column = np.ascontiguousarray(sample[:, place])
        other = first.setdefault(column.tobytes(), place)
        if other != place and len(np.unique(column)) > 2 and (inputs[:, other] == inputs[:, place]).all():
            repeats.append(place)
    saw = [_("{names}: one value only").format(names=_named(rows, flat))] if flat else []
    if repeats:
        saw.append(_("{names}: the same values as another column").format(names=_named(rows, repeats)))
    return ("; ".join(saw), _without(rows, flat + repeats)) if saw else None


def _constant(column: Array) -> bool:
    return bool((column == column[0]).all())


def _named(rows: Rows, places: list[int]) -> str:
    names = [repr(rows.columns[place]) if rows.columns else str(place) for place in places[:MOST_NAMED]]
    return _("column {names}").format(names=", ".join(names) + (", …" if len(places) > MOST_NAMED else ""))


def _without(rows: Rows, places: list[int]) -> str:
    """Return the line that leaves these columns out."""
    if rows.columns:
        names = dict.fromkeys(rows.columns[place].split("=")[0] for place in places)
        return option("drop", ",".join(names))
    return f"inputs = numpy.delete(inputs, {places}, axis=1)"
