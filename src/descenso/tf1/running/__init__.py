"""What runs in the process of a program that `descenso port --run` runs, and what `--out` writes into scripts."""
