"""`descenso rules`."""

from rich.box import SIMPLE
from rich.console import Console
from rich.table import Table

from descenso.cli.options import Json, say_json
from descenso.registry import RULES
from descenso.text import _


def rules(as_json: Json = False) -> None:
    """List the update rules: formula, source, options with their defaults and ranges, a rate that suits."""
    if as_json:
        say_json({"rules": {name: member.as_json() for name, member in RULES.items()}})
        return
    table = Table(_("rule"), _("formula"), _("options"), _("rate"), _("source"), box=SIMPLE)
    for name, member in RULES.items():
        table.add_row(name, member.formula, member.told_options, f"{member.learning_rate:g}", member.source)
    Console().print(table)
