"""What the panel of one opened step shows: its quantities with formula and numbers, and the pixels for and against."""

from collections.abc import Iterator
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from descenso.lab.answers import Activations, Opened, Stage
from descenso.lab.protocol import View
from descenso.lab.shapes import bar, diverging, escaped, grey, img, is_picture, shown
from descenso.text import _, mark, prose

if TYPE_CHECKING:
    from descenso.lab.page import Entry, Page

FEW = 10  # numbers of a quantity that are shown at once
MANY = 200  # of an unfolded one
MOST_MAPS = 12  # classes whose pixels are shown
MOST_FILTERS = 16  # pictures of a layer's activations
NAMES = {  # of quantities; what is not here is the name of a parameter
    "inputs": mark("inputs"),
    "logits": mark("logits"),
    "probabilities": mark("probabilities"),
    "cost": mark("cost"),
}


def entries(page: "Page", view: View) -> Iterator["Entry"]:
    """Yield what the panel shows."""
    opened = page.opened
    yield "row", "value", str(page.row)
    yield "row", "max", str(max(view.train_rows - 1, 0))
    waiting = _("Start a run, or take one step, to open a step up.") if view.run is None else _("Computing the step …")
    yield "step-none", "textContent", waiting
    yield "step-none", "hidden", opened is not None
    yield "step-body", "hidden", opened is None
    yield "activations-box", "hidden", view.settings.model != "cnn"
    if opened is not None:
        yield from _opened(page, opened, view)
    if page.activations is not None:
        yield "test-row", "value", str(page.test_row)
        yield "activations", "innerHTML", page.made_of("activations", page.activations, _activations, view)


def _opened(page: "Page", opened: Opened, view: View) -> Iterator["Entry"]:
    where = _("Epoch {epoch}, step {step}: row {row} is number {place} of the {size} rows of the batch.")
    size, names = len(opened.batch), view.class_names
    values = {"epoch": opened.epoch + 1, "step": opened.step + 1, "row": opened.row, "place": opened.place + 1}
    yield "step-where", "textContent", prose(where, size=size, **values)
    yield "step-stages", "innerHTML", page.made_of("stages", opened, _stages)
    yield "step-image", "innerHTML", page.made_of("image", opened, _image, names)
    yield "step-bars", "innerHTML", page.made_of("bars", opened, _bars, names)
    yield "step-maps", "innerHTML", page.made_of("maps", opened, _maps, names)
    units = "" if opened.last is None else page.made_of("units", opened, _units, opened.last)
    yield "step-units", "innerHTML", units
    pixels, others = _("Pixels for and against each class"), _("Units for and against the class")
    yield "step-parts", "textContent", pixels if opened.last is None else others
    yield "step-sum", "textContent", _sum(opened, names)


def _image(opened: Opened, names: tuple[str, ...]) -> str:
    true = names[opened.label] if opened.label < len(names) else str(opened.label)
    about = _("training row {row}, class {name}").format(row=opened.row, name=true)
    if is_picture(opened.image.shape):
        return img(grey(opened.image), about, "pixels large") + f"<p>{escaped(about)}</p>"
    return f"<p>{escaped(about)}</p>"


def _stages(opened: Opened) -> str:
    """Return the quantities of the step, from the batch to the update, as a list; each unfolds to its numbers."""
    return "".join(map(_stage, opened.stages))


def _stage(stage: Stage) -> str:
    flat = np.asarray(stage.values, np.float64).ravel()
    bare = len(flat) > FEW and not flat[:FEW].any() and bool(flat.any())  # of a picture, the border is 0
    begin = int(np.flatnonzero(flat)[0]) if bare else 0
    more = "" if begin + FEW >= len(flat) else " …"
    first = ("… " if begin else "") + "  ".join(f"{value:.4g}" for value in flat[begin : begin + FEW]) + more
    whole = np.array2string(
        np.asarray(stage.values, np.float64), precision=6, threshold=MANY, edgeitems=4, max_line_width=88
    )
    shape = " × ".join(map(str, stage.shape)) or _("a number")
    name, known, number = stage.name.partition(" of ")
    title = _(NAMES.get(stage.name, stage.name))
    if known and name in ("gradient", "update"):
        title = (_("gradient of {name}") if name == "gradient" else _("update of {name}")).format(name=number)
    elif stage.name.startswith("hidden "):
        title = _("hidden layer {number}").format(number=stage.name.removeprefix("hidden "))
    return (
        f"<details><summary><b>{escaped(title)}</b> <code>{escaped(stage.formula)}</code>"
        f"<small>{escaped(shape)} · {escaped(stage.dtype)}</small><samp>{escaped(first)}</samp></summary>"
        f'<pre tabindex="0">{escaped_lines(whole)}</pre></details>'
    )


