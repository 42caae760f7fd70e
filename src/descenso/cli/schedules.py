"""`descenso schedules`."""

from descenso.cli.options import Json, say, say_json, say_table
from descenso.registry import SCHEDULES, describe_options, to_json
from descenso.text import _


def schedules(as_json: Json = False) -> None:
    """List the learning rate schedules: formula, source, options with defaults and ranges."""
    if as_json:
        say_json({"schedules": {name: to_json(info) for name, info in SCHEDULES.items()}})
        return
    head = [_("schedule"), _("rate at a step"), _("options"), _("source")]
    rows = [[name, info.formula, describe_options(info.options), info.source] for name, info in SCHEDULES.items()]
    say_table([head, *rows], text_columns=len(head))
    say(_("η is the learning rate, t the number of steps taken, T the number of steps of the whole training run."))
