"""`descenso doctor`."""

from collections.abc import Iterable
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
    say_json,
    with_settings,
)
from descenso.errors import ConfigError
from descenso.settings import DATA
from descenso.text import _
from descenso.training.display import quiet

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
LessonOption = Annotated[
    str | None, option(LESSON, "--break", panel=CHECKS, metavar=_("RULE"), autocompletion=completing(_rules))
]


@with_settings((*READ_DATA, "order", *OWN_CODE), show_defaults=False, panel=DATA)
def doctor(
    what: Annotated[str, typer.Argument(help=WHAT, metavar=_("RUN|DATA"), autocompletion=_runs_and_data)] = "",
    follow: Annotated[bool, option(_("Watch a run while it trains, until it ends."), "--follow", panel=CHECKS)] = False,
    lesson: LessonOption = None,
    model: ModelOption = None,
    sources: SourcesOptions = None,
    as_json: Json = False,
    **settings: Any,
) -> None:
    """Find common mistakes in data, in a run, or in a run while it trains."""
    if bool(what) == bool(lesson):
        raise ConfigError(_("doctor takes a run, data or --break RULE, one of them; try descenso doctor mnist"))
    with quiet():
        from descenso import doctor as api
        from descenso.config import TrainConfig

        stream: Iterable[Finding]
        if lesson:
            line, stream = api.lesson(lesson)
            if not as_json:
                say(_("The mistake: {line}").format(line=line))
                say("")
        elif not (Path(what) / "status.json").exists():
            config = TrainConfig.of(**settings)
            stream = api.file(what, sources=sources, **config.model_dump(include={*READ_DATA, "order"}))
        else:
            own = {name: settings.get(name) for name in OWN_CODE}
            stream = (api.follow if follow else api.run)(what, model=model, sources=sources, **own)
        findings = []
        for finding in stream:  # printed as soon as it is found
            findings.append(finding)
            if not as_json:
                _print(finding)
    if as_json:
        say_json({"findings": [each._asdict() for each in findings]})
    elif not findings:
        say(_("Nothing found."))
    raise typer.Exit(1 if findings else 0)


def _print(finding: "Finding") -> None:
    severity = {"error": _("error"), "warning": _("warning")}[finding.severity]
    say(f"{finding.rule} ({severity})")
    table = Table.grid(padding=(0, 1))
    for name, value in ((_("seen"), finding.saw), (_("why"), finding.why), (_("fix"), finding.mend)):
        table.add_row("  " + name, cell(value))
    Console().print(table)
    say("")
