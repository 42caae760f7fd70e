"""Run directories: settings, history, checkpoints and weights, written atomically. Imports no TensorFlow."""
