"""A table in the form of UCI's Adult: trained, tested, resumed and predicted as a user would."""

import json

import numpy as np
import pandas as pd
import pytest

import descenso as ds
from descenso.data.arrays import stratified
from descenso.errors import CheckpointError, DataNote

NAMES = ["age", "work", "education", "married", "job", "sex", "gain", "hours", "income"]
FILES = (("adult.data", 3000, "", ""), ("adult.test", 20_000, "|1x3 Cross validator\n", "."))


def people(rows, seed):
    """Return a table of text and numeric columns, with missing values and a label that depends on all columns."""
    random = np.random.default_rng(seed)
    age, education, hours = (random.integers(low, high, rows) for low, high in ((17, 90), (1, 17), (10, 80)))
    gain = np.where(random.random(rows) < 0.08, random.integers(1000, 20000, rows), 0)
    work = random.choice(["Private", "State-gov", "Self-emp", "?"], rows, p=[0.7, 0.1, 0.15, 0.05])
    married = random.choice(["Married", "Never-married", "Divorced"], rows)
    job = random.choice(["Sales", "Executive", "?", "Craft-repair"], rows)
    sex = random.choice(["Male", "Female"], rows)
    logits = 0.03 * (age - 40) + 0.35 * (education - 9) + 0.0003 * gain + 0.03 * (hours - 40) - 0.6 * (work == "?")
    logits += 1.5 * (married == "Married") + 0.8 * (job == "Executive") + 0.4 * (sex == "Male") - 2.2
    income = np.where(random.random(rows) < 1 / (1 + np.exp(-logits)), ">50K", "<=50K")
    return pd.DataFrame(dict(zip(NAMES, (age, work, education, married, job, sex, gain, hours, income), strict=True)))


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """`adult.data`: no header, blanks after commas. `adult.test`: also a first comment line and points after labels."""
    folder = tmp_path_factory.mktemp("adult")
    for name, rows, first, point in FILES:
        lines = (
            people(rows, seed=len(first))
            .to_csv(header=False, index=False)
            .replace(",", ", ")
            .replace("\n", f"{point}\n")
        )
        (folder / name).write_text(first + lines + "\n", encoding="utf-8")
    return folder


@pytest.fixture(scope="module")
def run(folder):
    return ds.train(folder / "adult.data", label="col9", out=folder / "run")


def reference(train, test):
    """Return the accuracy of scikit-learn's logistic regression with the usual preprocessing."""
    from sklearn.compose import make_column_transformer
    from sklearn.impute import SimpleImputer
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import OneHotEncoder, StandardScaler

    words = [name for name in train if train[name].dtype.kind not in "iuf" and name != "income"]
    numbers = [name for name in train if name not in words and name != "income"]
    model = make_pipeline(
        make_column_transformer(
            (make_pipeline(SimpleImputer(strategy="median"), StandardScaler()), numbers),
            (OneHotEncoder(handle_unknown="ignore"), words),
        ),
        LogisticRegression(max_iter=1000),
    )
    return model.fit(train[[*numbers, *words]], train["income"]).score(test[[*numbers, *words]], test["income"])


@pytest.mark.slow
def test_one_command_learns_as_well_as_scikit_learn(run, folder):
    """On 20,000 test rows, the sampling error of the difference between two models' accuracies is about 0.002."""
    with pytest.warns(DataNote) as notes:
        evaluation, _rows = ds.evaluate(run.path, folder / "adult.test")
    said = " ".join(str(note.message) for note in notes)
    assert "labels that end in a point, such as '<=50K.', are taken for those without" in said
    assert "a line before the rows is left out: '|1x3 Cross validator'" in said
    rows, fresh = people(3000, seed=0), people(20_000, seed=len("|1x3 Cross validator\n"))
    train, _test = stratified((rows["income"] == ">50K").to_numpy().astype(np.int32), 0.2, seed=0)
    assert abs(evaluation.accuracy - reference(rows.iloc[train], fresh)) <= 0.005


@pytest.mark.slow
def test_the_run_records_how_the_data_was_read(run):
    about = json.loads((run.path / "data.json").read_text(encoding="utf-8"))
    assert any("a fifth of the rows is kept to test on" in note for note in about["notes"])
    assert "Text, one input for each value: col2 (3), col4 (3), col5 (3), col6 (2)" in about["notes"]
    assert [column["name"] for column in about["encoding"]["columns"]] == [f"col{place}" for place in range(1, 9)]
    assert about["inputs"][1:5] == ["col2=Private", "col2=Self-emp", "col2=State-gov", "col2 is missing"]


@pytest.mark.slow
def test_it_predicts_and_resumes(run, folder):
    path = folder / "new.csv"
    path.write_text("39, State-gov, 13, Married, Executive, Male, 2174, 40\n", encoding="utf-8")
    before = ds.predict(run.path, path).probabilities
    with pytest.raises(CheckpointError, match="epochs"):  # the one-cycle schedule depends on the number of epochs
        ds.resume(run.path, epochs=run.config.epochs + 1)
    np.testing.assert_array_equal(ds.predict(run.path, path).probabilities, before)
    short = ds.train(folder / "adult.data", label="col9", model="softmax", epochs=2, out=folder / "short")
    longer = ds.resume(short.path, epochs=3)
    whole = ds.train(folder / "adult.data", label="col9", model="softmax", epochs=3, out=folder / "whole")
    assert longer.outcome == "completed"
    np.testing.assert_array_equal(longer.predict(path).probabilities, whole.predict(path).probabilities)
    path.write_text("39, Navy, 13, Married, ?, Male, ?, 40\n", encoding="utf-8")
    with pytest.warns(DataNote) as said:
        ds.predict(run.path, path)
    assert [str(one.message).split(": ", 1)[1] for one in said] == [
        "col2: 'Navy' in 1 row, and in no training row; none of its inputs is set",
        "col7: missing in 1 row, and in no training row; read as the median, 0",
    ]
