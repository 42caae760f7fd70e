"""Pictures, drawn with matplotlib without its global state."""

import io
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import MaxNLocator
from numpy.typing import NDArray

from descenso.data.dataset import Split
from descenso.runs.files import write_file
from descenso.runs.history import History
from descenso.text import _, printable

MOST_CLASSES = 30  # that are drawn one by one: axes take time, and nobody reads more names on one picture
MOST_LETTERS = 32  # of a class's name: longer ones would leave no room for the picture


def curves(label: str, history: History) -> dict[str, Sequence[float]]:
    """The cost of each epoch of a run, and after each the validation cost where there is any, by what to call them."""
    found: dict[str, Sequence[float]] = {label: history.costs}
    if history.validation_costs:
        found[_("{run}, validation").format(run=label)] = history.validation_costs
    return found


def loss_figure(curves: Mapping[str, Sequence[float]]) -> Figure:
    """The cost of each epoch, one curve a run.

    Args:
        curves: by label, the costs in nats; values that are not finite leave a gap.
    """
    figure, axes = _axes(title=_("Training Loss"), xlabel=_("Epoch #"), ylabel=_("Loss"))
    lines = [
        axes.plot(np.arange(len(costs)), costs, marker="o" if len(costs) < 3 else None)[0] for costs in curves.values()
    ]
    axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    if len(curves) > 1:
        _legend(axes, lines, curves)
    return figure


def schedules_figure(shares: Mapping[str, NDArray[np.float64]]) -> Figure:
    """Schedules, as shares of the learning rate over the share of steps done.

    Args:
        shares: by what each is called, its shares at steps evenly spaced from the first to the end.
    """
    figure, axes = _axes(
        title=_("Schedules of the learning rate"),
        xlabel=_("Share of the steps done"),
        ylabel=_("Share of the learning rate"),
    )
    lines = [axes.plot(np.linspace(0, 1, len(each)), each)[0] for each in shares.values()]
    axes.set_ylim(0, 1.05)
    _legend(axes, lines, shares)
    return figure


def _axes(**labels: str) -> tuple[Figure, Axes]:
    figure = Figure(figsize=(6.4, 4.2), layout="constrained")
    axes = figure.subplots()
    axes.set(**labels)
    axes.grid(alpha=0.3)
    return figure, axes


def _legend(axes: Axes, lines: Sequence[Line2D], labels: Iterable[str]) -> None:
    legend = axes.legend(lines, [printable(label) for label in labels])
    for text in legend.get_texts():  # a label is a path, not a formula
        text.set_parse_math(False)


def templates_figure(W: NDArray[np.generic], input_shape: tuple[int, ...], class_names: Sequence[str]) -> Figure:
    """The weights of each class as a picture, of the first 30: what softmax regression looks for, and away from.

    Args:
        W: (num_inputs, num_classes).
        input_shape: (height, width) with height · width = num_inputs.
        class_names: num_classes of them.
    """
    limit = float(np.abs(W).max()) or 1.0
    figure, panels = _panels(min(len(class_names), MOST_CLASSES))
    for name, template, axes in zip(class_names, W.T, panels, strict=False):
        image = axes.imshow(template.reshape(input_shape), cmap="RdBu_r", vmin=-limit, vmax=limit)
        axes.set_title(_named(name, 14), parse_math=False)  # a name is not a formula
    bar = figure.colorbar(image, ax=panels, shrink=0.8, aspect=30)
    bar.set_label(_("weight (red speaks for the class, blue against it)"))
    return figure


def confusion_figure(confusion: NDArray[np.int64], class_names: Sequence[str]) -> Figure:
    """The confusion matrix: rows of each true class by predicted class, counted and coloured by share.

    Args:
        confusion: (num_classes, num_classes).
        class_names: num_classes of them.
    """
    size = max(4.5, 0.55 * min(len(class_names), MOST_CLASSES) + 1.2)
    figure = Figure(figsize=(size + 1, size), layout="constrained")
    axes = figure.subplots()
    shares = confusion / np.maximum(confusion.sum(axis=1, keepdims=True), 1)
    image = axes.imshow(shares, cmap="Blues", vmin=0, vmax=1)
    for (row, column), count in np.ndenumerate(confusion) if len(class_names) <= MOST_CLASSES else ():
        shade = "white" if shares[row, column] > 0.5 else "black" if count else "lightgrey"
        axes.text(column, row, str(count), ha="center", va="center", fontsize=8, color=shade)
    if len(class_names) <= MOST_CLASSES:
        ticks, names = range(len(class_names)), [_named(name) for name in class_names]
        axes.set_xticks(ticks, names, rotation=90 if max(map(len, names)) > 2 else 0, parse_math=False)
        axes.set_yticks(ticks, names, parse_math=False)
    axes.set(title=_("Confusion matrix"), xlabel=_("Predicted class"), ylabel=_("True class"))
    figure.colorbar(image, ax=axes, shrink=0.8).set_label(_("share of the true class"))
    return figure


