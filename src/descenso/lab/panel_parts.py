"""What adds to a logit, of one opened step: pixels, inputs of a table, or units of the last hidden layer."""

import numpy as np
from numpy.typing import NDArray

from descenso.lab.answers import Opened
from descenso.lab.shapes import bar, diverging, escaped, img, is_picture, shown
from descenso.text import _, prose

MOST = 12  # classes whose pixels are shown, or parts of one logit


def _has_maps(opened: Opened) -> bool:
    return opened.contributions is not None and is_picture(opened.contributions.shape[1:])


def title(opened: Opened, names: tuple[str, ...]) -> str:
    """Return what the parts are."""
    if _has_maps(opened):
        return _("Pixels for and against each class")
    name = names[opened.label]
    if opened.contributions is not None:
        return _("Inputs for and against {name}").format(name=name)
    return _("Units for and against {name}").format(name=name)


def maps(opened: Opened, names: tuple[str, ...]) -> str:
    """Return for each class a picture of what each pixel adds to its logit."""
    parts = opened.contributions
    if parts is None or not _has_maps(opened):
        return ""
    flat: NDArray[np.float64] = parts if parts.ndim == 3 else parts.sum(axis=-1)  # colours together
    largest = float(np.abs(flat).max()) or 1.0
    items = []
    for place in range(min(len(flat), MOST)):
        about = _("class {name}: pixels for it are orange, against it blue").format(name=names[place])
        picture = img(diverging(flat[place] / largest), about)
        mine = ' class="mine"' if place == opened.label else ""
        logit = shown(float(opened.logits[place]), ".2f")
        items.append(f"<li{mine}>{picture}<span>{escaped(names[place])}: {escaped(logit)}</span></li>")
    return "".join(items)


def bars(opened: Opened, names: tuple[str, ...]) -> str:
    """Return a bar for each of the inputs or units that add most to the logit of the true class, or take most."""
    parts = opened.last if opened.contributions is None else opened.contributions
    if parts is None or _has_maps(opened):
        return ""
    mine = parts[opened.label].ravel()
    largest = float(np.abs(mine).max()) or 1.0
    label = _("unit {number}") if opened.contributions is None else _("input {number}")
    return "".join(
        bar(abs(float(mine[place])) / largest, label.format(number=place), shown(float(mine[place]), "+.3f"))
        for place in np.argsort(-np.abs(mine))[:MOST].tolist()
    )


def total(opened: Opened, names: tuple[str, ...]) -> str:
    """Say that the parts, with the bias, are the logit."""
    parts = opened.last if opened.contributions is None else opened.contributions
    if parts is None:
        return ""
    text = _("Class {name}: all parts together {parts:.6f}, plus the bias {bias:.6f}, is the logit {logit:.6f}.")
    if opened.contributions is None:
        text += " " + _("What a pixel adds has no exact sum in a network with hidden layers.")
    label = opened.label
    values = {"bias": float(opened.bias[label]), "logit": float(opened.logits[label])}
    return prose(text, name=names[label], parts=float(parts[label].sum()), **values)
