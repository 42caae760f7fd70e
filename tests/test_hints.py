"""Types of the settings: equal to the table, and checked by mypy."""

import inspect

import pytest

import descenso as ds
from descenso.api.compare import AXES
from descenso.config import SETTINGS
from descenso.hints import Compared, Resumed, Settings

PROGRAM = """
import descenso as ds

run = ds.train("mnist", model="mlp", hidden=(64, 32), epochs=3, learning_rate=0.1, progress=False)
run = ds.train("mnist", engine="graph", batch_size="full", drop=["id"], resize="28x28")
run = ds.resume(run, epochs=5)
run.resume(epochs=7, force=True, engine="eager")
ds.evaluate(run)
ds.export(run, "onnx", "model.onnx")
ds.compare("mnist", engines=["graph", "eager"], epochs=1)
ds.compare("mnist", learning_rates=[0.1, 0.01])
ds.Classifier("mlp", hidden=(64,), epochs=3)
accuracy: float = run.evaluate().accuracy
"""
WRONG = {  # each line, and the code of mypy's error
    'ds.train("mnist", lr=0.1)': "call-arg",
    'ds.train("mnist", epochs="many")': "arg-type",
    'ds.train("mnist", engine="fast")': "arg-type",
    "run.resume(epoch=3)": "call-arg",
    "ds.resume(run, batchsize=3)": "call-arg",
    'ds.compare("mnist", optimizers=["sgd"])': "call-overload",
    'ds.compare("mnist", explain=True, optimizers=["sgd"])': "call-overload",
    "ds.Classifier(max_iter=3)": "call-arg",
    'ds.train("mnist", callbacks=[print])': "list-item",
}


def test_the_types_are_those_of_the_table():
    assert Settings.__annotations__.keys() | {"data", "model"} == SETTINGS.keys()
    assert list(Settings.__annotations__) == [name for name in SETTINGS if name not in ("data", "model")]
    assert Compared.__annotations__.keys() == Settings.__annotations__.keys() | {"model"} | AXES.keys()
    resumed = {name for name, each in inspect.signature(ds.resume).parameters.items() if each.kind is each.KEYWORD_ONLY}
    assert Resumed.__annotations__.keys() == Settings.__annotations__.keys() | resumed


@pytest.mark.slow
def test_mypy_refuses_a_wrong_keyword(tmp_path):
    from mypy import api

    program = tmp_path / "program.py"
    program.write_text(PROGRAM + "\n".join(WRONG) + "\n")
    said, errors, _code = api.run(["--no-incremental", "--ignore-missing-imports", str(program)])
    told = [line for line in said.splitlines() if line.startswith(str(program)) and "error:" in line]
    first = PROGRAM.count("\n") + 1
    lines = {int(line.split(":")[1]): line for line in told}
    assert lines.keys() == set(range(first, first + len(WRONG))), said + errors
    for number, expected in enumerate(WRONG.values(), first):
        assert lines[number].endswith(f"[{expected}]"), lines[number]
