"""The display of a training run: where a progress bar is drawn, what its lines say, and that they stay."""

import io
import re
import subprocess
import sys
import time
from pathlib import Path
from types import ModuleType, SimpleNamespace

import numpy as np
import pytest
from rich.console import Console

from descenso.config import TrainConfig
from descenso.data.dataset import Dataset
from descenso.runs.history import Epoch
from descenso.training import display as module
from descenso.training.display import Display
from descenso.training.waiting import waiting


class Terminal(io.StringIO):
    """Standard output that claims to be a terminal."""

    def isatty(self):
        return True

    @property
    def text(self):
        """The output without the control sequences for cursor and colours."""
        return re.sub(r"\x1b\[[\d;?]*[A-Za-z]|\r", "", self.getvalue())


@pytest.fixture
def on_terminal(monkeypatch):
    """Return a function that makes standard output a terminal: pytest would undo it between a fixture and its test."""

    def opened(kind="xterm-256color"):
        monkeypatch.setattr(sys, "stdout", Terminal())
        monkeypatch.setenv("TERM", kind)
        monkeypatch.setenv("COLUMNS", "100")
        return sys.stdout

    return opened


def progress(epoch, step, costs=(), ended=None, outcome=None, steps=1):
    trace = SimpleNamespace(costs=np.zeros(steps))
    return SimpleNamespace(position=(epoch, step), costs=np.array(costs), ended=ended, outcome=outcome, trace=trace)


def trained(display, tiny: Dataset, epochs, first=0, **settings):
    """Show `display` the epochs from `first` on; the cost of each is its number plus 1000."""
    display.on_begin(Path("run"), TrainConfig.of(epochs=epochs, batch_size=50, **settings), tiny)
    display.on_compiled(0.0)
    for number in range(first, epochs):
        display.on_chunk(progress(number, 3, [1.5] * 3, steps=3), None)
        epoch = Epoch(number, 1000.0 + number, 0.1)
        display.on_chunk(progress(number + 1, 0, ended=epoch, steps=2), None)
        display.on_epoch(epoch)


def test_lines_stay_when_the_bar_is_removed(on_terminal, tiny):
    terminal = on_terminal()
    with Display(to_stderr=False) as display:
        trained(display, tiny, 3)
    assert display.live
    assert display.run == Path("run")
    last = re.split(r"\x1b\[2K", terminal.getvalue())[-1]
    assert "━" in terminal.text
    assert "━" not in last, "the bar is wiped"
    assert re.findall(r"\[(\d+)\] cost: (\d+)", terminal.text) == [("0", "1000"), ("1", "1001"), ("2", "1002")]


def test_the_bar_moves_within_an_epoch(on_terminal, tiny, monkeypatch):
    on_terminal()
    shown = []
    monkeypatch.setattr(module._TerminalBar, "update", lambda self, what, share, told: shown.append((share, told)))
    with Display(to_stderr=False) as display:
        trained(display, tiny, 2)  # 203 rows in batches of 50: five steps
    shares = [share for share, _ in shown[1:]]
    assert shares == pytest.approx([0.3, 0.5, 0.8, 1.0])
    assert shown[1][1].startswith("0/2  cost 1.500000  ")
    assert shown[2][1].startswith("1/2  cost 1000.000000  ")


def test_time_left_of_a_resumed_run_counts_what_this_session_trained(on_terminal, tiny, monkeypatch):
    on_terminal()
    now = [100.0]
    monkeypatch.setattr(module, "time", SimpleNamespace(monotonic=lambda: now[0]))
    with Display(to_stderr=False) as display:
        display.on_begin(Path("run"), TrainConfig.of(epochs=100, batch_size=50), tiny)
        display.on_compiled(0.0)
        now[0] += 10
        display.on_chunk(progress(51, 0, ended=Epoch(50, 0.5, 10.0), steps=5), None)
        assert "51/100  cost 0.500000  10 s/epoch  0:08:10" in display._told(51.0, 51, 0.5)


