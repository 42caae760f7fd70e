"""`descenso rules`."""

from descenso.cli.options import Json, say_json, say_table
from descenso.registry import RULES, describe_options, to_json
from descenso.text import _


def rules(as_json: Json = False) -> None:
    """List the update rules: formula, source, options with defaults and ranges, default learning rate."""
    if as_json:
        say_json({"rules": {name: to_json(info) for name, info in RULES.items()}})
        return
    head = [_("rule"), _("formula"), _("options"), _("rate"), _("source")]
    rows = [
        [name, info.formula, describe_options(info.options), f"{info.learning_rate:g}", info.source]
        for name, info in RULES.items()
    ]
    say_table([head, *rows], text_columns=len(head))
