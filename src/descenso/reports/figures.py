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

from descenso.files import write_file
from descenso.runs.history import History
from descenso.text import _, printable, wrapped

MOST_CLASSES = 30  # that are drawn separately: axes take time, and more names cannot be read
MOST_LETTERS = 32  # of a class name: longer ones leave no room for the picture
MOST_LABEL = 44  # letters of a curve's name
MOST_WITHIN = 8  # curves whose legend stands among them; a longer one stands beside
A_COLUMN = 20  # entries of a legend beside
SMALL, NOTED = 8, 7  # font sizes, in points
LETTERS_AN_INCH = 17  # of a note, about
STYLES = ["-", "--", "-.", ":"]


class Picture(Figure):
    """A figure that a notebook shows, once, whether or not matplotlib's support for notebooks is on."""

    def _repr_png_(self) -> bytes:
        return png(self)


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


def look(number: int) -> dict[str, Any]:
    """Return colour and line style of a curve; the first forty differ, and neighbours in both, since they may coincide.

    >>> look(0), look(11)
    ({'color': 'C0', 'linestyle': '-'}, {'color': 'C1', 'linestyle': '-'})
    """
    return {"color": f"C{number % 10}", "linestyle": STYLES[(number + number // 10) % len(STYLES)]}


def draw_costs(axes: Axes, curves: Mapping[str, Sequence[float]], size: Any = None) -> None:
    """Draw the cost of each epoch, one curve per label, with a legend of this font size if there are several.

    Where a cost is not finite, its curve ends, and the legend or the picture says where.
    """
    lines, whole, empty = dict[str, Artist](), True, len(curves) > 0
    for number, (label, costs) in enumerate(curves.items()):
        finite = np.isfinite(np.asarray(costs, np.float64))
        few = finite.sum() < 3  # of which a line alone would hardly be seen
        (line,) = axes.plot(costs, **look(number), marker="o" if few else None)
        end = int(finite.argmin()) if len(finite) else 0
        lines[label if finite.all() else _("{run}: diverged in epoch {epoch}").format(run=label, epoch=end)] = line
        whole = whole and bool(finite.all())
        empty = empty and not finite.any()
    axes.set(title=_("Training Loss"), xlabel=_("Epoch #"), ylabel=_("Loss"))
    axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    if lines and max(map(len, curves.values())) == 1 and not empty:
        _of_one_epoch(axes, curves)
    if empty:  # nothing is drawn: the picture says why
        axes.set(xticks=[], yticks=[])
        note = _("diverged: no cost of an epoch is finite")
        axes.text(0.5, 0.5, note, ha="center", va="center", transform=axes.transAxes, fontsize=size)
    if len(curves) > 1 or not (whole or empty):
        add_legend(axes, lines, size)


def _of_one_epoch(axes: Axes, curves: Mapping[str, Sequence[float]]) -> None:
    """Show points, which are no curves, with their values, on a scale that begins at 0."""
    axes.set(xlim=(-1, 1), xticks=[0])
    axes.set_ylim(0, 1.15 * max(costs[0] for costs in curves.values() if costs and np.isfinite(costs[0])))
    for costs in curves.values():
        if costs and np.isfinite(costs[0]):
            axes.annotate(f"{costs[0]:.4g}", (0, costs[0]), (8, 0), textcoords="offset points", va="center")


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
    lines = {
        name: axes.plot(np.linspace(0, 1, len(values)), values, **look(number))[0]
        for number, (name, values) in enumerate(shares.items())
    }
    axes.set_ylim(0, 1.05)
    add_legend(axes, lines)
    return figure


def _axes(**labels: str) -> tuple[Figure, Axes]:
    figure = Picture(figsize=(6.4, 4.2), layout="constrained")
    axes = figure.subplots()
    axes.set(**labels)
    axes.grid(alpha=0.3)
    return figure, axes


def add_legend(axes: Axes, lines: Mapping[str, Artist], size: Any = None) -> None:
    """Add a legend whose labels are shown as they are: no formulas, control characters escaped. A long one stands
    beside the axes, where it hides no curve, and the figure is as much wider.
    """
    labels = [plain_text(label, MOST_LABEL) for label in lines]
    shown = list(lines.values()), [label for label, _style in labels]
    if len(lines) <= MOST_WITHIN:
        legend = axes.legend(*shown, fontsize=size)
    else:
        columns = -(-len(lines) // A_COLUMN)
        figure: Any = axes.figure
        width, height = figure.get_size_inches()
        longest = max(map(len, shown[1]))
        figure.set_size_inches(width + columns * (0.6 + 0.075 * longest), height)  # 0.075 inches for a letter
        legend = figure.legend(*shown, fontsize=SMALL, loc="outside right upper", ncols=columns)
    for text, (_label, style) in zip(legend.get_texts(), labels, strict=True):
        text.set(**style)


def templates_figure(W: NDArray[np.generic], input_shape: tuple[int, ...], class_names: Sequence[str]) -> Figure:
    """Draw the weights of each class, up to 30, as an image: the template that softmax regression compares with.

    Args:
        W: (num_inputs, num_classes).
        input_shape: (height, width) with height · width = num_inputs.
        class_names: (num_classes,).
    """
    limit = float(np.abs(W).max()) or 1.0
    names, note = names_of(class_names[:MOST_CLASSES])
    shades: dict[str, Any] = {"cmap": "RdBu_r", "vmin": -limit, "vmax": limit}
    titles = [plain_text(name, 14)[0] for name in names]
    figure, axes = sheet(W.T[: len(names)].reshape(-1, *input_shape), titles, **shades)
    add_note(figure, note)
    bar = figure.colorbar(axes.images[0], ax=axes, shrink=0.8, aspect=30)
    bar.set_label(_("weight (red speaks for the class, blue against it)"))
    return figure


def short_name(name: str, most: int = MOST_LETTERS) -> str:
    """Shorten a class name to `most` letters: its beginning and its end."""
    shown = printable(name)
    return shown if len(shown) <= most else f"{shown[: most // 2]}…{shown[-((most - 1) // 2) :]}"


def plain_text(text: str, most: int = MOST_LETTERS) -> tuple[str, dict[str, Any]]:
    """Shorten a text, and return it as it can be drawn, and how: no formula, in fonts that have its letters."""
    short, style = short_name(text, most), {"parse_math": False}
    if short.isascii():
        return short, style
    from descenso.reports.letters import drawn  # which looks for fonts

    shown, families, _whole = drawn(short)
    shown = shown if len(shown) <= most else shown[: most - 1] + "…"  # escapes are long
    return shown, {**style, "fontfamily": list(families)}


def names_of(class_names: Sequence[str]) -> tuple[list[str], str]:
    """Return names of classes, or numbers for those that no installed font can write; and a note on these."""
    if all(map(str.isascii, class_names)):
        return list(class_names), ""
    from descenso.reports.letters import named

    return named(list(map(printable, class_names)))


def add_note(figure: Figure, note: str) -> None:
    """Add a note of one or more paragraphs below a figure, unless it is empty."""
    width = int(figure.get_size_inches()[0] * LETTERS_AN_INCH)
    lines = [line for paragraph in note.splitlines() for line in wrapped(paragraph, width)]
    if lines:
        figure.supxlabel("\n".join(lines), fontsize=NOTED, parse_math=False)


def show(axes: Axes, image: NDArray[np.generic], left: float, top: float, **shades: Any) -> None:
    """Draw an image of width 1 with its upper left corner at (left, top); 0 is black and 255 is white in uint8."""
    if not shades:
        shades = {"cmap": "gray"} | ({"vmin": 0, "vmax": 255} if image.dtype == np.uint8 else {})
    axes.imshow(image, extent=(left, left + 1, top - ratio_of(image[np.newaxis]), top), **shades)


def ratio_of(images: NDArray[np.generic]) -> float:
    """Return the height of (rows, height, width, ...) by their width."""
    return float(images.shape[1] / images.shape[2])


def frame(axes: Axes, width: float, height: float) -> None:
    """Show what lies between (0, -height) and (width, 0), without ticks or a frame."""
    axes.set(xlim=(-0.05, width + 0.05), ylim=(-height - 0.05, 0.05), aspect="equal")
    axes.axis("off")


def sheet(
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
    ratio, gap, line = ratio_of(images), 0.15 / inches, 1.7 * size / 72 / inches
    pitch = ratio + gap + line
    figure = Picture(figsize=(inches * (1 + gap) * columns + 1, inches * pitch * rows + 0.4), layout="constrained")
    axes = figure.add_subplot()
    for number, (image, title) in enumerate(zip(images, titles, strict=True)):
        left, top = number % columns * (1 + gap), -(number // columns) * pitch - line
        show(axes, image, left, top, **shades)
        axes.add_patch(Rectangle((left, top - ratio), 1, ratio, fill=False, linewidth=0.8))
        shown, style = plain_text(title, len(title))
        axes.text(left + 0.5, top + line / 4, shown, ha="center", va="baseline", fontsize=size, **style)
    frame(axes, columns * (1 + gap) - gap, rows * pitch - gap)
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
