"""`descenso schedules`."""

from rich.box import SIMPLE
from rich.console import Console
from rich.table import Table

from descenso.cli.options import Json, say, say_json
from descenso.registry import SCHEDULES
from descenso.text import _


def schedules(as_json: Json = False) -> None:
    """List the schedules of the learning rate: formula, source, options with their defaults and ranges."""
    if as_json:
        say_json({"schedules": {name: member.as_json() for name, member in SCHEDULES.items()}})
        return
    table = Table(_("schedule"), _("rate at a step"), _("options"), _("source"), box=SIMPLE)
    for name, member in SCHEDULES.items():
        table.add_row(name, member.formula, member.told_options, member.source)
    Console().print(table)
    say(_("η is the learning rate, t the steps taken, T those of the whole descent."))