def escaped_lines(text: str) -> str:
    """Escape a text of several lines."""
    return "\n".join(map(escaped, text.split("\n")))


def _bars(opened: Opened, names: tuple[str, ...]) -> str:
    best = int(opened.probabilities.argmax())
    return "".join(
        bar(float(share), name, shown(float(share), ".4f"), place == best)
        for place, (name, share) in enumerate(zip(names, opened.probabilities, strict=False))
    )


def _maps(opened: Opened, names: tuple[str, ...]) -> str:
    """Return for each class a picture of what each pixel adds to its logit."""
    maps = opened.contributions
    if maps is None or not is_picture(maps.shape[1:]):
        return ""
    flat: NDArray[np.float64] = maps if maps.ndim == 3 else maps.sum(axis=-1)  # colours together
    largest = float(np.abs(flat).max()) or 1.0
    items = []
    for place in range(min(len(flat), MOST_MAPS)):
        about = _("class {name}: pixels for it are orange, against it blue").format(name=names[place])
        picture = img(diverging(flat[place] / largest), about)
        mine = ' class="mine"' if place == opened.label else ""
        logit = shown(float(opened.logits[place]), ".2f")
        items.append(f"<li{mine}>{picture}<span>{escaped(names[place])}: {escaped(logit)}</span></li>")
    return "".join(items)


def _sum(opened: Opened, names: tuple[str, ...]) -> str:
    label = opened.label
    if opened.contributions is not None:
        parts = opened.contributions[label]
        text = _("Class {name}: all pixels together {parts:.6f}, plus the bias {bias:.6f}, is the logit {logit:.6f}.")
    elif opened.last is not None:
        parts = opened.last[label]
        text = _("Class {name}: all units together {parts:.6f}, plus the bias {bias:.6f}, is the logit {logit:.6f}. "
                 "What a pixel adds has no exact sum in a network with hidden layers.")  # fmt: skip
    else:
        return ""
    values = {"parts": float(parts.sum()), "bias": float(opened.bias[label]), "logit": float(opened.logits[label])}
    return prose(text, name=names[label], **values)


def _units(opened: Opened, last: NDArray[np.float64]) -> str:
    """Return a bar for each of the units of the last hidden layer that add most to the true class's logit, or take."""
    parts = last[opened.label]
    largest = float(np.abs(parts).max()) or 1.0
    most = np.argsort(-np.abs(parts))[:MOST_MAPS]
    return "".join(
        bar(
            abs(float(parts[unit])) / largest, _("unit {number}").format(number=unit), shown(float(parts[unit]), "+.3f")
        )
        for unit in most
    )


def _activations(answer: Activations, view: View) -> str:
    about = _("test row {row}, class {name}").format(row=answer.row, name=view.class_names[answer.label])
    parts = [f"<div>{img(grey(answer.image), about)}<span>{escaped(about)}</span></div>"]
    for name, values in answer.layers:
        title = f"{name}, {' × '.join(map(str, values.shape))}"
        if values.ndim == 3:
            filters = np.moveaxis(values, -1, 0)[:MOST_FILTERS]
            pictures = "".join(img(grey(each), f"{name} {place}") for place, each in enumerate(filters))
        else:
            pictures = img(grey(values.reshape(1, -1)), title, "pixels strip")
        parts.append(f"<div><span>{escaped(title)}</span><p>{pictures}</p></div>")
    return "".join(parts)
