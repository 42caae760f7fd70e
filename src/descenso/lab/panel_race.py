"""What the panel of the race shows: a clock for each engine, whether their costs agree, and the reason."""

import re
from collections.abc import Iterator

from descenso.lab import panel_plots
from descenso.lab.panel_training import by_place, key
from descenso.lab.protocol import Race, View
from descenso.lab.shapes import escaped, shown, table
from descenso.lab.showing import Entry, Showing
from descenso.text import _, prose


def entries(page: Showing, view: View) -> Iterator[Entry]:
    """Yield what the panel shows."""
    race = view.race
    yield "race-lanes", "innerHTML", _lanes(race) if race else table([_("Engine"), _("How it runs a step")], _engines())
    yield from page.made_of("race", race, lambda _race: list(panel_plots.race(view)))
    yield "race-key", "innerHTML", key(by_place([lane.engine for lane in race.lanes])) if race else ""
    yield "race-says", "textContent", _said(race)
    yield "race-reason", "innerHTML", _reason(race) if race else ""
    yield "race-reason-box", "hidden", not (race and race.reason)


def _engines() -> list[tuple[str, str]]:
    return [
        ("graph", _("as TensorFlow 1 did: a graph, run in a session, step by step")),
        ("eager", _("each operation as soon as Python reaches it")),
        ("function", _("a traced function, called for each step")),
        ("compiled", _("many steps as one program, compiled by XLA")),
    ]


def _lanes(race: Race) -> str:
    longest = max([lane.seconds for lane in race.lanes] + [1e-9])
    states = {"waiting": _("waiting"), "compiling": _("compiling"), "done": _("done")}
    head = [_("Engine"), _("State"), _("Compile"), _("Training"), _("Last cost"), _("Difference")]
    top = "".join(f'<th scope="col">{escaped(cell)}</th>' for cell in head)
    body = ""
    for lane in race.lanes:
        share = 100 * lane.seconds / longest
        cells = [
            f"{len(lane.costs)} / {race.epochs}" if lane.state == "running" else states[lane.state],
            prose("{seconds:.2f} s", seconds=lane.compile_seconds),
        ]
        clock = escaped(prose("{seconds:.2f} s", seconds=lane.seconds))
        rail = f'<span class="rail"><span style="width:{share:.1f}%"></span></span> {clock}'
        last = [shown(lane.costs[-1], ".6f") if lane.costs else "–", shown(lane.difference, ".1e")]
        body += (
            f'<tr class="{escaped(lane.state)}"><th scope="row">{escaped(lane.engine)}</th>'
            + "".join(f"<td>{escaped(cell)}</td>" for cell in cells)
            + f'<td class="clock">{rail}</td>'
            + "".join(f"<td>{escaped(cell)}</td>" for cell in last)
            + "</tr>"
        )
    return f"<table><thead><tr>{top}</tr></thead><tbody>{body}</tbody></table>"


def _said(race: Race | None) -> str:
    if race is None:
        return _(
            "Four engines start from the same weights and take the same batches, one engine after another, for three"
            " epochs at most."
        )
    done = [lane for lane in race.lanes if lane.state == "done"]
    if len(done) < len(race.lanes):
        if race.message:
            return race.message
        running = [lane.engine for lane in race.lanes if lane.state in ("compiling", "running")]
        return _("{done} of {all} engines are done; now: {engine}").format(
            done=len(done), all=len(race.lanes), engine=", ".join(running) or "–"
        )
    slow, quick = (choose(done, key=lambda lane: lane.seconds) for choose in (max, min))
    worst = max(lane.difference for lane in done)
    ratio = slow.seconds / max(quick.seconds, 1e-9)
    if worst <= race.tolerance:
        same = _("One curve: costs differ by at most {worst:.1e}, and {tolerance:.1e} is allowed.")
    else:
        same = _("The costs differ by {worst:.1e}, more than the {tolerance:.1e} that is allowed.")
    same += " " + _("{slow} took {ratio:.1f} times as long as {quick}.")
    told = prose(same, worst=worst, tolerance=race.tolerance, ratio=ratio, slow=slow.engine, quick=quick.engine)
    return f"{told} {race.message}".rstrip()


def _reason(race: Race) -> str:
    rows = [[_written(cell) for cell in row] for row in race.reason[1:]]
    return table(race.reason[0], rows) if rows else ""


def _written(cell: str) -> str:
    """Write a cell that is a number in the way of the language in use; the training process writes points."""
    found = re.fullmatch(r"(-?\d+\.\d)(%?)", cell)
    if found is None:
        return cell
    return shown(float(found[1]) / 100, ".1%") if found[2] else shown(float(found[1]), ".1f")
