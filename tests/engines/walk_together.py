"""Train each case on the engine workers and on one process alone; print the largest differences as JSON."""

import json
import os
import sys
from functools import partial

import numpy as np

import descenso as ds
from descenso.api.train import joined
from descenso.config import TrainConfig
from descenso.errors import ConfigError

ADAM = {"rule": "adam", "learning_rate": 0.001}
CASES = {
    "softmax": {"model": "softmax", "learning_rate": 0.1},
    "a last batch of one row": {"model": "softmax", "learning_rate": 0.1, "batch_size": 45},
    "batches of two rows": {"model": "softmax", "learning_rate": 0.1, "batch_size": 2},
    "mlp with Dropout, clipping and averaging": {
        "model": "mlp", "hidden": "20,10", "dropout": 0.3, "clip_norm": 0.5, "average": 0.9, "weight_decay": 0.01,
        **ADAM,
    },
    "cnn with Dropout and moved images": {
        "model": "cnn", "filters": "4,6", "hidden": "12", "dropout": 0.3, "augment": 0.5, **ADAM,
    },
}  # fmt: skip


def rows():
    random = np.random.default_rng(0)
    labels = (np.arange(91) % 3).astype(np.int32)
    images = (random.integers(0, 120, (91, 8, 8)) + 40 * labels[:, None, None]).astype(np.uint8)
    return ds.Dataset("rows", ds.Split(images[:61], labels[:61]), ds.Split(images[61:], labels[61:]), ("a", "b", "c"))


def drops(keras):
    return keras.Sequential(
        [keras.Input((8, 8)), keras.layers.Flatten(), keras.layers.Dropout(0.5), keras.layers.Dense(3)]
    )


def refused(data):
    """Return what is said of a layer that draws at random, and of a loss that is no mean over rows."""
    import keras
    import tensorflow as tf

    from descenso.descent.problem import Own
    from descenso.training.plan import Plan

    config = TrainConfig.of(model="softmax", engine="workers", dtype="float64", epochs=1, batch_size=20)
    summed = Own(loss=lambda logits, labels, weights: tf.reduce_sum(logits[:, 0] * tf.cast(labels, logits.dtype)))
    said = []
    for own in (summed, Own(model=ds.from_keras(lambda: drops(keras), "float64"))):
        try:
            Plan.of(config, data, own).bind()
        except ConfigError as error:
            said.append(str(error))
    return said


def use_devices(count):
    """Let this process compute on so many devices, as on several GPUs of a machine."""
    import tensorflow as tf

    from descenso.engines import team

    del os.environ["TF_CONFIG"]
    (processor,) = tf.config.list_physical_devices("CPU")
    tf.config.set_logical_device_configuration(processor, [tf.config.LogicalDeviceConfiguration()] * count)
    tf.distribute.MirroredStrategy = partial(tf.distribute.MirroredStrategy, [f"CPU:{each}" for each in range(count)])
    assert team.team().mine == range(count)


def main(devices, last):
    """Compute on so many devices, 0 for those that there are, the last of the cases, or all and what is refused: 0."""
    if devices:
        use_devices(devices)
    joined({"engine": "workers"}, None)
    from descenso.studies.paths import gaps, walk
    from descenso.training.plan import Plan

    data, found = rows(), {}
    for name, settings in [*CASES.items()][-last:]:
        paths = {}
        for engine in ("compiled", "workers"):
            given = {"epochs": 3, "batch_size": 20, "dtype": "float64", **settings, "engine": engine}
            plan = Plan.of(TrainConfig.of(**given), data)
            runner = plan.bind()
            paths[engine] = walk(plan, runner)
            runner.close()
        apart = gaps(paths["workers"], paths["compiled"])
        found[name] = [len(apart), max(gap.cost for gap in apart), max(gap.weights for gap in apart)]
    said = []
    if not last:
        config = TrainConfig.of(model="cnn", engine="workers", epochs=1)  # in float32, where rounding decides near ties
        Plan.of(config, ds.load("mnist")).bind().close()
        said = refused(data)
    sys.stdout.write(json.dumps({"found": found, "refused": said}) + "\n")


if __name__ == "__main__":
    sys.exit(main(*map(int, sys.argv[1:])))
