"""Ctrl-C before and after training: one line says which run there is. During training: `test_train_command.py`."""

import json
from types import SimpleNamespace

import pytest
import typer

import descenso as ds
from command import run
from descenso.api import train as api
from descenso.cli import train as command


def interrupted(*_args, **_settings):
    raise KeyboardInterrupt


def left(capsys, body, resumed=None):
    """Return what is printed on standard error when Ctrl-C interrupts `body`."""
    with pytest.raises(typer.Exit) as ended, command._watched(False, resumed) as display:
        body(display)
    assert ended.value.exit_code == 130
    out, err = capsys.readouterr()
    assert out == ""
    return err


def test_before_there_is_a_run(tiny_folder, tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(api, "pose", interrupted)  # called once the run's directory exists
    said = left(capsys, lambda display: ds.train(tiny_folder, out=tmp_path / "run", callbacks=[display]))
    assert said == "descenso: interrupted before training began; there is no run\n"
    assert not (tmp_path / "run").exists()


@pytest.fixture
def made(tiny, tmp_path):
    return ds.train(tiny, out=tmp_path / "run", epochs=2, engine="eager").path


def test_after_a_second_signal(made, capsys):
    (made / "status.json").write_text(json.dumps({"outcome": "interrupted", "epochs_done": 2, "exact": True}))
    display = SimpleNamespace(run=made)
    assert left(capsys, lambda _: interrupted(), display.run) == (
        f"descenso: interrupted after 2 of 2 epochs; to go on: descenso resume {made}\n"
    )


def test_while_the_pictures_are_drawn(made, capsys, tiny):
    def body(display):
        display.on_begin(made, ds.TrainConfig.of(epochs=2), tiny)
        interrupted()

    assert left(capsys, body) == f"descenso: interrupted; the run is complete: {made}\n"


def test_what_cannot_be_read_is_said(tmp_path, capsys):
    said = left(capsys, interrupted, tmp_path / "none")
    assert said.startswith(f"descenso: interrupted; {tmp_path / 'none'}: there is no run")


def test_commands_that_train_nothing(monkeypatch, tmp_path):
    monkeypatch.setattr("descenso.runs.directory.find_runs", interrupted)
    ended = run("runs", tmp_path)
    assert (ended.exit_code, ended.stderr) == (130, "descenso: interrupted\n")
