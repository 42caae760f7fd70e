"""What the panel of one opened step shows: its quantities with formula and numbers, and the pixels for and against."""

from collections.abc import Iterator

import numpy as np

from descenso.lab import panel_parts
from descenso.lab.answers import Activations, Opened, Stage
from descenso.lab.protocol import View
from descenso.lab.shapes import bar, escaped, grey, img, is_picture, shown
from descenso.lab.showing import Entry, Showing
from descenso.text import _, mark, prose

FEW = 10  # numbers of a quantity that are shown at once
MANY = 200  # of an unfolded one
MOST_FILTERS = 16  # pictures of a layer's activations
NAMES = {  # of quantities; what is not here is the name of a parameter
    "inputs": mark("inputs"),
    "logits": mark("logits"),
    "probabilities": mark("probabilities"),
    "cost": mark("cost"),
    "the logits": mark("the logits"),
    "label": mark("label"),
}


def entries(page: Showing, view: View) -> Iterator[Entry]:
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


def _opened(page: Showing, opened: Opened, view: View) -> Iterator[Entry]:
    where = _("Epoch {epoch}, step {step}: row {row} is number {place} of {size} in the batch.")
    size, names = len(opened.batch), view.class_names
    values = {"epoch": opened.epoch + 1, "step": opened.step + 1, "row": opened.row, "place": opened.place + 1}
    yield "step-where", "textContent", prose(where, size=size, **values)
    yield "step-stages", "innerHTML", page.made_of("stages", opened, _stages)
    yield "step-image", "innerHTML", page.made_of("image", opened, _image, names)
    yield "step-bars", "innerHTML", page.made_of("bars", opened, _bars, names)
    for name, key, make in (
        ("step-parts", "textContent", panel_parts.title),
        ("step-maps", "innerHTML", panel_parts.maps),
        ("step-units", "innerHTML", panel_parts.bars),
        ("step-sum", "textContent", panel_parts.total),
    ):
        yield name, key, page.made_of(name, opened, make, names)


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
        what = _("gradient of {name}") if name == "gradient" else _("update of {name}")
        title = what.format(name=_(NAMES.get(number, number)))
    elif stage.name.startswith("hidden "):
        title = _("hidden layer {number}").format(number=stage.name.removeprefix("hidden "))
    return (
        f"<details><summary><b>{escaped(title)}</b> <code>{escaped(_(stage.formula))}</code>"
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
