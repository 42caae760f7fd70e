"""What runs in the process of a program that `descenso port --run` runs, and what `--out` writes into scripts."""

HELPER = "tensorflow.examples.tutorials.mnist"
HELPERS = (HELPER, f"{HELPER}.input_data", "tensorflow.contrib.learn.python.learn.datasets.mnist", "input_data")
