"""What the panel of drawn digits shows: the picture that the model sees, and a bar for each class."""

from collections.abc import Iterator

from descenso.lab.protocol import View
from descenso.lab.shapes import bar, img, shown
from descenso.lab.showing import Entry, Showing
from descenso.text import _


def entries(page: Showing, view: View) -> Iterator[Entry]:
    """Yield what the panel shows; of an empty canvas nothing is predicted."""
    answer = page.recognised if page.drawn else None
    names = view.class_names
    shares = [float("nan")] * len(names) if answer is None else [float(share) for share in answer.probabilities]
    best = -1 if answer is None else answer.predicted
    yield (
        "drawn-bars",
        "innerHTML",
        "".join(
            bar(0.0 if answer is None else share, name, "" if answer is None else shown(share, ".1%"), place == best)
            for place, (name, share) in enumerate(zip(names, shares, strict=False))
        ),
    )
    yield "seen", "innerHTML", "" if answer is None else img(answer.image, _("what the model sees"), "pixels large")
    yield "drawn-says", "textContent", _said(page, view)


def _said(page: Showing, view: View) -> str:
    answer = page.recognised
    if view.run is None or not view.steps_per_epoch:
        return _("There is no model yet: press Start, and draw while it learns.")
    if view.input_shape[:2] != (28, 28):
        return _("This model does not read pictures of 28×28 pixels.")
    if not page.drawn:
        return _("Nothing is drawn yet. An empty canvas is not predicted.")
    if answer is None:
        return _("No answer yet")
    share = shown(float(answer.probabilities[answer.predicted]), ".1%")
    return _("The model takes it for {name} ({share}).").format(name=answer.class_names[answer.predicted], share=share)
