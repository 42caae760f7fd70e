"""`descenso plot --schedule`, in this process; `test_looking.py` tests the plots of runs."""

import numpy as np
import pytest
from PIL import Image

from descenso.cli.lists import plot
from descenso.descent.schedules import shares
from descenso.errors import ConfigError, DataError
from descenso.reports.figures import schedules_figure


def test_schedules_are_drawn_one_line_each(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    plot(schedule=["one-cycle", "step:factor=0.5"])
    assert capsys.readouterr().out == "schedule.png\n"
    with Image.open(tmp_path / "schedule.png") as picture:
        assert picture.format == "PNG"


def test_what_is_drawn_is_the_schedule():
    (axes,) = schedules_figure({spec: shares(spec) for spec in ("constant", "cosine", "warm-up")}).axes
    constant, cosine, warm_up = (line.get_ydata() for line in axes.lines)
    done = axes.lines[1].get_xdata()
    np.testing.assert_array_equal(constant, np.ones(1001))
    np.testing.assert_allclose(cosine, (1 + np.cos(np.pi * done)) / 2, atol=1e-12)
    np.testing.assert_allclose(warm_up, np.minimum((done + 0.001) / 0.1, 1), atol=1e-12)
    assert [text.get_text() for text in axes.get_legend().get_texts()] == ["constant", "cosine", "warm-up"]


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({}, "plot takes either runs or schedules; try"),
        ({"runs": ["run"], "schedule": ["cosine"]}, "plot takes either runs or schedules; try"),
        ({"schedule": ["cosin"]}, r"schedule: there is no 'cosin' \(did you mean 'cosine'\?\)"),
    ],
)
def test_what_cannot_be_drawn(given, said, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(ConfigError, match=said):
        plot(**given)
    assert list(tmp_path.iterdir()) == []


def test_a_folder_that_is_no_run_is_left_out(trained, tmp_path, monkeypatch, capsys):
    """The shell expands `runs/*` to folders that are not runs, too."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "reproduce-001").mkdir()
    plot(runs=[trained.folder / "first", tmp_path / "reproduce-001", trained.folder / "first"], out=tmp_path / "a.png")
    assert capsys.readouterr().err == f"descenso: warning: {tmp_path / 'reproduce-001'} is no run, and is left out\n"
    assert (tmp_path / "a.png").exists()
    with pytest.raises(DataError, match="reproduce-001: there is no run"):
        plot(runs=[tmp_path / "reproduce-001"])
