"""Small checkpoints whose content follows from their position, so that what is read can be compared with it."""

import numpy as np

from descenso.runs.checkpoints import Checkpoint, Position, newest


def checkpoint(epoch, step=0, **about):
    """Return the checkpoint of this position, with every kind of tensor that a training run saves."""
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
    """Check that all tensors are equal bit for bit, and all metadata."""
    assert found.position == written.position
    assert found.arrays.keys() == written.arrays.keys()
    for name, array in written.arrays.items():
        assert found.arrays[name].dtype == array.dtype, name
        assert found.arrays[name].shape == array.shape, name
        assert found.arrays[name].tobytes() == array.tobytes(), name
    assert {name: found.about[name] for name in written.about} == written.about


def assert_newest(store, written, damaged=()):
    """Check that the newest valid checkpoint is `written`, with one warning per file of `damaged`, newest first."""
    found, warnings = newest(store)
    assert_same(found, written)
    assert [warning.split(":")[0] for warning in warnings] == [str(path) for path in damaged]


def names(folder):
    """Return the names of all entries of `folder`, hidden ones too."""
    return sorted(path.name for path in folder.iterdir())


def leftovers(folder):
    """Return the temporary files that interrupted writes left anywhere below `folder`."""
    return [str(path.relative_to(folder)) for path in folder.rglob("*.tmp")]
