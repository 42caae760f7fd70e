"""Options named as in other libraries, and calls without the run: the error suggests a line that works."""

import re
import shlex

import numpy as np
import pytest
import typer
from PIL import Image

import descenso as ds
from command import parsed
from descenso.cli.app import Command, find_command
from descenso.cli.usage import answer
from descenso.config import TrainConfig
from descenso.errors import DescensoError


def told(line):
    """Return the error message of `descenso LINE`, which must fail."""
    words = shlex.split(line)
    app = typer.Typer()
    app.command(words[0], cls=Command)(find_command(words[0]))
    try:
        typer.main.get_command(app)(words[1:], prog_name=f"descenso {words[0]}", standalone_mode=False)
    except DescensoError as error:
        return str(error)
    except Exception as error:  # errors of Typer
        return answer(error, words)[0]
    raise AssertionError(f"{line} is not refused")


TYPED = [  # a command line, and the settings that the error suggests
    ("train --momentum 0.8", {"rule": "momentum:momentum=0.8"}),
    ("train --momentum", {"rule": "momentum"}),
    ("train --momentum 0,8", {"rule": "momentum:momentum=0.8"}),
    ("train --nesterov", {"rule": "nesterov"}),
    ("train --lr 0.5", {"learning_rate": "0.5"}),
    ("train --lr=0.5", {"learning_rate": "0.5"}),
    ("train -lr 0.5", {"learning_rate": "0.5"}),
    ("train --lr -1", {"learning_rate": "0.1"}),
    ("train --LR 0.5", {"learning_rate": "0.5"}),
    ("train --optimizer adam", {"rule": "adam"}),
    ("train --optimizer RMSprop --epochs 3", {"rule": "rmsprop"}),
    ("train --optimizer --epochs 3", {"rule": "momentum:momentum=0.95"}),
    ("train --epoch 3", {"epochs": "3"}),
    ("train --num-epochs 3", {"epochs": "3"}),
    ("train --batch 32", {"batch_size": "32"}),
    ("train --layers 64,32", {"hidden": "64,32"}),
    ("train --random-state 7", {"seed": "7"}),
    ("train --shuffle false", {"order": "sequential"}),
    ("train --run-eagerly", {"engine": "eager"}),
    ("train --early-stopping", {"patience": "5", "validation_size": "0.1"}),
    ("train --target species", {"label": "species"}),
    ("train --output here", {"out": "here"}),
    ("compare --optimizer adam", {"rule": "adam"}),
    ("compare --optimizers adam,sgd", {"rules": "adam,sgd"}),
    ("compare --lrs 0.1,0.01", {"learning_rates": "0.1,0.01"}),
    ("evaluate first --dataset more.csv", {"data": "more.csv"}),
    ("gradcheck --layers 5", {"hidden": "64,64,64,64,64"}),
]


@pytest.mark.parametrize(("typed", "line"), TYPED, ids=[typed for typed, _line in TYPED])
def test_an_option_of_another_library_is_answered(typed, line):
    command, option = typed.split(" ")[:2]
    said = told(typed)
    if command == "evaluate":
        option = "--dataset"
    assert said.startswith(f"{option.partition('=')[0]}: descenso calls it ")
    mended = re.search(r"; try (.*); see descenso", said)[1]
    run = ["first"] if command == "evaluate" else []
    passed, refusal = parsed(["descenso", command, *run, *shlex.split(mended)])
    assert passed is not None, refusal
    assert {name: str(passed[name]) for name in line} == line
    assert TrainConfig.of(
        **{name: passed[name] for name in line if name in TrainConfig.model_fields} | {"model": "mlp"}
    )


@pytest.mark.parametrize(
    ("typed", "said"),
    [
        ("train --verbose 1", "--verbose: progress is shown where a terminal shows it, so leave it out"),
        ("train --metrics accuracy", "--metrics: accuracy and cost are measured always, so leave it out"),
        ("train --class-weight balanced", r"in Python: descenso.Classifier(class_weight='balanced')"),
        ("train --labels y.npy", "--labels: labels are a column or an array of the data; try --label NAME of a table"),
        ("train --decay 0.1", "--decay: of the learning rate: try --schedule cosine; of the weights: try"),
        ("train --test-data a.csv", "--test-data: rows to test on belong to the data, or are drawn from it; try"),
        ("train --data iris.csv", "--data: it is given without an option: descenso train DATA"),
        ("predict --image a.png", "--image: it is given without an option: descenso predict RUN FILE"),
        ("evaluate --run first", "--run: it is given without an option: descenso evaluate RUN"),
        ("train --epocs 3", "train has no option --epocs (did you mean '--epochs'?)"),
        ("train --xyzzy 3", "train has no option --xyzzy; see"),
        ("runs --lr 3", "runs has no option --lr; see"),
        ("resume first --lr 3", "resume has no option --lr; see"),
    ],
)
def test_an_option_that_is_no_setting_is_answered(typed, said):
    assert said in told(typed)


@pytest.fixture
def folder(tiny, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Image.fromarray(np.zeros((8, 8), np.uint8)).save("siete.png")
    ds.train(tiny, epochs=1, engine="eager", out="runs/older")
    ds.train(tiny, epochs=1, engine="eager", out="runs/newer")
    return tmp_path


@pytest.mark.slow
@pytest.mark.parametrize(
    ("typed", "line"),
    [
        ("predict siete.png", "descenso predict runs/newer siete.png"),
        ("predict siete.png other.png", "descenso predict runs/newer siete.png"),
        ("predict --json seis.png", "descenso predict runs/newer --json seis.png"),
        ("evaluate", "descenso evaluate runs/newer"),
        ("evaluate siete.png", "descenso evaluate runs/newer --data siete.png"),
        ("export --to npz", "descenso export runs/newer --to npz"),
        ("resume --epochs 2", "descenso resume runs/newer --epochs 2"),
    ],
)
def test_the_newest_run_is_named_where_the_run_is_left_out(folder, typed, line):
    said = told(typed)
    assert re.search(r"with the newest one: ([^;]*)", said)[1] == line
    assert "first argument" in said
    assert parsed(shlex.split(line))[0] is not None


def test_without_a_run_it_says_how_to_make_one(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert "there is none in runs/ yet; make one: descenso train" in told("evaluate")
    (tmp_path / "siete.png").touch()
    assert "as descenso train makes one: descenso predict RUN siete.png" in told("predict siete.png")


@pytest.mark.slow
def test_a_run_without_files_needs_files(folder):
    assert told("predict runs/older").startswith("predict needs FILE...;")
