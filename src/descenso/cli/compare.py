"""`descenso compare`."""

import re
from functools import partial
from pathlib import Path
from typing import Annotated, Any

import typer

from descenso.cli.display import quiet
from descenso.cli.options import (
    DataDirOption,
    Json,
    LimitOption,
    OutFile,
    option,
    say,
    say_json,
    say_table,
    with_settings,
)
from descenso.config import SETTINGS, having
from descenso.text import _

PANEL = _("Comparison")
EXPLAIN = _("Itemise the time of the eager engine, removing one source of overhead at a time.")
REPEATS = _("Time each training run this many times; by default 3, or 7 with --explain.")


def listed(help: str) -> Any:
    """Make an option that takes several values."""
    return option(help, panel=PANEL, metavar="A,B,...")


@with_settings([name for name in SETTINGS if name not in having("saved")])
def compare(
    engines: Annotated[str | None, listed(_("Compare engines, separated by commas; by default all."))] = None,
    rules: Annotated[str | None, listed(_("Compare rules, each with its default learning rate."))] = None,
    learning_rates: Annotated[str | None, listed(_("Compare learning rates."))] = None,
    batch_sizes: Annotated[str | None, listed(_("Compare batch sizes."))] = None,
    datasets: Annotated[str | None, listed(_("Compare datasets."))] = None,
    explain: Annotated[bool, option(EXPLAIN, "--explain", panel=PANEL)] = False,
    repeats: Annotated[int | None, option(REPEATS, panel=PANEL, min=1)] = None,
    out: OutFile = None,
    limit: LimitOption = None,
    data_dir: DataDirOption = None,
    as_json: Json = False,
    **settings: Any,
) -> None:
    """Compare training runs: engines (same numbers?), rules, learning rates, batch sizes or datasets."""
    lists = {"engines": engines, "rules": rules, "learning_rates": learning_rates, "batch_sizes": batch_sizes,
             "datasets": datasets}  # fmt: skip
    given = settings if repeats is None else {**settings, "repeats": repeats}
    given |= {name: _split(value) for name, value in lists.items() if value is not None}
    with quiet():
        from descenso.api import compare as api
        from descenso.data.sources import Sources
        from descenso.reports.figures import save_figure

        study = api.explain if explain else api.compare
        result = study(**given, sources=Sources.of(limit, data_dir), progress=partial(say, err=True))
        picture = save_figure(result.plot(), out or Path("explain.png" if explain else "compare.png"))
    if as_json:
        say_json(result.as_json())
    else:
        for table in result.tables():
            say_table(table)
        for sentence in [*result.told(), _("Picture: {path}").format(path=picture)]:
            say(sentence)
    if not result.coincide:
        raise typer.Exit(1)


def _split(text: str) -> list[str]:
    """Split `text` at its commas, except those between the options of one rule.

    >>> _split("sgd,adam:beta_1=0.8,beta_2=0.99,lion")
    ['sgd', 'adam:beta_1=0.8,beta_2=0.99', 'lion']
    """
    return re.split(r",(?![^,:]*=)", text)
