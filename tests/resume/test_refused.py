"""Changes after which a run is not resumed, and the effect of `force`."""

import json
import re

import numpy as np
import pytest

import descenso as ds
from descenso.errors import CheckpointError, ConfigError, DataError
from descenso.runs.checkpoints import newest
from descenso.runs.directory import open_directory
from descenso.training import session
from stopping import FULL, WITH_REST, below, position, resume_and_stop, start_and_stop

SETTINGS = {
    "model": "softmax",
    "engine": "function",
    "epochs": 3,
    "learning_rate": 0.5,
    "seed": 7,
    "checkpoint_every": "3",
}


@pytest.fixture(scope="module")
def original(tiny, tmp_path_factory):
    """A run interrupted at step 2 of 7 of its second epoch."""
    path = tmp_path_factory.mktemp("stopped") / "run"
    start_and_stop(tiny, path, 4, batch_size=FULL, **SETTINGS)
    assert position(path) == (1, 2)
    return path


def edit(path, **changes):
    config = json.loads((path / "config.json").read_text())
    (path / "config.json").write_text(json.dumps({**config, **changes}))


def another_pixel(data):
    """Return `data` with one pixel of the last training row changed by one."""
    inputs = data.train.inputs.copy()
    inputs[-1, -1, -1] ^= 1
    return data._replace(train=data.train._replace(inputs=inputs))


def another_version(monkeypatch, name, version):
    real = session.environment()
    monkeypatch.setattr(session, "environment", lambda: {**real, name: version})


def assert_refused(path, data, difference, **changes):
    before = below(path)
    with pytest.raises(CheckpointError) as caught:
        ds.resume(path, data=data, **changes)
    told = f"{path}: it cannot go on exactly, for this changed: {difference}; try --force to go on all the same"
    assert re.fullmatch(told, str(caught.value)), str(caught.value)
    assert caught.value.exit_code == 7
    assert below(path) == before, "a refusal changed something"


EDITED = {
    "learning_rate": (0.25, "0.5 → 0.25"),
    "seed": (8, "7 → 8"),
    "order": ("sequential", "permutation → sequential"),
    "loss": ("naive", "cross_entropy → naive"),
    "validation_size": (5, "0 → 5"),
}


@pytest.mark.parametrize("name", EDITED)
def test_an_edited_config_is_named(name, stopped, tiny):
    value, difference = EDITED[name]
    edit(stopped, **{name: value})
    assert_refused(stopped, tiny, f"config {name}: {difference}")


@pytest.mark.parametrize("name", ["loss", "validation_size"])
def test_an_edited_config_is_forced(name, stopped, tiny):
    edit(stopped, **{name: EDITED[name][0]})
    run = ds.resume(stopped, data=tiny, force=True)
    assert (run.outcome, run.status["exact"], len(run.history.epochs)) == ("completed", False, 3)


def test_several_edits_are_all_named(stopped, tiny):
    edit(stopped, learning_rate=0.25, seed=8)
    assert_refused(stopped, tiny, "config learning_rate: 0.5 → 0.25; config seed: 7 → 8")


def test_one_changed_pixel_is_noticed(stopped, tiny):
    assert_refused(stopped, another_pixel(tiny), "data: [0-9a-f]{64} → [0-9a-f]{64}")
    assert ds.resume(stopped, data=another_pixel(tiny), force=True).status["exact"] is False


def test_one_changed_test_row_is_noticed(stopped, tiny):
    """It changes no weight, but it would change the reported accuracy."""
    labels = tiny.test.labels.copy()
    labels[0] ^= 1
    changed = tiny._replace(test=tiny.test._replace(labels=labels))
    assert_refused(stopped, changed, "data: [0-9a-f]{64} → [0-9a-f]{64}")


@pytest.mark.parametrize(
    "name", ["descenso", "tensorflow", "keras", "numpy", "processor", "instructions", "cores", "xla_flags"]
)
def test_another_version_is_named(name, stopped, tiny, monkeypatch):
    another_version(monkeypatch, name, "0.0")
    assert_refused(stopped, tiny, f"versions {name}: .* → 0.0")


def test_another_version_is_forced(stopped, tiny, monkeypatch):
    another_version(monkeypatch, "tensorflow", "0.0")
    assert ds.resume(stopped, data=tiny, force=True).status["exact"] is False


def test_versions_that_change_no_bits_may_differ(stopped, tiny, monkeypatch):
    for name in ("python", "platform", "matplotlib", "typer"):
        another_version(monkeypatch, name, "0.0")
    assert ds.resume(stopped, data=tiny).status["exact"] is True


def test_other_threads_are_named(stopped, tiny, monkeypatch):
    monkeypatch.setattr(session, "threads", lambda: {"intra_op": 17, "inter_op": 0})
    assert_refused(stopped, tiny, "threads intra_op: 0 → 17")


