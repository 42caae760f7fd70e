"""Progress shown for tasks other than training."""

from descenso.api import compare
from descenso.training import waiting


class Bar:
    """Record the calls of a notebook's progress bar."""

    def __init__(self):
        self.calls = []

    def start(self):
        self.calls.append("start")

    def update(self, what, share, told):
        self.calls.append((what, share, told))

    def stop(self):
        self.calls.append("stop")


def test_a_bar_is_drawn_unless_a_callback_is_told(monkeypatch):
    bar, heard = Bar(), []
    monkeypatch.setattr(waiting, "progress_bar", lambda to_stderr: bar)
    with waiting.telling("Landscape", None) as tell:
        tell(0.5)
    assert bar.calls == ["start", ("Landscape", 0.5, ""), "stop"]
    with waiting.telling("Landscape", heard.append) as tell:
        tell(0.25)
    assert (heard, len(bar.calls)) == ([0.25], 3)
    monkeypatch.setattr(waiting, "progress_bar", lambda to_stderr: None)
    with waiting.telling("Landscape", None) as tell:
        tell(0.5)
    assert len(bar.calls) == 3


def test_a_comparison_moves_a_bar_unless_it_is_told_where_to_say_it(monkeypatch, capsys):
    bar, heard = Bar(), []
    monkeypatch.setattr(waiting, "progress_bar", lambda to_stderr: bar)
    for progress in (None, heard.append, True, False):
        with compare._telling("Comparing", 4, progress) as tell:
            for place in range(6):
                tell(f"run {place}")
    shares = [call[1] for call in bar.calls[1:-1]]
    assert shares == [0, 0.25, 0.5, 0.75, 1, 1]
    assert heard == capsys.readouterr().err.splitlines() == [f"run {place}" for place in range(6)]
