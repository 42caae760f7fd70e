"""What the main panel of the page shows: state, controls, numbers, confusion matrix, mistakes, and tables of plots."""

from collections.abc import Iterator, Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from descenso.lab import panel_plots
from descenso.lab.protocol import Mistake, View
from descenso.lab.shapes import COLOURS, escaped, grey, img, is_picture, paragraph, shown, table
from descenso.lab.showing import Entry, Showing
from descenso.registry import RULES
from descenso.text import _, prose

MOST_CLASSES = 12  # for which the confusion matrix is shown
MOST_MISTAKES = 12
LAST = 30  # rows of the table under the plot of costs


def state_of(view: View) -> str:
    """Say in which state training is."""
    if view.state == "running" and view.progress:
        return _("Being prepared")
    if view.state == "ended" and view.outcome:
        return {
            "completed": _("Training finished"),
            "stopped early": _("Stopped early"),
            "diverged": _("Diverged: the cost is no number any more"),
            "interrupted": _("Stopped"),
        }.get(view.outcome, view.outcome)
    return {
        "starting": _("TensorFlow is starting"),
        "ready": _("Ready"),
        "running": _("Training"),
        "paused": _("Paused"),
        "ended": _("Stopped"),
        "failed": _("The training process has ended; Start begins a new one"),
    }[view.state]


def status(page: Showing, view: View) -> Iterator[Entry]:
    """Yield the state, the numbers, and the notices."""
    progress = view.progress if view.state == "starting" else ""
    yield "state", "textContent", state_of(view) + (f": {progress}" if progress else "")
    yield "state", "className", f"badge {view.state} {view.outcome}".strip()
    yield "starting", "hidden", view.state != "starting"
    yield "run", "textContent", view.run.name if view.run else _("no run yet")
    trained = view.steps_per_epoch > 0
    epochs = view.settings.epochs
    yield "epoch", "textContent", f"{min(view.epoch, epochs)} / {epochs}" if trained else "–"
    yield "step", "textContent", f"{view.step} / {view.steps_per_epoch}" if trained else "–"
    yield "cost", "textContent", shown(view.cost, ".4f")
    yield "accuracy", "textContent", shown(view.accuracy, ".4f")
    yield "rate-now", "textContent", shown(view.rate if trained else float(page.desk.settings.learning_rate), ".4g")
    yield "seconds", "textContent", prose("{seconds:.1f} s", seconds=view.seconds)
    yield "steered", "hidden", not view.steered
    yield "steered", "textContent", _("Steered by hand: this is no run of constant settings.")
    reading = _("This run was opened to look at; the lab does not train it.") if view.read_only else ""
    notices = [page.notice, view.message, page.steered_by(), reading]
    said = " · ".join(each for each in notices if each)
    yield "notice", "textContent", said
    yield "notice", "hidden", not said


def controls(page: Showing, view: View) -> Iterator[Entry]:
    """Yield the values of the controls, and which of them can be used."""
    settings = page.desk.settings
    for name in ("data", "model", "engine", "rule", "batch_size", "epochs", "seed"):
        yield f"set-{name}", "value", str(getattr(settings, name)).partition(":" if name == "rule" else "\0")[0]
    rate = view.rate if view.state == "running" and view.rate > 0 else settings.learning_rate
    yield "rate", "value", f"{np.log10(rate):.2f}"
    yield "rate", "aria-valuetext", shown(rate)
    yield "rate-typed", "value", f"{rate:.4g}"
    yield "formula", "textContent", _(RULES[settings.rule.partition(":")[0]].formula)
    yield from buttons(view)


def buttons(view: View) -> Iterator[Entry]:
    """Yield which buttons can be pressed."""
    off = view.read_only or view.state == "starting"
    racing = view.race is not None and not view.race.done
    has_run = view.run is not None and view.state != "failed"
    yield "start", "disabled", off
    yield "toggle", "textContent", _("Pause") if view.state == "running" else _("Continue")
    yield "toggle", "disabled", off or view.state not in ("running", "paused", "ended") or view.outcome == "completed"
    yield "one_step", "disabled", off or view.state in ("running", "failed")
    yield "one_epoch", "disabled", off or view.state in ("running", "failed")
    yield "reset", "disabled", off or not has_run
    yield "undo", "disabled", off or not has_run or (view.epoch, view.step) == (0, 0)
    yield "race-start", "disabled", off or racing
    yield "race-stop", "disabled", not racing
    yield "heal", "disabled", off or not view.settings.fault


