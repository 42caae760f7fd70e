"""Draw figures with matplotlib, without its global state."""

import io
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any
from unicodedata import east_asian_width

import numpy as np
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle
from matplotlib.ticker import MaxNLocator
from numpy.typing import NDArray

from descenso.data.dataset import Split
from descenso.runs.files import write_file
from descenso.runs.history import History
from descenso.text import _, printable

MOST_CLASSES = 30  # that are drawn separately: axes take time, and more names cannot be read
MOST_LETTERS = 32  # of a class name: longer ones leave no room for the picture


def curves(label: str, history: History) -> dict[str, Sequence[float]]:
    """Return the costs of a run, and its validation costs if there are any, by their labels."""
    costs: dict[str, Sequence[float]] = {label: history.costs}
    if history.validation_costs:
        costs[_("{run}, validation").format(run=label)] = history.validation_costs
    return costs


def loss_figure(curves: Mapping[str, Sequence[float]]) -> Figure:
    """Draw the cost of each epoch, one curve per label.

    Args:
        curves: costs in nats by label; values that are not finite leave a gap.
    """
    figure, axes = _axes()
    draw_costs(axes, curves)
    return figure


def draw_costs(
    axes: Axes, curves: Mapping[str, Sequence[float]], styles: Sequence[str] = "-", size: Any = None
) -> None:
    """Draw the cost of each epoch, one curve per label, with a legend of this font size if there are several."""
    lines = {
        label: axes.plot(costs, styles[number % len(styles)], marker="o" if len(costs) < 3 else None)[0]
        for number, (label, costs) in enumerate(curves.items())
    }
    axes.set(title=_("Training Loss"), xlabel=_("Epoch #"), ylabel=_("Loss"))
    axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    if len(curves) > 1:
        add_legend(axes, lines, size)


def schedules_figure(shares: Mapping[str, NDArray[np.float64]]) -> Figure:
    """Draw schedules as shares of the learning rate over the share of steps done.

    Args:
        shares: by name, the shares at evenly spaced steps from the first to the last.
    """
    figure, axes = _axes(
        title=_("Schedules of the learning rate"),
        xlabel=_("Share of the steps done"),
        ylabel=_("Share of the learning rate"),
    )
    lines = {name: axes.plot(np.linspace(0, 1, len(values)), values)[0] for name, values in shares.items()}
    axes.set_ylim(0, 1.05)
    add_legend(axes, lines)
    return figure


def _axes(**labels: str) -> tuple[Figure, Axes]:
    figure = Figure(figsize=(6.4, 4.2), layout="constrained")
    axes = figure.subplots()
    axes.set(**labels)
    axes.grid(alpha=0.3)
    return figure, axes


def add_legend(axes: Axes, lines: Mapping[str, Artist], size: Any = None) -> None:
    """Add a legend whose labels are shown as they are: no formulas, control characters escaped."""
    legend = axes.legend(list(lines.values()), list(map(printable, lines)), fontsize=size)
    for text in legend.get_texts():
        text.set_parse_math(False)


def templates_figure(W: NDArray[np.generic], input_shape: tuple[int, ...], class_names: Sequence[str]) -> Figure:
    """Draw the weights of each class, up to 30, as an image: the template that softmax regression compares with.

    Args:
        W: (num_inputs, num_classes).
        input_shape: (height, width) with height · width = num_inputs.
        class_names: (num_classes,).
    """
    limit = float(np.abs(W).max()) or 1.0
    names = [_short_name(name, 14) for name in class_names[:MOST_CLASSES]]
    figure, axes = _sheet(W.T[: len(names)].reshape(-1, *input_shape), names, cmap="RdBu_r", vmin=-limit, vmax=limit)
    bar = figure.colorbar(axes.images[0], ax=axes, shrink=0.8, aspect=30)
    bar.set_label(_("weight (red speaks for the class, blue against it)"))
    return figure


