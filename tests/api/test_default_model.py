"""The model that is trained on users' data when no model is named, and where its choice is reported."""

import json

import numpy as np
import pytest

import descenso as ds
from descenso.errors import ConfigError

RANDOM = np.random.default_rng(0)
LABELS = np.arange(60) % 2
PICTURES = np.clip(RANDOM.normal(80 + 90 * LABELS[:, None, None], 10, (60, 8, 8)), 0, 255).astype(np.uint8)
QUICK = {"epochs": 2, "engine": "function"}


@pytest.mark.parametrize(
    ("inputs", "model"), [(PICTURES, "cnn"), (PICTURES.reshape(60, -1), "mlp"), (PICTURES[:, :5, :5], "mlp")]
)
def test_the_data_chooses_the_model_and_the_run_says_so(inputs, model, tmp_path, capsys):
    run = ds.train(inputs, LABELS, out=tmp_path / "run", **QUICK)
    told = f"No model is named, so {model} is trained, "
    assert (run.config.model, run.config.rule) == (model, "adam")
    assert f"{told}" in capsys.readouterr().err
    assert told in "".join(json.loads((tmp_path / "run" / "data.json").read_text(encoding="utf-8"))["notes"])
    again = ds.train(PICTURES, LABELS, model="softmax", out=tmp_path / "other", progress=False, **QUICK)
    assert again.config.model == "softmax"
    assert capsys.readouterr().err == ""


def test_a_saved_run_is_repeated_with_the_model_that_it_had(tmp_path, capsys):
    rows = np.savez(tmp_path / "rows.npz", x=PICTURES.reshape(60, -1), y=LABELS)
    assert rows is None
    first = ds.train(tmp_path / "rows.npz", out=tmp_path / "first", progress=False, **QUICK)
    settings = json.loads((tmp_path / "first" / "config.json").read_text(encoding="utf-8"))
    assert settings["model"] == "mlp"
    second = ds.train(**settings, out=tmp_path / "second")
    assert second.config == first.config
    assert "No model is named" not in capsys.readouterr().err


def test_hidden_without_a_model_is_for_the_one_that_is_chosen(tmp_path):
    run = ds.train(PICTURES.reshape(60, -1), LABELS, hidden=(8,), out=tmp_path / "run", progress=False, **QUICK)
    assert (run.config.model, run.config.hidden) == ("mlp", "8")
    with pytest.raises(ConfigError, match="mlp has no filters"):
        ds.train(PICTURES.reshape(60, -1), LABELS, filters=8, out=tmp_path / "other", progress=False, **QUICK)


def test_a_comparison_has_one_model(tmp_path):
    data = ds.from_arrays(PICTURES.reshape(60, -1), LABELS, test_fraction=0.2)
    result = ds.compare(data, learning_rates=[0.01, 0.001], epochs=1, repeats=1, engine="function")
    costs = [each.costs for each in result.results]
    named = ds.compare(data, model="mlp", learning_rates=[0.01, 0.001], epochs=1, repeats=1, engine="function")
    assert costs == [each.costs for each in named.results]


def test_predict_takes_how_a_file_is_written(tmp_path):
    table = "".join(f"{label + row / 1000:.3f},{row},{'ab'[label]}\n" for row, label in enumerate(LABELS))
    (tmp_path / "table.csv").write_text("größe,b,kind\n" + table, encoding="utf-8")
    run = ds.train(tmp_path / "table.csv", out=tmp_path / "run", progress=False, model="softmax", **QUICK)
    expected = run.predict(tmp_path / "table.csv").probabilities
    spanish = ("größe;b;kind\n" + table.replace(",", ";").replace(".", ",")).encode("latin-1")
    (tmp_path / "other.csv").write_bytes(spanish)
    with pytest.raises(ConfigError, match="another decimal mark than the training data; try decimal=','$"):
        run.predict(tmp_path / "other.csv")
    how = {"encoding": "windows-1252", "decimal": ","}
    np.testing.assert_array_equal(run.predict(tmp_path / "other.csv", **how).probabilities, expected)
    assert run.evaluate(tmp_path / "other.csv", **how).cost == run.evaluate(tmp_path / "table.csv").cost
    with pytest.raises(ConfigError, match="take no separator; they take encoding, decimal, header"):
        run.predict(tmp_path / "other.csv", separator=";")


def test_a_header_is_read_by_position_where_the_training_data_has_none(tmp_path):
    table = "".join(f"{label + row / 1000:.3f},{row % 7},{'ab'[label]}\n" for row, label in enumerate(LABELS))
    (tmp_path / "bare.csv").write_text(table, encoding="utf-8")
    (tmp_path / "named.csv").write_text("x,y,kind\n" + table, encoding="utf-8")
    run = ds.train(tmp_path / "bare.csv", out=tmp_path / "run", progress=False, model="softmax", **QUICK)
    expected = run.predict(tmp_path / "bare.csv").probabilities
    np.testing.assert_array_equal(run.predict(tmp_path / "named.csv", header="yes").probabilities, expected)
