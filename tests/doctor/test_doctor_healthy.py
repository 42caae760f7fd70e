"""No check finds anything in sound data and runs."""

import numpy as np
import pytest
from sklearn.datasets import load_digits, load_iris

import descenso as ds
from descenso.registry import RULES

SKLEARN = {"iris": load_iris, "digits": load_digits}


@pytest.fixture(scope="module", params=SKLEARN)
def arrays(request):
    return SKLEARN[request.param](return_X_y=True)


def diagnosed(data, folder, **settings):
    ds.train(data, out=folder / "run", **settings)
    return ds.doctor.run(folder / "run", None if isinstance(data, str) else data)


def test_rows_of_scikit_learn(arrays):
    assert ds.doctor.data(*arrays) == []


@pytest.mark.slow
@pytest.mark.parametrize("model", ["softmax", "mlp"])
def test_descents_on_rows_of_scikit_learn(arrays, model, tmp_path):
    assert diagnosed(ds.from_arrays(*arrays, test_fraction=0.2), tmp_path, model=model) == []


@pytest.mark.slow
@pytest.mark.parametrize("rule", RULES)
def test_each_rule_at_its_default_rate(rule, tmp_path):
    data = ds.from_arrays(*load_digits(return_X_y=True), test_fraction=0.2)
    assert diagnosed(data, tmp_path, model="softmax", rule=rule, epochs=20, engine="function") == []


@pytest.mark.slow
def test_rows_of_mnist():
    data = ds.load("mnist")
    assert ds.doctor.data(data) == ds.doctor.file("mnist") == []
    assert ds.doctor.data(data.train.inputs, data.train.labels, test=data.test, order="sequential") == []
    scaled = data.train.inputs[:5000].astype(np.float32) / 255
    assert ds.doctor.data(scaled, np.eye(10, dtype=np.float32)[data.train.labels[:5000]], one_hot=True) == []


@pytest.mark.slow
@pytest.mark.parametrize("model", ["softmax", "mlp", "cnn"])
def test_default_descents_on_mnist(model, tmp_path):
    assert diagnosed("mnist", tmp_path, model=model) == []


@pytest.mark.slow
@pytest.mark.parametrize("rule", RULES)
def test_each_rule_at_its_default_rate_on_mnist(rule, tmp_path):
    assert diagnosed("mnist", tmp_path, model="mlp", rule=rule, epochs=3) == []
