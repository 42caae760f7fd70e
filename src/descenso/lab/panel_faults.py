"""What the panel of planted faults shows: what each does, what the doctor finds, and the way back."""

from collections.abc import Iterator

from descenso.lab import panel_plots
from descenso.lab.faults import FAULTS
from descenso.lab.panel_training import key
from descenso.lab.protocol import View
from descenso.lab.shapes import escaped
from descenso.lab.showing import Entry, Showing
from descenso.text import _


def entries(page: Showing, view: View) -> Iterator[Entry]:
    """Yield what the panel shows."""
    off = view.read_only or view.state == "starting"
    for name in FAULTS:
        yield f"break-{name}", "disabled", off
        yield f"break-{name}", "aria-pressed", str(view.settings.fault == name).lower()
    fault = FAULTS.get(view.settings.fault)
    yield "fault-says", "textContent", _said(view)
    yield "fault-text", "textContent", _(fault.text) if fault else ""
    yield from page.made_of("broken", view.curves, lambda _curves: list(panel_plots.costs(page, view, "broken")))
    yield "broken-key", "innerHTML", key(page.desk.key_of(view))
    yield "findings", "innerHTML", "".join(map(_finding, view.findings))
    yield "findings-none", "textContent", "" if view.findings else _("The doctor has found nothing so far.")


def _said(view: View) -> str:
    fault = FAULTS.get(view.settings.fault)
    if fault is None:
        return _("Nothing is broken. Choose a mistake: it is planted in a new run, and the present one is kept.")
    return _("Planted: {title}. Watch the cost in the plot, and what the doctor finds.").format(title=_(fault.title))


def _finding(finding: object) -> str:
    severity = _("error") if getattr(finding, "severity", "") == "error" else _("warning")
    saw, why, mend, rule = (escaped(getattr(finding, name, "")) for name in ("saw", "why", "mend", "rule"))
    mended = escaped(_("Mend"))
    return (
        f"<li><b>{escaped(severity)}</b> <code>{rule}</code><p>{saw}</p><p>{why}</p>"
        f"<p>{mended}: <code>{mend}</code></p></li>"
    )
