"""What the panel of learning rates shows: a sweep of them, and the landscape of the run's path."""

import math
import shlex
from collections.abc import Iterator

import numpy as np

from descenso.lab.graded import by_logarithm
from descenso.lab.panel_code import path_typed
from descenso.lab.panel_training import LAST, key
from descenso.lab.protocol import View
from descenso.lab.rates import PathPlane, RateLane, Rates, Templates
from descenso.lab.shapes import diverging, escaped, img, mosaic, shown, table
from descenso.lab.showing import Entry, Showing
from descenso.text import _, plural, prose

KEYED = 9  # lanes that the key names, at most
SHADES = 4  # costs that the key of the landscape names


def entries(page: Showing, view: View) -> Iterator[Entry]:
    """Yield what the panel shows."""
    for name, value in page.desk.span._asdict().items():
        yield f"span-{name}", "value", f"{value:.6g}"
    yield from _sweep(page, view)
    yield from _landscape(page, view)


def colour_of(rates: Rates, lane: RateLane) -> str:
    """Return the colour of a lane: the larger its rate, the lighter."""
    return by_logarithm(lane.rate, rates.span.first, rates.span.last)


def _colours(rates: Rates) -> dict[str, str]:
    """Return the colours of a few lanes, evenly spaced, by the text of their rates."""
    places = np.unique(np.linspace(0, len(rates.lanes) - 1, KEYED).round().astype(int))
    return {f"{rates.lanes[place].rate:.3g}": colour_of(rates, rates.lanes[place]) for place in places}


def _sweep(page: Showing, view: View) -> Iterator[Entry]:
    rates = view.rates
    going = rates is not None and rates.going and view.state != "failed"
    yield "sweep", "disabled", view.read_only or view.state in ("starting", "failed") or going
    yield "sweep-stop", "disabled", not going
    yield "sweep-share", "hidden", not going
    yield "sweep-share", "value", rates.share if rates else 0.0
    yield "sweep-says", "textContent", _said(rates)
    yield "sweep-command", "textContent", rates.command if rates else ""
    lanes = rates.lanes if rates else ()
    yield "sweep-key", "innerHTML", key(_colours(rates)) if rates else ""
    measure = _("validation cost (nats)") if rates and rates.validated else _("cost of the last epoch (nats)")
    yield "sweep-measure", "textContent", measure if rates else ""
    best = rates.lanes[rates.best] if rates and rates.best is not None else None
    yield "sweep-best", "textContent", _best(rates, best)
    yield "sweep-take", "hidden", best is None
    yield "sweep-take", "value", f"{best.rate:.6g}" if best else ""
    yield "sweep-take", "textContent", _("Train with {rate}").format(rate=f"{best.rate:.6g}") if best else ""
    yield "sweep-diverged", "textContent", _diverged(rates)
    pictures = rates.templates if rates else ()
    when = len(max((lane.costs for lane in lanes), key=len)) if pictures else 0
    told = plural("after {epochs} epoch of each", "after {epochs} epochs of each", when).format(epochs=when)
    yield "sweep-templates-when", "textContent", told if pictures else ""
    yield "sweep-templates", "innerHTML", page.made_of("sweep-templates", pictures, _templates, rates)
    if "sweep-curves" in page.tables:
        yield "sweep-curves-table", "innerHTML", _curves(rates)
    if "sweep-ends" in page.tables:
        yield "sweep-ends-table", "innerHTML", _ends(rates)


def _said(rates: Rates | None) -> str:
    if rates is None:
        return _(
            "The learning rates are trained side by side as the lanes of a sweep, with the settings on the left. A run"
            " that is training is stopped and saved first; Continue goes on with it."
        )
    if rates.state == "waiting":
        return _("The steps are being compiled …")
    if rates.state == "running":
        count = max(len(lane.costs) for lane in rates.lanes)
        begun = sum(bool(lane.costs) for lane in rates.lanes)
        text = _("Epoch {epoch} of {epochs}; {begun} of {all} rates have begun.")
        return text.format(epoch=count, epochs=rates.span.epochs, begun=begun, all=len(rates.lanes))
    place = path_typed(rates.path) if rates.path else ""
    if rates.state == "done":
        return _("Done. The sweep is in {path}, as any other.").format(path=place)
    if rates.state == "failed":
        return _("The sweep could not be trained.")
    return _("Stopped, and saved; to go on: descenso resume {path}").format(path=shlex.quote(place))


def _best(rates: Rates | None, best: RateLane | None) -> str:
    if best is not None:
        return prose(_("Best: {rate}, cost {cost:.4f}"), rate=f"{best.rate:.6g}", cost=best.score)
    if rates is not None and rates.state == "done":
        return _("None is best: every rate diverged; try smaller ones.")
    return ""


def _diverged(rates: Rates | None) -> str:
    """Name the lanes that diverged, with epoch and step."""
    if rates is None:
        return ""
    lanes = [lane for lane in rates.lanes if lane.diverged_at is not None]
    named = "; ".join(f"{lane.rate:.3g} {_outcome(rates, lane)}" for lane in lanes)
    return named or (_("No rate diverged.") if rates.state == "done" else "")


def _outcome(rates: Rates, lane: RateLane) -> str:
    if lane.diverged_at is not None:
        epoch, step = lane.diverged_at
        return _("diverged at epoch {epoch}, step {step}").format(epoch=epoch, step=step)
    if len(lane.costs) == rates.span.epochs:
        return _("completed")
    return _("in training") if rates.going and lane.costs else "–"


