"""What the panel of code and files shows: the same run as a command and in Python, the steering log, downloads."""

import shlex
from collections.abc import Iterator
from pathlib import Path

from descenso.lab.downloads import pictures_of
from descenso.lab.protocol import View
from descenso.lab.shapes import escaped, paragraph, table
from descenso.lab.showing import Entry, Showing
from descenso.lab.wording import ORDINARY
from descenso.text import _, mark

WHAT = {  # changes of the steering log
    "learning_rate": mark("learning rate"),
    "undo": mark("undo"),
    "fault": mark("fault"),
    "heal": mark("back to the healthy run"),
}


def entries(page: Showing, view: View) -> Iterator[Entry]:
    """Yield what the panel shows."""
    yield "fault-note", "hidden", view.settings.fault in ORDINARY
    yield "command", "textContent", view.command
    yield "python", "textContent", view.python
    yield "replay-box", "hidden", not view.steered
    yield "replay", "textContent", f"descenso replay {shlex.quote(path_typed(view.run))}" if view.run else ""
    yield "changes", "innerHTML", _changes(view)
    yield "downloads", "innerHTML", _downloads(view)


def path_typed(run: Path) -> str:
    """Return the path of a run as it is typed in the folder in which the lab was started."""
    return str(run.relative_to(Path.cwd())) if run.is_relative_to(Path.cwd()) else str(run)


def _changes(view: View) -> str:
    if not view.changes:
        return paragraph(_("Nothing was changed by hand: this is a run of constant settings."))
    head = [_("Epoch"), _("Step"), _("What"), _("Before"), _("After")]
    rows = [(each.epoch, each.step, _(WHAT.get(each.what, each.what)), each.old, each.new) for each in view.changes]
    return table(head, rows)


def _downloads(view: View) -> str:
    if view.run is None:
        return f"<li>{escaped(_('no run yet'))}</li>"
    whole = _("The run as a ZIP file: settings, history, checkpoints, weights, pictures")
    links = [("run.zip", whole)] + [(name, name) for name in pictures_of(view.run)]
    return "".join(f'<li><a href="/download/{name}" download>{escaped(text)}</a></li>' for name, text in links)