def test_validation_is_shown_in_the_line(capsys):
    with Display(to_stderr=False) as display:
        display.on_epoch(Epoch(7, 0.25, 0.1, validation_cost=0.5, validation_accuracy=0.875))
    assert capsys.readouterr() == ("[7] cost: 0.25, validation 0.5000, accuracy 0.8750\n", "")


@pytest.mark.parametrize("kind", ["xterm-256color", "dumb"])
def test_many_epochs_are_thirty_lines_at_most(kind, on_terminal, tiny):
    terminal = on_terminal(kind)
    with Display(to_stderr=False) as display:
        trained(display, tiny, 2500)
        display.on_end({"outcome": "completed"})
    lines = re.findall(r"\[(\d+)\] cost:", terminal.text)
    assert "One epoch in 100 is shown, or one a minute; run/history.jsonl has all." in terminal.text
    assert [int(line) for line in lines] == [*range(0, 2500, 100), 2499]


@pytest.mark.parametrize("to_stderr", [False, True])
def test_a_file_gets_the_same_lines_and_nothing_else(to_stderr, tiny, capsys):
    with Display(to_stderr) as display:
        trained(display, tiny, 1500)
        display.on_end({"outcome": "completed"})
    assert not display.live
    out = capsys.readouterr()
    lines, nothing = (out.err, out.out) if to_stderr else (out.out, out.err)
    assert nothing == ""
    assert lines.splitlines()[0] == "One epoch in 50 is shown, or one a minute; run/history.jsonl has all."
    assert lines.splitlines()[1:] == [f"[{epoch}] cost: {1000 + epoch}" for epoch in (*range(0, 1500, 50), 1499)]


def test_a_slow_run_has_a_line_a_minute(tiny, capsys, monkeypatch):
    now = [100.0]
    monkeypatch.setattr(module, "time", SimpleNamespace(monotonic=lambda: now[0]))
    with Display(to_stderr=False) as display:
        display.on_begin(Path("run"), TrainConfig.of(epochs=2000, batch_size=50), tiny)
        for number in range(10):
            display.on_epoch(Epoch(number, 1000.0 + number, 25.0))
            now[0] += 25
    lines = re.findall(r"\[(\d+)\] cost:", capsys.readouterr().out)
    assert [int(line) for line in lines] == [0, 3, 6, 9]


def test_thirty_epochs_are_shown_without_a_note(tiny, capsys):
    with Display(to_stderr=False) as display:
        trained(display, tiny, 30)
        display.on_end({"outcome": "completed"})
    assert capsys.readouterr().out.splitlines() == [f"[{epoch}] cost: {1000 + epoch}" for epoch in range(30)]


def test_a_resumed_run_shows_the_epochs_of_this_session(tiny, capsys):
    """The first and the last epoch are shown; the spacing is that for the remaining epochs."""
    with Display(to_stderr=False) as display:
        trained(display, tiny, 2000, first=1951)
        display.on_end({"outcome": "completed"})
    lines = re.findall(r"\[(\d+)\] cost:", capsys.readouterr().out)
    assert [int(line) for line in lines] == [1951, *range(1952, 1999, 2), 1999]


def test_an_epoch_that_is_the_last_unexpectedly_is_shown(tiny, capsys):
    with Display(to_stderr=False) as display:
        display.on_begin(Path("run"), TrainConfig.of(epochs=2000, batch_size=50), tiny)
        for number in range(7):
            display.on_epoch(Epoch(number, 1000.0 + number, 0.1))
        display.on_end({"outcome": "stopped early"})
    assert capsys.readouterr().out.splitlines()[-2:] == ["[0] cost: 1000", "[6] cost: 1006"]


NOTED = "The column id is left out, since it numbers the rows; to learn from it: --drop none"


@pytest.mark.parametrize(("epochs", "times"), [(5, 1), (25, 2)])
def test_notes_that_have_left_the_screen_are_repeated(epochs, times, on_terminal, tiny, monkeypatch):
    terminal = on_terminal()
    monkeypatch.setenv("LINES", "24")
    with Display(to_stderr=False) as display:
        trained(display, tiny._replace(notes=(NOTED,)), epochs)
        display.on_end({"outcome": "completed"})
    assert terminal.text.count(NOTED) == times
    assert terminal.text.index(NOTED) < terminal.text.index("[0] cost:")
    if times == 2:
        assert terminal.text.rindex(NOTED) > terminal.text.index("[24] cost:")