def is_picture(input_shape: Sequence[int]) -> bool:
    """Whether inputs of this shape can be drawn: (height, width), or one, three or four channels of that."""
    return len(input_shape) == 2 or (len(input_shape) == 3 and input_shape[2] in (1, 3, 4))


def _drawable(inputs: NDArray[np.generic]) -> NDArray[Any]:
    """Inputs as matplotlib draws them: colours in [0, 1] where they are floats, grey as it is."""
    if inputs.dtype == np.uint8 or inputs.ndim == 3 or not len(inputs):
        return inputs
    least, most = float(inputs.min()), float(inputs.max())
    return (inputs.astype(np.float64) - least) / max(most - least, 1e-300)


def contact_sheet(split: Split, class_names: Sequence[str], each: int = 10) -> Figure:
    """The first `each` images of every class, or of the first 30, a class a row.

    Args:
        split: inputs (rows, height, width) or (rows, height, width, channels).
        class_names: num_classes of them.
    """
    rows = min(len(class_names), MOST_CLASSES)
    figure = Figure(figsize=(0.6 * each + 0.6, 0.6 * rows), layout="constrained")
    grid = figure.subplots(rows, each, squeeze=False)
    for axes in grid.flat:
        axes.set(xticks=[], yticks=[])
        axes.axis("off")
    inputs = _drawable(split.inputs)
    for label, row in enumerate(grid):
        row[0].axis("on")
        row[0].set_frame_on(False)
        row[0].set_ylabel(_named(class_names[label]), rotation=0, ha="right", va="center", parse_math=False)
        for axes, index in zip(row, np.flatnonzero(split.labels == label), strict=False):
            _show(axes, inputs[index])
    return figure


def mistakes_figure(
    rows: Split,
    costs: NDArray[np.float64],
    predicted: NDArray[np.int64],
    confidence: NDArray[np.float64],
    class_names: Sequence[str],
    most: int = 20,
) -> Figure:
    """The worst mistakes: images of another class than predicted, the costliest first, with what was said of each.

    Args:
        rows: inputs (rows, height, width) or (rows, height, width, channels).
        costs, predicted, confidence: (rows,), of the evaluation.
        class_names: num_classes of them.
        most: how many are shown.
    """
    wrong = np.flatnonzero(predicted != rows.labels)
    worst = wrong[np.argsort(-costs[wrong], kind="stable")][:most]
    figure, panels = _panels(max(1, len(worst)))
    inputs = _drawable(rows.inputs[worst])
    figure.suptitle(_("Worst mistakes of {wrong} in {rows}").format(wrong=len(wrong), rows=len(rows.labels)))
    for index, image, axes in zip(worst, inputs, panels, strict=False):
        _show(axes, image)
        true, said = (_named(class_names[label], 12) for label in (rows.labels[index], predicted[index]))
        title = _("{true}, taken for {said} ({share:.0%})").format(true=true, said=said, share=confidence[index])
        axes.set_title(title, fontsize=7, parse_math=False)
    return figure


def seen_figure(inputs: NDArray[np.generic], classes: Sequence[str], most: int = 20) -> Figure:
    """The first images as a model was given them, each under the class that it was taken for.

    Args:
        inputs: (rows, height, width) or (rows, height, width, channels).
        classes: (rows,).
        most: how many are shown.
    """
    figure, panels = _panels(min(len(inputs), most))
    for image, name, axes in zip(_drawable(inputs[: len(panels)]), classes, panels, strict=False):
        _show(axes, image)
        axes.set_title(_named(name, 14), parse_math=False)
    return figure


def _show(axes: Axes, image: NDArray[np.generic]) -> None:
    """Draw an image as it is stored: what is dark is dark."""
    axes.imshow(image, cmap="gray", vmin=0, vmax=255) if image.dtype == np.uint8 else axes.imshow(image, cmap="gray")


def _named(name: str, most: int = MOST_LETTERS) -> str:
    """A class's name, as far as a picture has room for it: where it is too long, its beginning and its end."""
    shown = printable(name)
    return shown if len(shown) <= most else f"{shown[: most // 2]}…{shown[-((most - 1) // 2) :]}"


def _panels(count: int) -> tuple[Figure, NDArray[np.object_]]:
    """A figure with `count` bare axes, five in a row."""
    columns = min(count, 5)
    rows = -(-count // columns)
    figure = Figure(figsize=(1.6 * columns + 1, 1.8 * rows), layout="constrained")
    panels = figure.subplots(rows, columns, squeeze=False).ravel()
    for axes in panels:
        axes.set(xticks=[], yticks=[])
    for axes in panels[count:]:
        axes.remove()
    return figure, panels[:count]


def png(figure: Figure) -> bytes:
    """`figure` as a PNG file."""
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png", dpi=120)
    return buffer.getvalue()


def save_figure(figure: Figure, path: Path) -> Path:
    """Write `figure` to `path` as PNG, whole or not at all.

    Raises:
        DiskError: where it cannot be written.
    """
    write_file(path, png(figure))
    return path
