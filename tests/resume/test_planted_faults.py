"""Tests of these tests: when a part of the state is not saved, the test for it fails."""

import functools

import pytest

from descenso.errors import CheckpointError
from descenso.runs import checkpoints
from descenso.training import session
from test_members import stop_twice, walk

ENGINE = "eager"  # the one that traces nothing
FAULTS = {  # part that is not saved: the case that has it, and how the names of its arrays begin
    "Dropout's seed": ("dropout, adam and an average", "model_state/dropout/draw"),
    "the rule's state": ("dropout, adam and an average", "rule_state/rule"),
    "the average": ("dropout, adam and an average", "rule_state/average"),
    "the statistics of batch normalisation": ("normalisation and augmentation", "model_state/batch_normalization"),
    "the seed of augmentation": ("normalisation and augmentation", "model_state/augment/draw"),
}


ONE = "the rule's state"  # the other faults are planted in slow tests only
PLANTED = [ONE, *(pytest.param(fault, marks=pytest.mark.slow) for fault in FAULTS if fault != ONE)]


@pytest.fixture(scope="module")
def whole(tiny, tmp_path_factory):
    """Return a function that returns the results of a case's uninterrupted run."""
    return functools.cache(lambda case: walk(case, ENGINE, tiny, tmp_path_factory.mktemp("whole") / "run"))


def as_at_the_start(real, part):
    """Return a `save` that writes the arrays of `part` as they were in the first checkpoint."""
    first = {}

    def save(arrays):
        first.update({name: array for name, array in arrays.items() if name not in first})
        return real({name: first[name] if name.startswith(part) else array for name, array in arrays.items()})

    return save


def left_out(real, part):
    return lambda arrays: real({name: array for name, array in arrays.items() if not name.startswith(part)})


@pytest.mark.parametrize("fault", PLANTED)
def test_an_interrupted_run_shows_state_that_is_not_updated(fault, whole, tiny, tmp_path, monkeypatch):
    case, part = FAULTS[fault]
    monkeypatch.setattr(checkpoints, "save", as_at_the_start(checkpoints.save, part))
    assert stop_twice(case, ENGINE, tiny, tmp_path / "run")[1]["weights"] != whole(case)["weights"]


@pytest.mark.parametrize("fault", PLANTED)
def test_a_checkpoint_without_it_is_refused(fault, tiny, tmp_path, monkeypatch):
    case, part = FAULTS[fault]
    monkeypatch.setattr(checkpoints, "save", left_out(checkpoints.save, part))
    with pytest.raises(CheckpointError, match=f"the run needs .*{part}"):
        stop_twice(case, ENGINE, tiny, tmp_path / "run")


@pytest.mark.slow
def test_an_interrupted_run_shows_that_the_best_epoch_is_lost(whole, tiny, tmp_path, monkeypatch):
    case, real = "the best on validation", session.progress_of
    monkeypatch.setattr(session, "progress_of", lambda *given: real(*given)._replace(best=None))
    found = stop_twice(case, ENGINE, tiny, tmp_path / "run")[1]
    assert found["status"]["best_epoch"] != whole(case)["status"]["best_epoch"]
    assert found["weights"] != whole(case)["weights"]
