"""Draw predictions and mistakes of classes, and images of a dataset."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from matplotlib.figure import Figure
from numpy.typing import NDArray

from descenso.data.dataset import Split
from descenso.reports.figures import (
    MOST_CLASSES,
    Picture,
    add_note,
    frame,
    names_of,
    plain_text,
    ratio_of,
    sheet,
    short_name,
    show,
)
from descenso.text import _, plural, prose

LEFT_TO_RIGHT = "\u200e"
COLUMNS = 10  # images of each class on a contact sheet
MOST_PICTURES = 20  # of mistakes or predictions


def confusion_figure(confusion: NDArray[np.int64], class_names: Sequence[str]) -> Figure:
    """Draw the confusion matrix: counts of true by predicted classes, coloured by the share of the true class.

    Args:
        confusion: (num_classes, num_classes).
        class_names: (num_classes,).
    """
    size = max(4.5, 0.55 * min(len(class_names), MOST_CLASSES) + 1.2)
    figure = Picture(figsize=(size + 1, size), layout="constrained")
    axes = figure.subplots()
    shares = confusion / np.maximum(confusion.sum(axis=1, keepdims=True), 1)
    image = axes.imshow(shares, cmap="Blues", vmin=0, vmax=1)
    all_names, note = names_of(class_names)
    if len(class_names) <= MOST_CLASSES:
        add_note(figure, note)
        for (row, column), count in np.ndenumerate(confusion):
            shade = "white" if shares[row, column] > 0.5 else "black" if count else "lightgrey"
            axes.text(column, row, str(count), ha="center", va="center", fontsize=8, color=shade)
        names = [text for text, _style in map(plain_text, all_names)]
        turned = 90 if max(map(len, names)) > 2 else 0
        style = plain_text("".join(names), 10**6)[1]
        axes.set_xticks(range(len(names)), [short_name(name, 16) for name in names], rotation=turned, **style)
        axes.set_yticks(range(len(names)), names, **style)
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


def contact_sheet(split: Split, class_names: Sequence[str]) -> Figure:
    """Draw the first ten images of each class, up to 30 classes, one row per class.

    Args:
        split: inputs (rows, height, width) or (rows, height, width, channels).
        class_names: (num_classes,).
    """
    rows = min(len(class_names), MOST_CLASSES)
    figure = Picture(figsize=(0.6 * COLUMNS + 0.6, 0.6 * rows), layout="constrained")
    axes = figure.add_subplot()
    inputs, ratio, (names, note) = _drawable(split.inputs), ratio_of(split.inputs), names_of(class_names[:rows])
    add_note(figure, note)
    for label in range(rows):
        top = -label * (ratio + 0.1)
        name, style = plain_text(names[label])
        axes.text(-0.2, top - ratio / 2, name, ha="right", va="center", **style)
        for column, index in enumerate(np.flatnonzero(split.labels == label)[:COLUMNS]):
            show(axes, inputs[index], column * 1.1, top)
    frame(axes, COLUMNS * 1.1 - 0.1, (rows - 1) * (ratio + 0.1) + ratio)
    return figure


def mistakes_figure(
    rows: Split,
    costs: NDArray[np.float64],
    predicted: NDArray[np.int64],
    confidence: NDArray[np.float64],
    class_names: Sequence[str],
    most: int = MOST_PICTURES,
) -> Figure:
    """Draw the misclassified images with the highest costs, the highest first, with true and predicted class.

    Args:
        rows: inputs (rows, height, width) or (rows, height, width, channels).
        costs, predicted, confidence: (rows,), as those of `Evaluation`.
        class_names: (num_classes,).
        most: largest number of images.
    """
    wrong = np.flatnonzero(predicted != rows.labels)
    if not len(wrong):
        return _without_mistakes(len(rows.labels))
    worst = wrong[np.argsort(-costs[wrong], kind="stable")][:most]
    titles, (names, note) = list[str](), names_of(class_names)
    for index in worst:
        true, guess = (_marked(short_name(names[label], 12)) for label in (rows.labels[index], predicted[index]))
        title = _("{true}, taken for {said} ({share:.0%})").format(true=true, said=guess, share=confidence[index])
        titles.append(title)
    figure, _axes = sheet(_drawable(rows.inputs[worst]), titles, size=7)
    meaning = _(
        "The worst first: their true class got the lowest probability; in per cent, that of the predicted class"
    )
    add_note(figure, f"{meaning}\n{note}".rstrip())
    total = prose(plural("{count} mistake in {rows:,} rows", "{count:,} mistakes in {rows:,} rows", len(wrong)),
                  count=len(wrong), rows=len(rows.labels))  # fmt: skip
    some = prose(_("The worst {shown} of {total}"), shown=len(worst), total=total)
    figure.suptitle(some if len(worst) < len(wrong) else total)
    return figure


def _without_mistakes(rows: int) -> Figure:
    """Draw that there are no mistakes, to replace an older picture of some."""
    figure = Picture(figsize=(4.5, 1.2))
    sentence = prose(plural("No mistake in {count} row", "No mistakes in {count:,} rows", rows), count=rows)
    figure.text(0.5, 0.5, sentence, ha="center", va="center")
    return figure


def _marked(name: str) -> str:
    """Let a sentence run from left to right around a name that may not."""
    return name if name.isascii() else f"{LEFT_TO_RIGHT}{name}{LEFT_TO_RIGHT}"


def predictions_figure(inputs: NDArray[np.generic], classes: Sequence[str], prepared: str = "") -> Figure:
    """Draw the first 20 images as the model reads them, with their predicted classes.

    Args:
        inputs: (rows, height, width) or (rows, height, width, channels).
        classes: (rows,), names of the predicted classes.
        prepared: how they were prepared, written below them.
    """
    titles = [plain_text(name, 14)[0] for name in classes[:MOST_PICTURES]]
    figure, _axes = sheet(_drawable(inputs[:MOST_PICTURES]), titles)
    add_note(figure, prepared)
    return figure
