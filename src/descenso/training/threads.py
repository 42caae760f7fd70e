"""Threads, kernels and determinism: what TensorFlow was told, as runs record it."""

import tensorflow as tf
from tensorflow.python.util import _pywrap_util_port  # which alone knows whether oneDNN serves

from descenso.engines import programs
from descenso.errors import ConfigError
from descenso.text import _


def make_deterministic() -> None:
    """One thread for each kind of work, and deterministic operations only, for this whole process.

    Raises:
        ConfigError: where TensorFlow has already started with other threads.
    """
    if threads() != {"intra_op": 1, "inter_op": 1}:
        try:
            tf.config.threading.set_intra_op_parallelism_threads(1)
            tf.config.threading.set_inter_op_parallelism_threads(1)
        except RuntimeError:
            raise ConfigError(
                _("deterministic must be set before TensorFlow has started; try it first in a new process")
            ) from None
    tf.config.experimental.enable_op_determinism()
    programs.clear()


def threads() -> dict[str, int]:
    """How many threads TensorFlow uses within and between operations; 0 is one a core."""
    return {
        "intra_op": tf.config.threading.get_intra_op_parallelism_threads(),
        "inter_op": tf.config.threading.get_inter_op_parallelism_threads(),
    }


def onednn() -> bool:
    """Whether TensorFlow's kernels on the processor are those of oneDNN, which add up in another order than its own."""
    return bool(_pywrap_util_port.IsMklEnabled())
