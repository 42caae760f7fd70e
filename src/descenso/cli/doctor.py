"""`descenso doctor`."""

from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.console import Console
from rich.table import Table

from descenso.cli.display import quiet
from descenso.cli.options import (
    OWN_CODE,
    Json,
    ModelOption,
    SourcesOptions,
    cell,
    say,
    say_json,
    setting_option,
    with_settings,
)
from descenso.config import TrainConfig
from descenso.errors import ConfigError
from descenso.text import _

if TYPE_CHECKING:
    from descenso.doctor.evidence import Finding


WHAT = _("Run directory, or data as `descenso train` takes it.")
LESSON = _("Make the mistake that RULE detects, on a few rows of MNIST, and show the finding.")
LessonOption = Annotated[str | None, typer.Option("--break", metavar="RULE", help=LESSON)]


@with_settings(OWN_CODE, show_defaults=False)
def doctor(
    what: Annotated[str, typer.Argument(help=WHAT, metavar="RUN|DATA")] = "",
    follow: Annotated[bool, typer.Option("--follow", help=_("Watch a run while it trains, until it ends."))] = False,
    lesson: LessonOption = None,
    label: Annotated[str, setting_option("label")] = "",
    test_fraction: Annotated[float, setting_option("test_fraction")] = 0.0,
    resize: Annotated[str, setting_option("resize")] = "",
    order: Annotated[str, setting_option("order")] = "permutation",
    model: ModelOption = None,
    sources: SourcesOptions = None,
    as_json: Json = False,
    **own: Any,
) -> None:
    """Find common mistakes in data, in a run, or in a run while it trains."""
    if bool(what) == bool(lesson):
        raise ConfigError(_("doctor takes a run, data or --break RULE, one of them; try descenso doctor mnist"))
    with quiet():
        from descenso import doctor as api

        stream: Iterable[Finding]
        if lesson:
            line, stream = api.lesson(lesson)
            if not as_json:
                say(_("The mistake: {line}").format(line=line))
                say("")
        elif not (Path(what) / "status.json").exists():
            stream = api.file(what, label=label, test_fraction=test_fraction, resize=resize, sources=sources,
                              order=TrainConfig.of(order=order).order)  # fmt: skip
        else:
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