def confusion_figure(confusion: NDArray[np.int64], class_names: Sequence[str]) -> Figure:
    """Draw the confusion matrix: counts of true by predicted classes, coloured by the share of the true class.

    Args:
        confusion: (num_classes, num_classes).
        class_names: (num_classes,).
    """
    size = max(4.5, 0.55 * min(len(class_names), MOST_CLASSES) + 1.2)
    figure = Figure(figsize=(size + 1, size), layout="constrained")
    axes = figure.subplots()
    shares = confusion / np.maximum(confusion.sum(axis=1, keepdims=True), 1)
    image = axes.imshow(shares, cmap="Blues", vmin=0, vmax=1)
    if len(class_names) <= MOST_CLASSES:
        for (row, column), count in np.ndenumerate(confusion):
            shade = "white" if shares[row, column] > 0.5 else "black" if count else "lightgrey"
            axes.text(column, row, str(count), ha="center", va="center", fontsize=8, color=shade)
        ticks, names = range(len(class_names)), [_short_name(name) for name in class_names]
        axes.set_xticks(ticks, names, rotation=90 if max(map(len, names)) > 2 else 0, parse_math=False)
        axes.set_yticks(ticks, names, parse_math=False)
    axes.set(title=_("Confusion matrix"), xlabel=_("Predicted class"), ylabel=_("True class"))
    figure.colorbar(image, ax=axes, shrink=0.8).set_label(_("share of the true class"))
    return figure


def is_picture(input_shape: Sequence[int]) -> bool:
    """Whether inputs of this shape are images: (height, width), or that with one, three or four channels."""
    return len(input_shape) == 2 or (len(input_shape) == 3 and input_shape[2] in (1, 3, 4))


def _drawable(inputs: NDArray[np.generic]) -> NDArray[Any]:
    """Scale colour images of floats to [0, 1], as matplotlib expects; other images are unchanged."""
    if inputs.dtype == np.uint8 or inputs.ndim == 3 or not len(inputs):
        return inputs
    least, most = float(inputs.min()), float(inputs.max())
    return (inputs.astype(np.float64) - least) / max(most - least, 1e-300)


def contact_sheet(split: Split, class_names: Sequence[str], columns: int = 10) -> Figure:
    """Draw the first images of each class, up to 30 classes, one row per class.

    Args:
        split: inputs (rows, height, width) or (rows, height, width, channels).
        class_names: (num_classes,).
        columns: images per class.
    """
    rows = min(len(class_names), MOST_CLASSES)
    figure = Figure(figsize=(0.6 * columns + 0.6, 0.6 * rows), layout="constrained")
    axes = figure.add_subplot()
    inputs, ratio = _drawable(split.inputs), _ratio(split.inputs)
    for label in range(rows):
        top = -label * (ratio + 0.1)
        name = _short_name(class_names[label])
        axes.text(-0.2, top - ratio / 2, name, ha="right", va="center", parse_math=False)
        for column, index in enumerate(np.flatnonzero(split.labels == label)[:columns]):
            _show(axes, inputs[index], column * 1.1, top)
    _frame(axes, columns * 1.1 - 0.1, (rows - 1) * (ratio + 0.1) + ratio)
    return figure


def mistakes_figure(
    rows: Split,
    costs: NDArray[np.float64],
    predicted: NDArray[np.int64],
    confidence: NDArray[np.float64],
    class_names: Sequence[str],
    most: int = 20,
) -> Figure:
    """Draw the misclassified images with the highest costs, with true and predicted class.

    Args:
        rows: inputs (rows, height, width) or (rows, height, width, channels).
        costs, predicted, confidence: (rows,), as those of `Evaluation`.
        class_names: (num_classes,).
        most: largest number of images.
    """
    wrong = np.flatnonzero(predicted != rows.labels)
    worst = wrong[np.argsort(-costs[wrong], kind="stable")][:most]
    titles = []
    for index in worst:
        true, guess = (_short_name(class_names[label], 12) for label in (rows.labels[index], predicted[index]))
        title = _("{true}, taken for {said} ({share:.0%})").format(true=true, said=guess, share=confidence[index])
        titles.append(title)
    figure, _axes = _sheet(_drawable(rows.inputs[worst]), titles, size=7)
    figure.suptitle(_("Worst mistakes of {wrong} in {rows}").format(wrong=len(wrong), rows=len(rows.labels)))
    return figure


