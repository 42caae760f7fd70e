"""`descenso doctor`."""

from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console
from rich.table import Table

from descenso.cli.options import DataDirOption, Json, LimitOption, ModelOption, cell, say, say_json, setting_option
from descenso.cli.quiet import quiet
from descenso.errors import ConfigError
from descenso.text import _

if TYPE_CHECKING:
    from descenso.doctor.evidence import Finding


LessonOption = Annotated[
    str | None,
    typer.Option("--break", metavar="RULE", help=_("Make the mistake that a rule is for, on a few rows of MNIST.")),
]


def doctor(
    what: Annotated[
        str, typer.Argument(help=_("A run directory, or data as `descenso train` takes it."), metavar="RUN|DATA")
    ] = "",
    follow: Annotated[
        bool, typer.Option("--follow", help=_("Watch a run while it is written, until it ends."))
    ] = False,
    lesson: LessonOption = None,
    label: Annotated[str, setting_option("label")] = "",
    test_fraction: Annotated[float, setting_option("test_fraction")] = 0.0,
    resize: Annotated[str, setting_option("resize")] = "",
    order: Annotated[str, setting_option("order")] = "permutation",
    model: ModelOption = None,
    limit: LimitOption = None,
    data_dir: DataDirOption = None,
    as_json: Json = False,
) -> None:
    """Find the mistakes that beginners make: in data, in a run, or in one that is being written."""
    if bool(what) == bool(lesson):
        raise ConfigError(_("give a run, data or a rule to break, one of them; try descenso doctor mnist"))
    with quiet():
        from descenso import doctor as asked
        from descenso.config import TrainConfig
        from descenso.data.limits import Sources

        sources = Sources.of(limit, data_dir)
        found: Iterable[Finding]
        if lesson:
            line, found = asked.lesson(lesson)
            if not as_json:
                say(_("The mistake: {line}").format(line=line))
                say("")
        elif not (Path(what) / "status.json").exists():
            found = asked.file(what, label=label, test_fraction=test_fraction, resize=resize, sources=sources,
                               order=TrainConfig.of(order=order).order)  # fmt: skip
        else:
            found = (asked.follow if follow else asked.run)(what, model=model, sources=sources)
        findings = _shown(found, as_json)
    _leave(findings, as_json)


def _leave(findings: "list[Finding]", as_json: bool) -> None:
    """End with 1 where there are findings, with 0 where there are none."""
    if as_json:
        say_json({"findings": [finding._asdict() for finding in findings]})
    elif not findings:
        say(_("Nothing found."))
    raise typer.Exit(1 if findings else 0)


def _shown(found: "Iterable[Finding]", as_json: bool) -> "list[Finding]":
    """All findings, each shown as it comes."""
    findings = []
    for finding in found:
        findings.append(finding)
        if not as_json:
            _show(finding)
    return findings


def _show(finding: "Finding") -> None:
    severity = {"error": _("error"), "warning": _("warning")}[finding.severity]
    say(f"{finding.rule} ({severity})")
    table = Table.grid(padding=(0, 1))
    for name, value in ((_("seen"), finding.saw), (_("why"), finding.why), (_("mend"), finding.mend)):
        table.add_row("  " + name, cell(value))
    Console().print(table)
    say("")
