"""A run, asked of rows that it was not trained on."""

import numpy as np
import polars as pl
import pytest

import descenso as ds
from descenso import using
from descenso.errors import ConfigError, DataError

CLASSES = ["low", "middle", "high"]


def frame(rows, seed, classes=(0, 1, 2)):
    """One column tells the class, one does not."""
    random = np.random.default_rng(seed)
    kind = random.choice(classes, rows)
    return pl.DataFrame(
        {"noise": random.normal(size=rows), "level": 10.0 * kind, "kind": [CLASSES[each] for each in kind]}
    )


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    folder = tmp_path_factory.mktemp("using")
    frame(90, 0).write_csv(folder / "rows.csv")
    settings = {"label": "kind", "test_fraction": 0.2, "learning_rate": 0.5, "epochs": 30, "batch_size": 10}
    return ds.train(str(folder / "rows.csv"), out=folder / "run", engine="eager", **settings).path


def test_another_table_is_tested_on_whole(run, tmp_path):
    other = frame(40, seed=1, classes=(1, 2))  # of its own classes, the first is the run's second
    other.select("level", "kind", "noise").write_csv(tmp_path / "other.csv")  # in another order
    found, rows = using.evaluate(run, str(tmp_path / "other.csv"))
    assert len(rows.labels) == 40
    assert found.accuracy == 1
    assert using.read_trained(run)[1].class_names == ("high", "low", "middle")
    assert found.confusion.sum(axis=1).tolist() == [
        *((other["kind"] == name).sum() for name in ("high", "low", "middle")),
    ]


def test_a_dataset_in_memory_is_tested_on_by_its_own_names(run):
    data = ds.from_frame(frame(40, seed=1, classes=(1, 2)), "kind", test_fraction=0.5)
    assert using.evaluate(run, data)[0].accuracy == 1


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda other: other.with_columns(kind=pl.lit("top")), "row 0 of y has label top, which no training row has"),
        (lambda other: other.drop("level"), "the columns level are missing, which the model reads"),
        (lambda other: other.drop("kind"), "there is no column 'kind' for the labels"),
    ],
)
def test_a_table_that_does_not_fit_the_run(change, said, run, tmp_path):
    change(frame(10, seed=1)).write_csv(tmp_path / "other.csv")
    with pytest.raises((ConfigError, DataError), match=said):
        using.evaluate(run, str(tmp_path / "other.csv"))


def test_images_and_arrays_are_tested_on_whole(tmp_path):
    random = np.random.default_rng(0)
    labels = random.integers(2, size=30)
    pictures = np.where(labels, 200, 20)[:, None, None].astype(np.uint8) * np.ones((1, 4, 4), np.uint8)
    data = ds.from_arrays(pictures, labels, test_fraction=0.2)
    run = ds.train(data, epochs=20, batch_size=10, learning_rate=1, engine="eager", out=tmp_path / "run").path
    np.savez(tmp_path / "other.npz", x=pictures, y=labels)
    found, rows = using.evaluate(run, str(tmp_path / "other.npz"))
    assert (len(rows.labels), found.accuracy) == (30, 1)