def predictions_figure(inputs: NDArray[np.generic], classes: Sequence[str], most: int = 20) -> Figure:
    """Draw the first images as the model reads them, with their predicted classes.

    Args:
        inputs: (rows, height, width) or (rows, height, width, channels).
        classes: (rows,), names of the predicted classes.
        most: largest number of images.
    """
    titles = [_short_name(name, 14) for name in classes[:most]]
    return _sheet(_drawable(inputs[:most]), titles)[0]


def _show(axes: Axes, image: NDArray[np.generic], left: float, top: float, **shades: Any) -> None:
    """Draw an image of width 1 with its upper left corner at (left, top); 0 is black and 255 is white in uint8."""
    if not shades:
        shades = {"cmap": "gray"} | ({"vmin": 0, "vmax": 255} if image.dtype == np.uint8 else {})
    axes.imshow(image, extent=(left, left + 1, top - _ratio(image[np.newaxis]), top), **shades)


def _ratio(images: NDArray[np.generic]) -> float:
    """Return the height of (rows, height, width, ...) by their width."""
    return float(images.shape[1] / images.shape[2])


def _frame(axes: Axes, width: float, height: float) -> None:
    """Show what lies between (0, -height) and (width, 0), without ticks or a frame."""
    axes.set(xlim=(-0.05, width + 0.05), ylim=(-height - 0.05, 0.05), aspect="equal")
    axes.axis("off")


def _short_name(name: str, most: int = MOST_LETTERS) -> str:
    """Shorten a class name to `most` letters: its beginning and its end."""
    shown = printable(name)
    return shown if len(shown) <= most else f"{shown[: most // 2]}…{shown[-((most - 1) // 2) :]}"


def _sheet(
    images: NDArray[np.generic], titles: Sequence[str], size: float = 12, columns: int = 5, **shades: Any
) -> tuple[Figure, Axes]:
    """Draw images, each with its title above it, some in a row, on one pair of axes: one for each would take most of
    the time of `descenso evaluate`.

    Args:
        images: (rows, height, width, ...).
        titles: (rows,).
        size: of the titles, in points.
        columns: most images in a row.
        shades: as of `imshow`.
    """
    columns = max(1, min(len(images), columns))
    rows = max(1, -(-len(images) // columns))
    inches = max([1.4, *(_letters(title) * 0.6 * size / 72 for title in titles)])  # of a column
    ratio, gap, line = _ratio(images), 0.15 / inches, 1.7 * size / 72 / inches
    pitch = ratio + gap + line
    figure = Figure(figsize=(inches * (1 + gap) * columns + 1, inches * pitch * rows + 0.4), layout="constrained")
    axes = figure.add_subplot()
    for number, (image, title) in enumerate(zip(images, titles, strict=True)):
        left, top = number % columns * (1 + gap), -(number // columns) * pitch - line
        _show(axes, image, left, top, **shades)
        axes.add_patch(Rectangle((left, top - ratio), 1, ratio, fill=False, linewidth=0.8))
        axes.text(left + 0.5, top + line / 4, title, ha="center", va="baseline", fontsize=size, parse_math=False)
    _frame(axes, columns * (1 + gap) - gap, rows * pitch - gap)
    return figure, axes


def _letters(text: str) -> int:
    """Count letters by their width: those of East Asian scripts are as wide as two."""
    return sum(1 + (east_asian_width(letter) in "WF") for letter in text)


def png(figure: Figure) -> bytes:
    """Return `figure` as a PNG file."""
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png", dpi=120)
    return buffer.getvalue()


def save_figure(figure: Figure, path: Path) -> Path:
    """Write `figure` to `path` as PNG, atomically.

    Raises:
        DiskError: if it cannot be written.
    """
    write_file(path, png(figure))
    return path
