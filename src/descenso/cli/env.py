"""`descenso env`."""

from descenso.cli.options import Json, say_json, say_table
from descenso.text import _


def env(as_json: Json = False) -> None:
    """Show versions, processor and platform, as runs record them."""
    from descenso.runs.environment import environment

    versions = environment()
    if as_json:
        say_json(versions)
        return
    rows = [[name, _("not installed") if value is None else value] for name, value in versions.items()]
    say_table([[_("name"), _("value")], *rows], text_columns=2)
