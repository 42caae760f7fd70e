"""Progress shown for tasks other than training."""

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
