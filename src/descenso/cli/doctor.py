"""`descenso doctor`."""

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.console import Console
from rich.table import Table

from descenso.cli.options import (
    OWN_CODE,
    READ_DATA,
    Json,
    ModelOption,
    SourcesOptions,
    cell,
    completing,
    datasets,
    option,
    run_directories,
    say,
    say_code,
    say_json,
    say_table,
    with_settings,
)
from descenso.errors import ConfigError
from descenso.settings import DATA
from descenso.text import _
from descenso.training.waiting import waiting

if TYPE_CHECKING:
    from descenso.doctor.evidence import Finding


def _rules() -> list[str]:
    """Return the names of the checks."""
    from descenso.doctor.checks import CHECKS as TABLE

    return list(TABLE)


def _runs_and_data(incomplete: str) -> list[str]:
    """Return what a shell completes a run or data to."""
    return run_directories(incomplete) + datasets()


WHAT = _("Run directory, or data as `descenso train` takes it.")
CHECKS = _("Checks")  # title of the help panel
LESSON = _("Make the mistake that RULE detects, on a few rows of MNIST, and show the finding.")
LIKE = _("Say in what a run differs from earlier, healthy ones, which are given after it: RUN --like RUN RUN ...")
LessonOption = Annotated[
    str | None, option(LESSON, "--break", panel=CHECKS, metavar=_("RULE"), autocompletion=completing(_rules))
]


@with_settings((*READ_DATA, "order", *OWN_CODE), show_defaults=False, panel=DATA)
def doctor(
    what: Annotated[
        list[str] | None, typer.Argument(help=WHAT, metavar=_("RUN|DATA"), autocompletion=_runs_and_data)
    ] = None,
    like: Annotated[bool, option(LIKE, "--like", panel=CHECKS)] = False,
    follow: Annotated[bool, option(_("Watch a run while it trains, until it ends."), "--follow", panel=CHECKS)] = False,
    lesson: LessonOption = None,
    model: ModelOption = None,
    sources: SourcesOptions = None,
    as_json: Json = False,
    **settings: Any,
) -> None:
    """Find common mistakes in data, in a run, or in a run while it trains."""
    if like:
        _compare(what or [], model, sources, {name: settings.get(name) for name in OWN_CODE}, as_json)
    if len(what or []) != (not lesson):
        raise ConfigError(_("doctor takes a run, data or --break RULE, one of them; try descenso doctor mnist"))
    with waiting(_("Preparing"), not as_json):
        line, stream, notes = _findings("".join(what or []), follow, lesson, model, sources, settings)
    if line and not as_json:
        say_code(_("The mistake: {line}").format(line=line))
        say("")
    findings = []
    for finding in _awaited(stream, not as_json):
        findings.append(finding)
        if not as_json:
            _print(finding)
    if as_json:
        say_json({"findings": [each._asdict() for each in findings]})
    else:
        for sentence in (*([] if findings else [_("Nothing found.")]), *notes):
            say(sentence)
    raise typer.Exit(1 if findings else 0)


def _compare(runs: list[str], model: str | None, sources: Any, own: dict[str, Any], as_json: bool) -> None:
    """Compare the first run with the others, and exit with code 1 if anything departs."""
    from descenso import doctor as api

    if len(runs) < 2:
        raise ConfigError(_("--like takes a run and earlier ones; try descenso doctor runs/new --like runs/*"))
    with waiting(_("Checking"), not as_json):
        found = api.like(runs[0], runs[1:], model=model, sources=sources, **own)
    if as_json:
        say_json(found.as_json())
    else:
        for table in found.tables():
            say_table(table)
        for sentence in found.sentences():
            say(sentence)
    raise typer.Exit(1 if found.departures else 0)


def _findings(
    what: str, follow: bool, lesson: str | None, model: str | None, sources: Any, settings: dict[str, Any]
) -> tuple[str, Iterable["Finding"], tuple[str, ...]]:
    """Return the line that makes a lesson's mistake, the findings, yet to be made, and how data was read."""
    from descenso import doctor as api
    from descenso.config import TrainConfig

    if lesson:
        return (*api.lesson(lesson), ())
    if not (Path(what) / "status.json").exists():
        config = TrainConfig.of(**settings)
        found, notes = api.reading(what, sources=sources, **config.model_dump(include={*READ_DATA, "order"}))
        return "", found, notes
    own = {name: settings.get(name) for name in OWN_CODE}
    return "", (api.follow if follow else api.run)(what, model=model, sources=sources, **own), ()


def _awaited(stream: Iterable["Finding"], shown: bool) -> Iterator["Finding"]:
    """Yield each finding as soon as it is made; nothing else is shown while it is printed."""
    findings = iter(stream)
    while True:
        with waiting(_("Checking"), shown):
            finding = next(findings, None)
        if finding is None:
            return
        yield finding


def _print(finding: "Finding") -> None:
    """Print a finding; of one that an earlier finding explains, only what was seen."""
    severity = {"error": _("error"), "warning": _("warning")}[finding.severity]
    lines = [(_("seen"), finding.saw), (_("why"), finding.why), (_("fix"), finding.mend)]
    if finding.cause:
        message = _("{rule} ({severity}), probably a consequence of {cause}")
        say(message.format(rule=finding.rule, severity=severity, cause=finding.cause))
    else:
        say(f"{finding.rule} ({severity})")
    table = Table.grid(padding=(0, 1))
    for name, value in lines[: 1 if finding.cause else 3]:
        table.add_row("  " + name, cell(value))
    Console().print(table)
    say("")
