"""Compare default training on scikit-learn's tables with its logistic regression, over five seeds.

Run: python benchmarks/tables.py [FOLDER]   (extras `tables` and `sklearn`)

Each table is written as CSV and trained on by its path, with nothing but defaults and the seed, which draws the fifth
of the rows to test on. scikit-learn gets the same split, with median, standard scaling and one-hot encoding.
"""

import sys
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from sklearn import datasets
from sklearn.compose import make_column_selector, make_column_transformer
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler

import descenso as ds
from descenso.data.arrays import stratified

TABLES = {
    "iris": datasets.load_iris,
    "wine": datasets.load_wine,
    "breast_cancer": datasets.load_breast_cancer,
    "digits": datasets.load_digits,
}
SEEDS = range(5)


def write_table(name: str, path: Path) -> pd.DataFrame:
    """Write one of the tables as CSV, with names of classes as labels, and return it."""
    loaded: Any = TABLES[name](as_frame=True)
    frame = loaded.data.assign(target=[f"class {label}" for label in loaded.target])
    frame.to_csv(path, index=False)
    return frame


def reference(frame: pd.DataFrame, seed: int) -> float:
    """Return the test accuracy of scikit-learn's logistic regression on the split that the seed draws."""
    labels = np.unique(frame["target"], return_inverse=True)[1].astype(np.int32)
    train, test = (frame.iloc[rows] for rows in stratified(labels, 0.2, seed))
    model = make_pipeline(
        make_column_transformer(
            (
                make_pipeline(SimpleImputer(strategy="median"), StandardScaler()),
                make_column_selector(dtype_include="number"),
            ),
            (OneHotEncoder(handle_unknown="ignore"), make_column_selector(dtype_exclude="number")),
        ),
        LogisticRegression(max_iter=5000),
    )
    model.fit(train.drop(columns="target"), train["target"])
    return float(model.score(test.drop(columns="target"), test["target"]))


def main() -> None:
    """Print a line of Markdown for each table."""
    print("| table | rows | descenso | scikit-learn | difference |\n|---|---|---|---|---|")
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(sys.argv[1]) if len(sys.argv) > 1 else Path(temporary)
        for name in TABLES:
            frame = write_table(name, folder / f"{name}.csv")
            runs = [ds.train(folder / f"{name}.csv", seed=seed, out=folder / f"{name}-{seed}") for seed in SEEDS]
            ours = float(np.mean([run.status["test_accuracy"] for run in runs]))
            theirs = float(np.mean([reference(frame, seed) for seed in SEEDS]))
            print(f"| {name} | {len(frame)} | {ours:.4f} | {theirs:.4f} | {ours - theirs:+.4f} |", flush=True)


if __name__ == "__main__":
    main()