def entries(page: Showing, view: View) -> Iterator[Entry]:
    """Yield what the main panel alone shows."""
    yield "confusion", "innerHTML", page.made_of("confusion", view.confusion, _confusion, view)
    yield "mistakes", "innerHTML", page.made_of("mistakes", view.mistakes, _mistakes)
    yield "pictures-title", "textContent", _title(view)
    bare = view.steps_per_epoch > 0 and not view.pictures.kind
    yield "pictures-none", "textContent", _("This model's weights are no pictures: see the norms.") if bare else ""
    yield from page.made_of("costs", view.curves, lambda _curves: list(panel_plots.costs(page, view, "cost")))
    yield from page.made_of("norms", view.norms, lambda _norms: list(panel_plots.norms(view)))
    yield from panel_plots.epochs_of_norms(view)
    yield from panel_plots.pictures(page, view)
    yield "curves", "innerHTML", key(page.desk.key_of(view))
    yield "layers", "innerHTML", key(by_place([each.layer for each in view.norms]))
    if "cost" in page.tables:
        yield "cost-table", "innerHTML", _costs(view)
    if "norms" in page.tables:
        yield "norms-table", "innerHTML", _norms(view)
    if "pictures" in page.tables:
        yield "pictures-table", "innerHTML", _weights(view)


def by_place(names: Sequence[str]) -> dict[str, str]:
    """Return the colours of curves, in their order."""
    return {name: COLOURS[place % len(COLOURS)] for place, name in enumerate(names)}


def key(colours: Mapping[str, str]) -> str:
    """Return the HTML of the names of curves, each after a line of its colour."""
    return "".join(
        f'<span><i class="line" style="color:{colour}"></i>{escaped(name)}</span>' for name, colour in colours.items()
    )


def _title(view: View) -> str:
    return {
        "templates": _("Templates: the weights of each class"),
        "features": _("Features: the weights of the first layer's units"),
        "filters": _("Filters of the first convolution"),
    }.get(view.pictures.kind, _("Weights"))


def _confusion(counts: NDArray[np.int64] | None, view: View) -> str:
    names = view.class_names
    if counts is None:
        return paragraph(_("After the first epoch: which class is taken for which."))
    if len(counts) > MOST_CLASSES:
        wrong = counts - np.diag(np.diag(counts))
        pairs = np.argsort(-wrong, axis=None)[:MOST_CLASSES]
        rows = [(names[p // len(names)], names[p % len(names)], int(wrong.flat[p])) for p in pairs]
        return table([_("True class"), _("predicted"), _("rows")], rows)
    most = max(int((counts - np.diag(np.diag(counts))).max()), 1)
    head = "".join(f'<th scope="col">{escaped(name[:6])}</th>' for name in names)
    body = ""
    for true, row in enumerate(counts.tolist()):
        cells = "".join(
            f'<td class="right">{count}</td>'
            if true == guess
            else f'<td style="--share:{count / most:.2f}">{count}</td>'
            for guess, count in enumerate(row)
        )
        body += f'<tr><th scope="row">{escaped(names[true][:6])}</th>{cells}</tr>'
    caption = escaped(_("rows: true class; columns: predicted"))
    return f'<table class="confusion"><caption>{caption}</caption><tr><td></td>{head}</tr>{body}</table>'


def _mistakes(mistakes: Sequence[Mistake]) -> str:
    if not mistakes:
        return paragraph(_("After the first epoch: the mistakes that the model is surest of."))
    items = []
    for each in mistakes[:MOST_MISTAKES]:
        about = _("test row {row}: true {true}, predicted {predicted}")
        about = about.format(row=each.row, true=each.true, predicted=each.predicted)
        row = escaped(_("row {row}").format(row=each.row))
        picture = img(grey(each.image), about) if is_picture(each.image.shape) else f"<small>{row}</small>"
        sure = shown(each.probability, ".0%")
        line = f"{escaped(each.true)} → <b>{escaped(each.predicted)}</b> <small>{escaped(sure)}</small>"
        items.append(f"<li>{picture}<span>{line}</span></li>")
    return f'<ul class="mistakes">{"".join(items)}</ul>'


def _costs(view: View) -> str:
    if not view.curves:
        return f"<p>{escaped(_('no run yet'))}</p>"
    curve = view.curves[-1]
    nothing = float("nan")
    rows = [
        [
            epoch + 1,
            *(
                shown(float(values[epoch]) if epoch < len(values) else nothing, ".6f")
                for values in (curve.epochs, curve.validation, curve.accuracies)
            ),
        ]
        for epoch in range(len(curve.epochs))
    ][-LAST:]
    head = [_("Epoch"), _("Cost"), _("Validation cost"), _("Test accuracy")]
    return table(head, rows, _("{run}, in nats").format(run=curve.name))


def _norms(view: View) -> str:
    rows = [
        [each.layer, *(shown(float(values[-1]), ".4g") for values in (each.gradients, each.updates, each.weights))]
        for each in view.norms
        if len(each.steps)
    ]
    head = [_("Layer"), _("Gradient"), _("Update"), _("Weights")]
    return table(head, rows, _("norms at the newest step"))


def _weights(view: View) -> str:
    pictures = view.pictures
    rows = [
        [name, *(shown(float(value * pictures.scale), ".4g") for value in (image.min(), image.max(), image.std()))]
        for name, image in zip(pictures.names, pictures.images, strict=True)
    ]
    return table([_("Picture"), _("Least weight"), _("Largest weight"), _("Deviation")], rows)
