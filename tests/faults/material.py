"""Small checkpoints, made of their position alone: what is read can be held against what was written."""

import numpy as np

from descenso.runs.checkpoints import Checkpoint, Position, newest


def checkpoint(epoch, step=0, **about):
    """The one checkpoint of this position: every kind of tensor that a descent has."""
    random = np.random.default_rng([epoch, step])
    arrays = {
        "step": np.asarray(100 * epoch + step),
        "params/W": random.normal(size=(2, 3)).astype(np.float32),
        "rule_state/velocity/W": random.normal(size=(2, 3)).astype(np.float32),
        "model_state/random": random.integers(2**64, size=2, dtype=np.uint64),
        "costs": random.normal(size=min(step, 9)),
    }
    about = {"config": {"seed": 3}, "data": "d", "history_bytes": 40 * epoch, "seconds": 0.25, **about}
    return Checkpoint(Position(epoch, step), arrays, about)


def assert_same(found, written):
    """Every bit of every tensor, and all that was said of it."""
    assert found.position == written.position
    assert found.arrays.keys() == written.arrays.keys()
    for name, array in written.arrays.items():
        assert found.arrays[name].dtype == array.dtype, name
        assert found.arrays[name].shape == array.shape, name
        assert found.arrays[name].tobytes() == array.tobytes(), name
    assert {name: found.about[name] for name in written.about} == written.about


def assert_newest(store, written, damaged=()):
    """The store gives `written`, and warns of the `damaged` files, newest first, and of nothing else."""
    found, warnings = newest(store)
    assert_same(found, written)
    assert [warning.split(":")[0] for warning in warnings] == [str(path) for path in damaged]


def names(folder):
    """All that is in `folder`, hidden or not."""
    return sorted(path.name for path in folder.iterdir())


def leftovers(folder):
    """What an interrupted write left anywhere below `folder`."""
    return [str(path.relative_to(folder)) for path in folder.rglob("*.tmp")]