def test_notes_are_broken_between_words(on_terminal, tiny, monkeypatch):
    terminal = on_terminal()
    monkeypatch.setenv("COLUMNS", "60")
    with Display(to_stderr=False) as display:
        display.on_begin(Path("run"), TrainConfig.of(epochs=1), tiny._replace(notes=(NOTED,)))
    assert "The column id is left out, since it numbers the rows; to\n" in terminal.text


def test_a_dumb_terminal_gets_lines_alone(on_terminal, tiny):
    terminal = on_terminal("dumb")
    with Display(to_stderr=False) as display:
        trained(display, tiny, 2)
    assert terminal.getvalue() == "[0] cost: 1000\n[1] cost: 1001\n"


def test_a_warning_does_not_break_the_bar(on_terminal, tiny, monkeypatch):
    terminal = on_terminal()
    monkeypatch.setattr(sys, "stderr", terminal)
    with Display(to_stderr=False) as display:
        display.warn("a checkpoint is \x1b[31mdamaged")
        trained(display, tiny, 1)
    assert r"descenso: warning: a checkpoint is \x1b[31mdamaged" in terminal.text


def test_waiting_shows_in_a_terminal_what_is_done(on_terminal, monkeypatch):
    terminal = on_terminal()
    monkeypatch.setattr(sys, "stderr", terminal)
    with waiting("Evaluating") as tell:
        tell("row \x1b[31m1")
        time.sleep(0.3)
    assert "Evaluating …" in terminal.text
    assert r"Evaluating: row \x1b[31m1 …" in terminal.text
    assert "Evaluating" not in re.split(r"\x1b\[2K", terminal.getvalue())[-1], "it is wiped"


@pytest.mark.parametrize(("kind", "shown"), [("xterm-256color", False), ("dumb", True), (None, True)])
def test_waiting_shows_nothing_elsewhere(kind, shown, on_terminal, monkeypatch, capsys):
    """With --json, in a terminal without cursor control and in a pipe, only messages are written, each on a line."""
    if kind:
        monkeypatch.setattr(sys, "stderr", on_terminal(kind))
    with waiting("Evaluating", shown) as tell:
        tell("round 1")
    said = sys.stderr.getvalue() if kind else capsys.readouterr().err
    assert said == "round 1\n"


def test_a_notebook_gets_a_bar_without_widgets(monkeypatch, tiny, capsys):
    """`IPython.display.display` returns a handle, which replaces what is shown."""
    shown = []
    handle = SimpleNamespace(update=lambda thing: shown.append(thing._repr_html_()))
    ipython = ModuleType("IPython.display")
    ipython.display = lambda thing, display_id: shown.append(thing._repr_html_()) or handle
    monkeypatch.setitem(sys.modules, "IPython.display", ipython)
    monkeypatch.setattr(module, "Console", lambda stderr: Console(stderr=stderr, force_jupyter=True))
    with Display(to_stderr=False) as display:
        trained(display, tiny, 2)
    assert shown[0] == "<progress></progress> Starting TensorFlow"
    assert re.fullmatch(r'<progress value="1.0000"></progress> Training 2/2  cost 1001.000000 .*', shown[-1])
    assert capsys.readouterr().out == "[0] cost: 1000\n[1] cost: 1001\n"


@pytest.mark.slow
def test_who_keeps_the_standard_error_of_an_import_can_write_to_it_afterwards():
    """TensorFlow's logger keeps the stream that it finds when TensorFlow is imported."""
    lines = (
        "import sys; from descenso.training.display import quiet\nwith quiet(): kept = sys.stderr\nkept.write('later')"
    )
    ended = subprocess.run([sys.executable, "-c", lines], capture_output=True, text=True, check=True)
    assert ended.stderr == "later"
