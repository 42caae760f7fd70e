"""`descenso reproduce`."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated

import typer

from descenso.cli.display import Display, quiet
from descenso.cli.options import Json, option, say, say_json, say_table
from descenso.config import TrainConfig
from descenso.text import _


def reproduce(
    epochs: Annotated[int, typer.Option("--epochs", "-e", min=1, help=_("Number of epochs."))] = 100,
    fast: Annotated[
        bool, typer.Option("--fast", help=_("Skip the programs as published, which take minutes."))
    ] = False,
    out: Annotated[
        Path | None, option(_("Folder of the report and its runs. Default: a new one in runs/."), "--out", "-o")
    ] = None,
    as_json: Json = False,
) -> None:
    """Run the tutorial's two programs as published and compiled, and report whether its claims hold."""
    with quiet():
        from descenso.studies.reproduction.report import as_json as to_json
        from descenso.studies.reproduction.report import claim_rows, program_rows, write_report
        from descenso.studies.reproduction.run import reproduce as run_study

        result = run_study(out, epochs, fast, _watched)
        report = write_report(result)
    if as_json:
        say_json(to_json(result))
    else:
        say_table(program_rows(result), text_columns=3)
        for claim, measured, holds in claim_rows(result)[1:]:
            say(f"{claim}: {measured}: {holds}")
        say(_("Report: {path}").format(path=report))
    if not result.holds:
        raise typer.Exit(1)


@contextmanager
def _watched(name: str, config: TrainConfig) -> Iterator[Display]:
    say(f"{name}: {config.engine}, {config.dtype}", err=True)
    with Display(to_stderr=True) as display:
        yield display
