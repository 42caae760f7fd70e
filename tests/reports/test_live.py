"""`run.watch()`: a picture that is redrawn in place in a notebook, with IPython's display only."""

import threading
import time

import IPython.display
import pytest
import rich.console

import descenso as ds
from descenso.errors import ConfigError
from descenso.reports import live
from descenso.training.control import Callback, Control


@pytest.fixture
def shown(monkeypatch):
    """Stand-in for a notebook: the list of what is displayed, and of its updates, as MIME bundles."""
    bundles = []

    class Handle:
        def update(self, picture):
            bundles.append(picture._repr_mimebundle_())

    def display(picture, display_id):
        assert display_id is True
        bundles.append(picture._repr_mimebundle_())
        return Handle()

    monkeypatch.setattr(IPython.display, "display", display)
    monkeypatch.setattr(live, "Console", lambda: rich.console.Console(force_jupyter=True))
    return bundles


@pytest.mark.slow
def test_a_finished_run_is_drawn_once(tiny, tmp_path, shown):
    run = ds.train(tiny, epochs=3, out=tmp_path / "run", progress=False)
    run.watch()
    first, last = shown
    assert "image/png" not in first
    assert last["image/png"].startswith(b"\x89PNG")
    assert last["text/plain"].startswith("run: completed, 3 epochs, cost ")


@pytest.mark.slow
def test_a_run_is_followed_until_it_has_ended(tiny, tmp_path, shown):
    control, begun = Control(), threading.Event()

    class Slow(Callback):
        def on_epoch(self, epoch):
            begun.set()
            time.sleep(0.05)

    given = {"out": tmp_path / "run", "control": control, "callbacks": [Slow()], "progress": False}
    training = threading.Thread(target=lambda: ds.train(tiny, epochs=10**6, **given))
    training.start()
    assert begun.wait(120)
    threading.Timer(1.5, control.stop).start()
    ds.open_run(tmp_path / "run").watch(seconds=0.02)
    training.join()
    texts = [bundle["text/plain"] for bundle in shown]
    assert len(texts) > 3
    assert any(text.startswith("run: running, ") for text in texts)
    assert texts[-1].startswith(f"run: interrupted, {len(ds.open_run(tmp_path / 'run').history.costs)} epochs")


@pytest.mark.slow
def test_a_terminal_is_told_of_another_command(tiny, tmp_path):
    run = ds.train(tiny, epochs=1, out=tmp_path / "run", progress=False)
    with pytest.raises(ConfigError, match=r"^watch draws in a notebook; in a terminal: descenso plot .*run$"):
        run.watch()
