"""Options made from the table of settings, in the panels of `--help`, and the tables that commands print."""

import re

import pytest

from command import run
from descenso.cli.options import say_table
from descenso.config import SETTINGS, flag, having

SAVED, COST = having("saved"), having("cost")


def panels(command):
    """The flags in each panel of `descenso COMMAND --help`."""
    found, title = {}, None
    for line in run(command, "--help").stdout.splitlines():
        head, row = re.match(r"╭─ (.+?) ─", line), re.match(r"│ (--[\w-]+)", line)
        title = head[1] if head else title
        if row:
            found.setdefault(title, set()).add(row[1])
    return found


@pytest.mark.parametrize(
    ("command", "names"),
    [("train", set(SETTINGS)), ("compare", set(SETTINGS) - set(SAVED)), ("gradcheck", set(COST))],
)
def test_every_option_of_a_setting_is_in_its_panel(command, names):
    found = panels(command)
    for title in ("Data", "Model", "Optimisation", "Run"):
        expected = {flag(name) for name in names - {"data"} if SETTINGS[name].panel == title}
        others = {"--limit", "--data-dir", "--config"}
        assert found[title] - others == expected
    assert {"--limit", "--data-dir"} <= found["Data"]
    assert "--json" in found["Output"]


def test_a_table_is_printed_as_text_whatever_its_cells_hold(capsys):
    say_table([["name", "rows"], ["[bold]a[/bold]\x1b[31m", 3], ["b", 12]])
    head, rule, *rows = [line.strip() for line in capsys.readouterr().out.splitlines() if line.strip()]
    assert head.split() == ["name", "rows"]
    assert set(rule) == {"─"}
    assert [row.split() for row in rows] == [[r"[bold]a[/bold]\x1b[31m", "3"], ["b", "12"]]
    assert len(set(map(len, rows))) == 1, "numbers are aligned right"
