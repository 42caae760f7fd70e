"""`descenso compare`."""

import re
from functools import partial
from pathlib import Path
from typing import Annotated, Any

import typer

from descenso.cli.options import (
    DataDirOption,
    Json,
    LimitOption,
    OutFile,
    say,
    say_json,
    say_table,
    with_settings,
)
from descenso.cli.quiet import quiet
from descenso.text import _

IDLE = ("patience", "checkpoint_every")  # settings of runs; nothing is kept of these descents


def listed(help_text: str) -> Any:
    """An option that takes several values."""
    return typer.Option(help=help_text, metavar="A,B,...")


@with_settings(without=IDLE)
def compare(
    engines: Annotated[str | None, listed(_("Engines to compare, with commas between them; by default all."))] = None,
    rules: Annotated[str | None, listed(_("Or rules, each at a rate that suits it."))] = None,
    learning_rates: Annotated[str | None, listed(_("Or learning rates."))] = None,
    batch_sizes: Annotated[str | None, listed(_("Or batch sizes."))] = None,
    datasets: Annotated[str | None, listed(_("Or datasets."))] = None,
    explain: Annotated[
        bool, typer.Option("--explain", help=_("Itemise what eager costs instead, leaving out one thing at a time."))
    ] = False,
    repeats: Annotated[
        int | None, typer.Option(min=1, help=_("Walk each descent so many times, for its times; 3, or 7 to explain."))
    ] = None,
    out: OutFile = None,
    limit: LimitOption = None,
    data_dir: DataDirOption = None,
    as_json: Json = False,
    **settings: Any,
) -> None:
    """Walk descents side by side: engines (one path?), rules, rates, batch sizes or datasets."""
    lists = {"engines": engines, "rules": rules, "learning_rates": learning_rates, "batch_sizes": batch_sizes,
             "datasets": datasets}  # fmt: skip
    asked = {name: value for name, value in {**settings, "repeats": repeats}.items() if value is not None}
    asked |= {name: _parts(value) for name, value in lists.items() if value is not None}
    with quiet():
        from descenso.api import compare as comparing
        from descenso.data.limits import Sources
        from descenso.reports.figures import save_figure

        walk = comparing.explain if explain else comparing.compare
        found = walk(**asked, sources=Sources.of(limit, data_dir), progress=partial(say, err=True))
        picture = save_figure(found.plot(), out or Path("explain.png" if explain else "compare.png"))
    if as_json:
        say_json(found.as_json())
    else:
        for table in found.tables():
            say_table(table)
        for sentence in [*found.told(), _("Picture: {path}").format(path=picture)]:
            say(sentence)
    if not found.coincide:
        raise typer.Exit(1)


def _parts(given: str) -> list[str]:
    """`given` cut at its commas, but for those between the options of one rule.

    >>> _parts("sgd,adam:beta_1=0.8,beta_2=0.99,lion")
    ['sgd', 'adam:beta_1=0.8,beta_2=0.99', 'lion']
    """
    return re.split(r",(?![^,:]*=)", given)
