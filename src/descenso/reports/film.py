"""Draw the templates of softmax regression as they form, as an animated GIF."""

import io
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
from matplotlib import colormaps
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from numpy.typing import NDArray
from PIL import Image

from descenso.reports.figures import MOST_CLASSES, add_note, names_of, plain_text
from descenso.text import _, prose

MILLISECONDS, HELD = 200, 3000  # of a frame, and of the last
MOST_BYTES = 3_000_000
DOTS = (100, 75, 56, 42, 31)  # per inch; the first that makes the file small enough is used
SHADES, GREYS = 24, 15  # on each side of zero; of letters
SMALL = 8
INCHES = 5.0  # width of a panel
ACROSS, ABOVE = 1.08, 0.25  # width of a column, and height above a template, for its name; a template is 1 wide


class Reel(NamedTuple):
    """The recorded states of one training run.

    Attributes:
        name: its title.
        steps: (states,) steps taken.
        costs: (states,) cost at each, in nats.
        weights: (states, inputs, classes).
        diverged: whether its cost was not finite after the last state.
    """

    name: str
    steps: Sequence[int]
    costs: NDArray[np.float64]
    weights: NDArray[np.generic]
    diverged: bool = False


def film_of(reels: Sequence[Reel], input_shape: tuple[int, int], class_names: Sequence[str]) -> bytes:
    """Return a GIF of the templates of runs, side by side, which repeats; a run with fewer states waits at its last.

    In each frame the colours of each run reach as far as its largest weight, which is printed with step and cost.

    Args:
        reels: one or more.
        input_shape: (height, width).
        class_names: (classes,); up to 30 are drawn.
    """
    count = max(len(reel.steps) + reel.diverged for reel in reels)
    places, dots = list(range(count)), iter(DOTS)
    content = _encoded(_frames(reels, input_shape, class_names, next(dots), places))
    while len(content) > MOST_BYTES and len(places) > 2:
        finer = next(dots, None)
        if finer is None:
            places = [*places[:-1:2], places[-1]]
        content = _encoded(_frames(reels, input_shape, class_names, finer or DOTS[-1], places))
    return content


def _frames(
    reels: Sequence[Reel], input_shape: tuple[int, int], class_names: Sequence[str], dots: int, places: Sequence[int]
) -> list[Image.Image]:
    names, note = names_of(class_names[:MOST_CLASSES])
    columns = min(len(reels), 2 if len(reels) in (2, 4) else 3)
    rows = -(-len(reels) // columns)
    wide, tall = _across(names) * ACROSS, -(-len(names) // _across(names)) * (input_shape[0] / input_shape[1] + ABOVE)
    height = (INCHES * tall / wide + 0.5) * rows + (0.3 if note else 0)
    figure = Figure(figsize=(INCHES * columns, height), layout="constrained")
    canvas: Any = FigureCanvasAgg(figure)  # whose methods have no types
    figure.set_dpi(dots)
    every = figure.subplots(rows, columns, squeeze=False).ravel()
    drawn = [_panel(axes, reel, input_shape, names) for axes, reel in zip(every, reels, strict=False)]
    for axes in every[len(reels) :]:
        axes.axis("off")
    add_note(figure, note)
    frames = list[Image.Image]()
    for place in places:
        for reel, (images, title) in zip(reels, drawn, strict=True):
            _show(reel, min(place, len(reel.steps) - 1), place, images, title)
        canvas.draw()
        if not frames:
            figure.set_layout_engine("none")  # nothing moves from frame to frame
        frames.append(Image.fromarray(np.asarray(canvas.buffer_rgba())).convert("RGB"))
    return frames


def _across(names: Sequence[str]) -> int:
    """Return the number of templates in a row."""
    return min(5, len(names))


def _panel(axes: Axes, reel: Reel, input_shape: tuple[int, int], names: Sequence[str]) -> tuple[list[Any], Any]:
    """Prepare the picture of each class of a run, and the line that changes; return both."""
    across, ratio = _across(names), input_shape[0] / input_shape[1]
    images = list[Any]()
    for number, name in enumerate(names):
        left, top = number % across * ACROSS, -(number // across) * (ratio + ABOVE)
        extent = (left, left + 1, top - ratio, top)
        images.append(axes.imshow(np.zeros(input_shape), extent=extent, cmap=colormaps["RdBu_r"], vmin=-1, vmax=1,
                                  interpolation="nearest"))  # fmt: skip
        shown, style = plain_text(name, 14)
        axes.text(left + 0.5, top + 0.03, shown, ha="center", va="bottom", fontsize=SMALL, **style)
    rows = -(-len(names) // across)
    axes.set(xlim=(-0.02, across * ACROSS - 0.06), ylim=(-(rows - 1) * (ratio + ABOVE) - ratio - 0.02, 0.2))
    axes.axis("off")
    shown, style = plain_text(reel.name, 60)
    axes.set_title(f"{shown}\n", loc="left", fontsize=SMALL + 1, fontweight="bold", in_layout=False, **style)
    line = axes.annotate("", (0, 1), (0, 2), "axes fraction", "offset points", fontsize=SMALL, in_layout=False)
    return images, line


def _show(reel: Reel, state: int, place: int, images: Sequence[Any], title: Any) -> None:
    """Show a state of a run in its panel, in few shades, which makes the film smaller."""
    weights = np.asarray(reel.weights[state], np.float64)[:, : len(images)]
    limit = float(np.abs(weights).max()) or 1.0
    shades = np.round(weights / limit * SHADES) / SHADES
    for image, template in zip(images, shades.T, strict=True):
        image.set_data(template.reshape(image.get_array().shape))
    title.set_text(_said(reel, state, place >= len(reel.steps), limit))


def _said(reel: Reel, state: int, waits: bool, limit: float) -> str:
    """Say what is shown; `waits` is whether the film goes on for other runs, and `limit` the largest weight."""
    line = prose(_("step {step:,}, cost {cost:.3g}"), step=reel.steps[state], cost=reel.costs[state])
    if reel.diverged and waits:
        return line + _("; then it diverged")
    if not np.any(reel.weights[state]):
        return line
    return line + prose(_(", weights from −{limit:.3g} (blue) to {limit:.3g} (red)"), limit=limit)


def _encoded(frames: Sequence[Image.Image]) -> bytes:
    """Return frames as a GIF with one palette: the shades of the templates, and greys for letters."""
    shades = colormaps["RdBu_r"](np.arange(2 * SHADES + 1) / (2 * SHADES), bytes=True)[:, :3]
    colours = np.concatenate([shades, np.linspace([0] * 3, [255] * 3, GREYS).astype(np.uint8)])
    palette = Image.new("P", (1, 1))
    palette.putpalette(colours.tobytes())
    first, *others = [frame.quantize(palette=palette, dither=Image.Dither.NONE) for frame in frames]
    buffer = io.BytesIO()
    first.save(
        buffer, "GIF", save_all=True, append_images=others, loop=0, disposal=1,
        duration=[*[MILLISECONDS] * len(others), HELD],
    )  # fmt: skip
    return buffer.getvalue()
