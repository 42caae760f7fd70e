"""Options made from the table of settings, the panels of `--help`, and the tables that commands print."""

import re

import pytest

from command import run
from descenso.cli.app import COMMANDS
from descenso.cli.options import say_table
from descenso.config import SETTINGS, flag, having
from descenso.errors import ConfigError, DiskError

SAVED, COST = having("saved"), having("cost")


def panels(command):
    """Return the flags in each panel of `descenso COMMAND --help`."""
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


@pytest.mark.parametrize("command", ["train", "compare", "gradcheck", "data", "doctor"])
def test_every_command_that_reads_data_takes_the_same_flags(command):
    found = panels(command)["Data"]
    assert {flag(name) for name in having("reads data")} | {"--limit", "--data-dir"} <= found


@pytest.mark.parametrize("command", [name for name in COMMANDS if name not in ("explain", "port")])
def test_help_is_in_panels(command):
    """No option is left in Typer's default panel."""
    assert found_options(command) <= {"--install-completion", "--show-completion"}


def found_options(command):
    return panels(command).get("Options", set())


OUTPUTS = [["data", "none"], ["compare", "none"], ["plot", "--schedule", "cosine"], ["predict", "none", "1.png"]]


@pytest.mark.parametrize("words", OUTPUTS, ids=" ".join)
def test_an_output_is_checked_before_the_work(words, tmp_path, monkeypatch):
    """The inputs do not exist: if the output were checked after the work, another error would come first."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "taken.png").mkdir()
    (tmp_path / "file").touch()
    for out, error, said in (
        ("taken.png", ConfigError, "out: taken.png is a folder, expected a file; try --out taken.png/out.png"),
        ("a.pdf", ConfigError, "out must be a PNG file, got a.pdf; try --out a.png"),
        ("file/a.png", DiskError, "file: cannot be written"),
    ):
        with pytest.raises(error, match=said):
            run(*words, "--out", out)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["file", "taken.png"]


def test_the_folder_of_an_output_is_made(tmp_path):
    assert run("plot", "--schedule", "cosine", "--out", tmp_path / "new" / "a.png").exit_code == 0
    assert (tmp_path / "new" / "a.png").is_file()


def test_a_table_is_printed_as_text_whatever_its_cells_hold(capsys):
    say_table([["name", "rows"], ["[bold]a[/bold]\x1b[31m", 3], ["b", 12]])
    head, rule, *rows = [line.strip() for line in capsys.readouterr().out.splitlines() if line.strip()]
    assert head.split() == ["name", "rows"]
    assert set(rule) == {"─"}
    assert [row.split() for row in rows] == [[r"[bold]a[/bold]\x1b[31m", "3"], ["b", "12"]]
    assert len(set(map(len, rows))) == 1, "numbers are aligned right"


WORDS = [
    ["rule", "formula", "options", "source"],
    ["adagrad", "s ← s + g²;  θ ← θ − η g / (√s + ε)", "epsilon=1e-07 (0, inf)", "Duchi, Hazan and Singer (2011)"],
    ["lion", "θ ← θ − η sign(β₁ m + (1 − β₁) g)", "--beta 0.9", "Chen et al. (2023)"],
]
NUMBERS = [["engine", *(f"column-{place}" for place in range(7))], ["graph", *["-0.00156984"] * 7]]


@pytest.mark.parametrize("width", [60, 80, 120])
def test_a_table_is_broken_between_words(width, capsys, monkeypatch):
    monkeypatch.setenv("COLUMNS", str(width))
    say_table(WORDS, text_columns=4)
    printed = capsys.readouterr().out
    assert max(map(len, printed.splitlines())) <= width
    words = printed.replace("─", "").split()
    assert sorted(words) == sorted(word for row in WORDS for text in row for word in text.split())
    assert "(0, inf)" in printed
    assert "--beta 0.9" in printed


@pytest.mark.parametrize("width", [60, 80, 120])
def test_numbers_that_do_not_fit_side_by_side_are_below_each_other(width, capsys, monkeypatch):
    monkeypatch.setenv("COLUMNS", str(width))
    say_table(NUMBERS)
    printed = capsys.readouterr().out
    assert printed.count("-0.00156984") == 7, "no number is broken"
    assert max(map(len, printed.splitlines())) <= width
    assert ("column-3: -0.00156984" in printed) == (width < 120)
