"""`descenso env`."""

from rich.console import Console
from rich.table import Table

from descenso.cli.options import Json, cell, say_json
from descenso.text import _


def env(as_json: Json = False) -> None:
    """Show versions, processor and platform, as runs record them."""
    from descenso.runs.environment import environment

    found = environment()
    if as_json:
        say_json(found)
        return
    table = Table(show_header=False)
    for name, value in found.items():
        table.add_row(name, cell(_("not installed") if value is None else value))
    Console().print(table)