def _templates(pictures: tuple[Templates, ...], rates: Rates | None) -> str:
    if rates is None or not pictures:
        return "<p class='quiet'>" + escaped(_("Softmax regression on pictures has templates, one a class.")) + "</p>"
    rows = ""
    for each in pictures:
        about = _("templates of {names} at the learning rate {rate:.3g}")
        about = about.format(names=", ".join(rates.class_names), rate=each.rate)
        picture = img(mosaic(diverging(each.images), len(each.images), 2), about, "pixels row")
        largest = escaped(shown(each.scale, ".3g"))
        rows += f'<tr><th scope="row">{each.rate:.3g}</th><td>{picture}</td><td>{largest}</td></tr>'
    head = "".join(f'<th scope="col">{escaped(cell)}</th>' for cell in (_("rate"), _("templates"), _("largest weight")))
    return f"<table><thead><tr>{head}</tr></thead><tbody>{rows}</tbody></table>"


def _curves(rates: Rates | None) -> str:
    if rates is None:
        return "<p>" + escaped(_("no sweep yet")) + "</p>"
    epochs = range(rates.span.epochs)
    head = [_("learning rate"), *(_("epoch {number}").format(number=epoch + 1) for epoch in epochs)]
    rows = [
        [f"{lane.rate:.6g}", *(shown(lane.costs[e] if e < len(lane.costs) else math.nan, ".6f") for e in epochs)]
        for lane in rates.lanes
    ]
    return table(head, rows, _("mean cost of each epoch, in nats"))


def _ends(rates: Rates | None) -> str:
    if rates is None:
        return "<p>" + escaped(_("no sweep yet")) + "</p>"
    head = [_("learning rate"), _("Cost"), _("Test accuracy"), _("outcome")]
    return table(
        head,
        [
            [f"{lane.rate:.6g}", shown(lane.score, ".6f"), shown(lane.accuracy, ".4f"), _outcome(rates, lane)]
            for lane in rates.lanes
        ],
        _("validation cost (nats)") if rates.validated else _("cost of the last epoch (nats)"),
    )


def _landscape(page: Showing, view: View) -> Iterator[Entry]:
    plane = view.plane
    going = plane is not None and plane.state == "computing" and view.state != "failed"
    sweeping = view.rates is not None and view.rates.going
    off = view.state in ("starting", "failed") or view.run is None
    yield "landscape-begin", "disabled", off or going or sweeping
    done = plane is not None and plane.state == "done"
    yield "landscape-begin", "textContent", _("Compute again") if done else _("Compute")
    yield "landscape-stop", "disabled", not going
    yield "landscape-share", "hidden", not going
    yield "landscape-share", "value", plane.share if plane else 0.0
    yield "landscape-says", "textContent", _placed(plane)
    misleads = plane is not None and done and plane.explained < plane.least
    yield "landscape-warns", "hidden", not misleads
    yield (
        "landscape-warns",
        "textContent",
        _("That is less than 80 %: the paths lie far from the plane, and its contours mislead."),
    )
    yield "landscape-about", "textContent", _about(view, plane if done else None)
    yield "landscape-command-box", "hidden", not (plane and done and not plane.steered)
    command = f"descenso landscape {shlex.quote(path_typed(plane.run))}" if plane else ""
    yield "landscape-command", "textContent", command
    yield "landscape-key", "innerHTML", key(_shades(plane)) if plane and done else ""
    if "landscape" in page.tables:
        yield "landscape-table", "innerHTML", _path(plane if done else None)


def _placed(plane: PathPlane | None) -> str:
    if plane is None:
        return _(
            "Train for a while, then compute: the plane in which the run's path extends most, the cost over it, and"
            " where the run walks now."
        )
    if plane.state == "computing":
        return _("The cost over the plane is being computed …")
    if plane.state == "stopped":
        return _("Stopped.")
    text = _(
        "Variance of the path that the plane explains: {share:.1f} %. Largest distance of the path from it:"
        " {apart:.3g}."
    )
    return prose(text, share=100 * plane.explained, apart=float(plane.distances.max()))


def _about(view: View, plane: PathPlane | None) -> str:
    """Say of which run the plane is, up to which step, and what the command does otherwise."""
    if plane is None:
        return ""
    text = plural("{run}, {rows} training row", "{run}, {rows} training rows", plane.rows)
    text = text.format(run=plane.run.name, rows=plane.rows)
    if plane.known and plane.steps[plane.known - 1] >= 0:
        steps = _("plane of the path up to step {step}, now step {now}")
        text += "; " + steps.format(step=int(plane.steps[plane.known - 1]), now=int(plane.steps[-1]))
    text += "." if plane.run == view.run else ". " + _("Another run is open now.")
    if plane.steered:
        return text + " " + _("descenso landscape refuses a run that was steered by hand.")
    return text + " " + _("The same for the whole run, trained again:")


def _shades(plane: PathPlane) -> dict[str, str]:
    """Return the colours of a few costs of the path, from the largest to the least, by their text."""
    low, high = float(plane.costs.min()), float(plane.costs.max())
    values = np.geomspace(high, low, SHADES) if low > 0 else np.linspace(high, low, SHADES)
    return {shown(float(value), ".3g"): by_logarithm(float(value), low, high) for value in values}


def _path(plane: PathPlane | None) -> str:
    if plane is None:
        return "<p>" + escaped(_("no landscape yet")) + "</p>"
    head = [_("Point"), _("Step"), _("First direction"), _("Second direction"), _("Cost"), _("Distance")]
    rows = [
        [place + 1, int(step) if step >= 0 else "–", *(shown(float(value)) for value in (*point, cost, apart))]
        for place, (step, point, cost, apart) in enumerate(
            zip(plane.steps, plane.points, plane.costs, plane.distances, strict=True)
        )
    ]
    return table(head, rows[-LAST:], _("the newest points of the path; cost in nats, distance from the plane"))