def test_a_run_that_was_forced_stays_marked(stopped, tiny, monkeypatch):
    """It stays marked after an interruption, at the end and after an extension, although nothing else changes."""
    with monkeypatch.context() as changed:
        another_version(changed, "numpy", "0.0")
        resume_and_stop(tiny, stopped, 2, force=True)
        assert open_directory(stopped).status["exact"] is False, "stopped"
        assert ds.resume(stopped, data=tiny).status["exact"] is False, "ended"
        assert ds.resume(stopped, data=tiny, epochs=4).status["exact"] is False, "extended"


def test_a_forced_run_trains_with_its_new_settings(stopped, tiny):
    """It trains with them from the step at which it was interrupted; otherwise `--force` would have no effect."""
    weights = kept_weights(stopped, tiny)
    edit(stopped, learning_rate=1e-30)
    run = ds.resume(stopped, data=tiny, force=True)
    for name, value in run.weights.items():
        np.testing.assert_array_equal(value, weights[name])


def kept_weights(path, data):
    """Return the weights in the newest checkpoint of a softmax run, in the user's layout."""
    arrays = newest(path / "checkpoints")[0].arrays
    return {"W": arrays["params/W"].T, "b": arrays["params/b"]}


def test_another_type_cannot_be_forced(stopped, tiny):
    edit(stopped, dtype="float64")
    before = below(stopped)
    told = r"^the checkpoint holds params/W float32 \(4, 64\), .*, the run needs params/W float64 \(4, 64\), "
    with pytest.raises(CheckpointError, match=told):
        ds.resume(stopped, data=tiny, force=True)
    assert below(stopped) == before


def test_a_batch_size_with_too_few_steps_per_epoch_cannot_be_forced(stopped, tiny):
    edit(stopped, batch_size=203)
    before = below(stopped)
    told = "^the checkpoint stands at epoch 1, step 2, where no run of these settings ever stands$"
    with pytest.raises(CheckpointError, match=told):
        ds.resume(stopped, data=tiny, force=True)
    assert below(stopped) == before


def test_fewer_epochs_than_are_done(stopped, tiny):
    before = below(stopped)
    told = "^epochs must be at least 2, which are done, got 1; try --epochs 2$"
    with pytest.raises(ConfigError, match=told):
        ds.resume(stopped, data=tiny, epochs=1)
    assert below(stopped) == before
    ds.resume(stopped, data=tiny, epochs=2)
    with pytest.raises(ConfigError, match=told):
        ds.resume(stopped, data=tiny, epochs=1)


@pytest.mark.parametrize("changes", [{"epochs": 0}, {"engine": "grap"}, {"learning_rte": 1}, {"checkpoint_every": "0"}])
def test_invalid_changes_are_refused(changes, stopped, tiny):
    before = below(stopped)
    with pytest.raises(ConfigError, match=f"{next(iter(changes))}"):
        ds.resume(stopped, data=tiny, **changes)
    assert below(stopped) == before


def test_a_setting_that_decides_bits_is_refused_as_a_change_too(stopped, tiny):
    assert_refused(stopped, tiny, "config learning_rate: 0.5 → 0.25", learning_rate=0.25)


def test_no_run(tiny, tmp_path):
    with pytest.raises(DataError, match="there is no run"):
        ds.resume(tmp_path, data=tiny)
    assert not list(tmp_path.iterdir())


def short_of_a_line(lines):
    return lines[:-1]


def a_line_of_another_length(lines):
    return [lines[0].replace(", ", ",  ", 1), *lines[1:]]


def two_lines_for_one(lines):
    two = 2 * ['{"epoch":2,"cost":1,"seconds":1}\n']
    return [*lines[:-1], two[0], two[1].rjust(len(lines[-1]) - len(two[0]))]


@pytest.mark.parametrize(
    ("change", "told"),
    [
        (short_of_a_line, "{history}: {size} bytes, the checkpoint was written after {before}"),
        (a_line_of_another_length, "{history}: {size} bytes, the checkpoint was written after {before}"),
        (two_lines_for_one, "{run}: 4 epochs, the checkpoint was written after 3"),
    ],
)
def test_a_history_that_does_not_match_the_checkpoint_is_refused(change, told, tiny, tmp_path):
    path = tmp_path / "run"
    ds.train(tiny, out=path, batch_size=WITH_REST, **SETTINGS)
    history = path / "history.jsonl"
    whole = history.read_text()
    history.write_text("".join(change(whole.splitlines(keepends=True))))
    names = {"run": path, "history": history, "size": len(history.read_text()), "before": len(whole)}
    before = below(path)
    with pytest.raises(CheckpointError, match=f"^{re.escape(told.format(**names))}$"):
        ds.resume(path, data=tiny)
    assert below(path) == before, "what was not understood was changed"


@pytest.mark.parametrize(("padding", "changed"), [("same", []), ("auto", ["config padding: same → auto"])])
def test_a_setting_that_the_run_did_not_know_yet(padding, changed):
    assert session.differences({"config": {"seed": 0}}, {"config": {"seed": 0, "padding": padding}}) == changed
