"""Advice in messages works where it is shown.

`ADVICE` lists each sentence of the catalogue that gives advice. The flags in it must exist on the commands that show
the message. Where the table gives a command line, that line causes the message, and the line with the advice applied
succeeds.
"""

import ast
import json
import re
import shlex
import shutil
from typing import NamedTuple

import numpy as np
import polars as pl
import pytest
import typer
from babel.messages import pofile
from PIL import Image

import descenso as ds
from command import run as invoke
from descenso import text
from descenso.cli.app import COMMANDS, find_command
from descenso.errors import ConfigError, DescensoError
from descenso.studies.sweep.grid import AXES, lanes_of

ADVISES = re.compile(
    r"\btry (?!again)|to go on|to extend|to train |or --drop|leave (?:--|\{options)|give --|and a --|"
    r"descenso (resume|train) (--|\{)"
)
QUICK = "--engine eager -e 1 -b 20"
READS = "train compare gradcheck data doctor"  # commands that read data given by name


class Advice(NamedTuple):
    """How the advice of one message is tested.

    Attributes:
        message: beginning of the message.
        commands: commands that show it; empty if only Python does.
        line: a command line that causes it; empty if another test, named in `where`, does.
        mended: the line with the advice applied, if `followed` cannot derive it.
        where: the test that follows the advice, or the reason why there is none.
    """

    message: str
    commands: str = ""
    line: str = ""
    mended: str = ""
    where: str = ""


LIBRARY = "advises to install a library that tests have"
ADVICE = [
    Advice("--like takes a run", where="tests/doctor/test_likeness.py"),
    Advice("estimator must be a descenso.Classifier", where="tests/api/test_search.py"),
    Advice("None is best: every rate diverged", where="a range of smaller rates is set on the same panel"),
    Advice("Stopped, and saved; to go on", where="tests/lab/test_lab.py"),
    Advice("of the learning rate: try --schedule cosine", where="tests/cli/test_newcomers.py"),
    Advice("rows to test on belong to the data, or are drawn", where="tests/cli/test_newcomers.py"),
    Advice("tensorboard must be a folder", where="tests/api/test_guesses.py"),
    Advice("{kind}: the run was trained with {name}, which", where="tests/descent/test_own.py"),
    Advice("Lane {lane} ({title}) trained alone: float32 cannot tell", "sweep", where="tests/studies/test_sweep.py"),
    Advice("--like takes a run", where="tests/doctor/test_likeness.py"),
    Advice("estimator must be a descenso.Classifier", where="tests/api/test_search.py"),
    Advice("No lane is best", where="tests/studies/test_sweep.py"),
    Advice("To train the best", where="tests/cli/test_sweep_command.py"),
    Advice("a sweep takes rules", where="rules of the user's own are given in Python alone"),
    Advice("interrupted after {done} of {lanes} lanes", where="tests/cli/test_sweep_command.py"),
    Advice("schedule: rates are found with a constant one", where="find-rate has no --schedule; Python alone says it"),
    Advice("{done} of {lanes} lanes have ended", where="tests/studies/test_sweep.py"),
    Advice("{name} is varied by the sweep", "sweep",
           "sweep digits --batch-size 20 --batch-sizes 10,20 --engine eager -e 1",
           "sweep digits --batch-sizes 10,20 --engine eager -e 1"),
    Advice("{name} must be at least {least}", where="tests/studies/test_find_rate.py"),
    Advice("{name} must be one or more values", "", f"sweep digits --learning-rates 0.1,0.10 --verify none {QUICK}"),
    Advice("{name} must be {choices}", "", f"sweep digits --learning-rates 0.1 --verify some {QUICK}"),
    Advice("{name}: {text} is no range", "", f"sweep digits --learning-rates 1..x:3 --verify none {QUICK}"),
    *(Advice(message, where="tests/studies/test_halving.py") for message in (
        "No lane is best: every point that was not dropped", "halving compares lanes of equally many epochs",
    )),
    Advice("audit says how good halving was", "sweep", f"sweep digits --audit {QUICK}",
           "sweep digits --learning-rates 0.1,1 --halving --audit --verify none --engine eager -e 4 -b 20"),
    Advice("halving needs at least {least} epochs", "sweep",
           "sweep digits --learning-rates 0.1,1 --halving --verify none --engine eager -e 1 -b 20",
           "sweep digits --learning-rates 0.1,1 --halving --verify none --engine eager -b 20 --epochs 4"),
    Advice("halving needs at least 2 settings", "", f"sweep digits --seeds 2 --halving --audit --verify none {QUICK}",
           f"sweep digits --seeds 2 --verify none {QUICK}"),
    Advice("{path} is a sweep of many runs", where="tests/cli/test_sweep_command.py"),
    Advice("ONNX files are written by tf2onnx", where=LIBRARY),
    Advice("{path}: tables are read by polars", where=LIBRARY),
    Advice("descenso.Classifier is an estimator", where=LIBRARY),
    Advice("tensorboard: it is not installed", where=LIBRARY),
    Advice("lab needs Bokeh", where=LIBRARY),
    *(Advice(message, where="tests/cli/test_launch.py") for message in (
        "--coordinator, --workers and --index are for", "launch starts processes for the engine",
        "the command to launch and its options stand", "launch trains with the engine",
        "launch needs the processes and pipes",
    )),
    *(Advice(message, where="tests/engines/test_workers.py") for message in (
        "cluster is for the engine workers", "engine: the gradient of a batch in", "engine: workers trains one run",
    )),
    *(Advice(message, where="tests/engines/test_cluster.py") for message in (
        "--workers and --index need the address", "SLURM_STEP_RESV_PORTS has {ports} ports",
        "Slurm: task {index} is on node {node}", "coordinator has {addresses} addresses",
        "coordinator: worker {last} would",
        "index must be that of this process", "workers must be a whole number",
    )),
    Advice("port {port} is taken by another program", "lab", where="tests/lab/test_gate.py"),
    Advice("port {port} may not be used by this user", "lab", where="tests/lab/test_gate.py, as a user without rights"),
    Advice("address must be one of this machine", "lab", where="tests/lab/test_gate.py"),
    Advice("a limit must be NAME=N", READS, f"train digits --limit row=500 {QUICK}"),
    Advice("{path}: {name} would be {value}, the limit is", READS, f"train digits --limit rows=100 {QUICK}"),
    Advice("batch_size must be at most", "train compare gradcheck", "train digits --engine eager -e 1 -b 204"),
    Advice("batch_size must be at most", "sweep",
           "sweep digits --batch-sizes 100,204 --verify none --engine eager -e 1"),
    Advice("column {column}: its values lie", "export", where="tests/exporting/test_formats.py"),
    Advice("compare varies one thing", "compare", "compare digits --rules sgd,lion --engines eager",
           f"compare digits --rules sgd,lion {QUICK} --repeats 1"),
    Advice("data must be a Dataset", where="tests/cli/test_own_data.py"),
    Advice("data_dir must be a folder", READS, "data kmnist --data-dir nowhere", where="a download"),
    Advice("descenso: interrupted after {done}", "train resume", where="tests/cli/test_interruption.py"),
    Advice("deterministic must be set before", "train compare", where="a new process"),
    Advice("doctor takes a run, data or", "doctor", "doctor", "doctor digits"),
    Advice("dtype: softmax has no layers", "train compare", f"train digits -m softmax --dtype mixed_bfloat16 {QUICK}"),
    Advice("epochs must be at least {least}, which", "resume", "resume first -e 1", "resume first -e 3"),
    Advice("loss must be a finite float64", where="tests/studies/test_gradcheck.py"),
    Advice("model must be a name, a keras.Model", where="tests/descent/test_keras_models.py"),
    Advice("model: a numpy-script has no layer", "export", where="tests/exporting/test_own_models.py"),
    Advice("model: the layers of {name} do not follow", "export", where="tests/exporting/test_own_models.py"),
    Advice("model: cnn reads images", "train compare gradcheck",
           "train numbers.csv --label kind --test-fraction 0.2 --engine eager -e 1 --model cnn"),
    Advice("{path}: --{option} is for {formats} only", READS, "data digits --label kind", "data digits"),
    Advice("{what}: inputs of type {got}", where="tests/data/test_memory.py"),
    Advice("{what}: labels of type {got} beside", where="tests/data/test_memory.py"),
    Advice("{kind}: the run was trained with {name}, which is code", "evaluate predict export resume doctor",
           "evaluate own", "evaluate own --model own_model:make"),
    Advice("model: {name} adds losses", "train compare", where="tests/descent/test_keras_models.py"),
    Advice("model: {name} cannot be copied", "export", where="tests/exporting/test_own_models.py"),
    Advice("model: {name} cannot be written as", "export", where="tests/exporting/test_own_models.py"),
    Advice("model: {name} computes in {found}", "train compare", where="tests/descent/test_keras_models.py"),
    Advice("try --model package.module:factory", "train compare gradcheck",
           f"train digits --model nowhere:make {QUICK}", f"train digits --model own_model:make {QUICK}"),
    Advice("out must be a {kind} file", "data compare plot predict", "data digits --out a.pdf"),
    Advice("out: {path} is a folder", "data compare plot predict", "data digits --out folder.png"),
    Advice("out must be a path", where="no shell passes one"),
    Advice("out must end in {ending}", "export", "export first --to keras --out a.h5"),
    Advice("patience needs validation rows, and there are none", "train", f"train digits --patience 3 {QUICK}"),
    Advice("patience needs validation rows, and {run} has none", "resume", "resume first --patience 3",
           f"train --config first/config.json --validation-size 0.1 --patience 3 {QUICK}"),
    Advice("film: {run} has {count} states", where="tests/studies/test_film.py"),
    Advice("film: {run} trained {model}", where="tests/studies/test_film.py"),
    Advice("{run}: no lane has ended yet", where="tests/studies/test_film.py"),
    Advice("parallel coordinates need two settings", where="tests/studies/test_sweep_report.py"),
    Advice("plot takes either runs", "plot", "plot", "plot --schedule one-cycle"),
    Advice("repeats must be at least 1", "compare", where="tests/studies/test_compare.py"),
    Advice("repeats must be at least {fewest}", "compare", "compare digits --explain --repeats 1",
           where="tests/studies/test_ladder.py"),
    Advice("resize must be HEIGHTxWIDTH", "evaluate", "evaluate first --data photos --resize 8",
           where="tests/data/test_images.py"),
    Advice("step: nothing is trained", where="tests/doctor/test_doctor.py"),
    Advice("the cost stopped being finite; try a smaller", where="tests/api/test_estimator.py"),
    Advice("the language must be one of", where="tests/cli/test_wrong_calls.py"),
    Advice("the naive loss takes the logarithm", "train", "train digits --loss naive -r 1e6 --engine graph -b 20",
           "train digits --loss cross_entropy -r 1e6 --engine graph -b 20"),
    Advice("try a smaller --learning-rate", "train", "train digits -r 1e38 --engine eager -e 2 -b 20"),
    Advice("to train it anew: descenso train --config", "resume", "resume diverging -e 3 --force"),
    Advice("the settings {path} cannot be read", "train", "train --config absent.toml",
           f"train --config first/config.json {QUICK}"),
    Advice("to must be one of", "export", "export first --to onx", "export first --to npz --out to.npz"),
    Advice("validation_size must leave", "train compare", f"train digits --validation-size 203 {QUICK}"),
    Advice("watch: {value!r} is no tf.function", where="tests/doctor/test_doctor.py"),
    Advice("weight_decay: adamw has its own", "train compare sweep find-rate",
           f"train digits --rule adamw --weight-decay 0.1 {QUICK}"),
    Advice("weight_decay: adamw has its own", "sweep",
           f"sweep digits --rules sgd,adamw --weight-decay 0.1 --verify none {QUICK}"),
    Advice("xla: {name} holds layers that XLA", "train compare",
           f"train digits -m cnn --filters 2 --hidden 4 --augment 0.5 --xla on {QUICK}"),
    Advice("{model} has no {name}; leave", "train compare gradcheck", f"train digits -m softmax --hidden 8 {QUICK}",
           f"train digits --hidden 8 --model mlp {QUICK}"),
    Advice("{name} must be {expected}, got {value}{hint}", "train compare gradcheck resume data doctor",
           "train digits --engine egaer -e 1 -b 20"),
    Advice("each of {name} must be {expected}", "compare sweep",
           "compare digits --engines eagre,graph -e 1 -b 20 --repeats 1"),
    Advice("{name}: {reason}; try", "train compare plot", f"train digits --rule sdg {QUICK}"),
    Advice("{name} walks another path", "compare", where="tests/studies/test_compare.py"),
    Advice("{path} is not empty, and no run", "train", f"train digits --out digits {QUICK}",
           f"train digits --out new {QUICK}"),
    Advice("{path} is there already", "export predict", "export first --to npz --out digits.npz",
           "export first --to npz --out other.npz"),
    Advice("{path}, column {column!r}: {value!r} is no number; make", READS,
           "doctor text.csv --label kind --numeric-only", "doctor text.csv --label kind --numeric-only --drop id"),
    Advice("encoding must be that of a text", READS, "data text.csv --encoding klingon"),
    Advice("{path}: test_fraction must be in", where="tests/data/test_encoding.py"),
    Advice("{path}: a folder of tables; give the file to train on", where="tests/data/test_catalog.py"),
    Advice("{path}: TensorBoard's events cannot", "train resume", where="tests/training/test_tensorboard.py"),
    Advice("{path}: it has test rows of its own; leave", READS, "data digits --test-fraction 0.2", "data digits"),
    *(Advice(message, where="tests/data/test_folders.py") for message in (
        "; to go on without: {option}",
        "{name}: it has validation rows of its own; leave",
    )),
    *(Advice(message, where="tests/data/test_input_shape.py") for message in (
        "input_shape must be HEIGHTxWIDTH", "{path}, column {column!r}: {value!r} is no number, and so no pixel",
        "{path}: the model reads images of {shape}; leave",
    )),
    Advice("{path}: {value!r} in column {column!r} has another decimal", where="tests/api/test_default_model.py"),
    Advice("{path}: which column holds the labels? its columns are {columns}; try", READS,
           "data towns.csv --test-fraction 0.2"),
    Advice("{path}: {got}, but {other}: {expected}; give", f"{READS} evaluate", "data uneven --test-fraction 0.5",
           "data uneven --test-fraction 0.5 --resize 8x8"),
    Advice("{run}: it cannot go on exactly", "resume", "resume edited"),
    Advice("{run}: the schedule {schedule} depends", "resume", "resume cosine -e 6"),
    Advice("{run}: it has not ended", "replay", where="tests/api/test_replay.py"),
    Advice("{run}: its data has changed", "evaluate", "evaluate changed"),
    Advice("{run}: no weights were kept (outcome: {outcome}); again", "evaluate predict export", "evaluate diverged"),
    Advice("{run}: no weights were kept yet (outcome: {outcome}); to go on", "evaluate predict export",
           "evaluate stopped"),
    Advice("{saw}; try {mend}", where="tests/api/test_estimator.py"),
    Advice("{method}: {name} is a setting of the estimator", where="tests/api/test_estimator.py"),
    Advice("--anyway is for --run and --out", "port", "port old.py --anyway", "port old.py --out new.py --anyway"),
    Advice("--run and --out are two commands", "port", "port old.py --run --out new.py", "port old.py --out new.py"),
    Advice("arguments of the program are for --run", "port", where="tests/tf1/test_run_programs.py"),
    Advice("out must be a script", "port", "port old.py --out new.txt"),
    Advice("data convert takes a source", "data", "data convert photos"),
    Advice("{path}: --{option} is not for its conversion", "data", "data convert photos new --test-fraction 0.3",
           "data convert photos new"),
    Advice("{path}: its conversion was interrupted", where="tests/api/test_convert.py"),
    Advice("{name} has no grey pictures", "data", "data numbers.csv --label kind --test-fraction 0.2 --samples new",
           "data mnist --samples new"),
    Advice("{path} exists already, and nothing", "data", "data mnist --samples photos"),
    *(Advice(message, where="tests/descent/test_own.py") for message in (
        "; it must work in a graph", "try --{kind} {name}", "try tf.cast(", "{subject}: it is a Keras optimizer",
        "{where}: {name} is {kind}, expected a tensor",
    )),
    Advice("evaluate: the labels are missing", where="tests/api/test_run.py"),
    Advice("interrupted after {done} of {epochs}, and saved", where="tests/api/test_run.py"),
    Advice("try (255 * X)", where="tests/data/test_channels.py"),
    Advice("values of type {got} that are no pixels", where="tests/exporting/test_misread.py"),
    *(Advice(message, where="tests/api/test_guesses.py") for message in (
        "a run goes on where it stopped", "accuracy and cost are measured always", "an epoch passes over all rows",
        "every run is saved, with checkpoints", "inputs and labels come first",
        "rows to validate on are taken", "the penalty is a weight decay",
        "training stops early by the validation cost", "try --patience 5 with", "try --schedule cosine, or",
        "try progress=True", "try tensorboard=", "{name}: descenso calls it {ours}",
    )),
    Advice("data must be what train takes", where="tests/api/test_again.py"),
    Advice("labels are a column or an array of the data", "train compare", where="tests/cli/test_newcomers.py"),
    Advice("schedule: it is {share:g} at every step", "train", where="tests/descent/test_own.py"),
    Advice("The run was complete already; to extend it", "resume", "resume first"),
    Advice("The run was complete already. Its schedule", "resume", "resume cosine"),
]  # fmt: skip


def sentences():
    """Return the sentences of the catalogue; of singular and plural, the plural."""
    with (text.FOLDER / "es" / "LC_MESSAGES" / "descenso.po").open("rb") as file:
        found = [message.id for message in pofile.read_po(file) if message.id]
    return [each if isinstance(each, str) else each[-1] for each in found]


def test_every_advice_is_in_the_table():
    """Each sentence that gives advice must be in `ADVICE`, with a line that causes it or the test that covers it."""
    known = [entry.message for entry in ADVICE]
    advising = [sentence for sentence in sentences() if ADVISES.search(sentence)]
    assert [sentence for sentence in advising if not any(map(sentence.startswith, known))] == []
    assert [each for each in known if not any(sentence.startswith(each) for sentence in advising)] == []


def flags_of(command):
    app = typer.Typer()
    app.command(command)(find_command(command))
    return {flag for option in typer.main.get_command(app).params for flag in option.opts}


@pytest.fixture(scope="module")
def flags():
    return {command: flags_of(command) for command in COMMANDS}


@pytest.mark.parametrize("entry", [each for each in ADVICE if each.commands], ids=lambda each: each.message)
def test_every_flag_exists_where_it_is_advised(entry, flags):
    (sentence,) = (each for each in sentences() if each.startswith(entry.message))
    line = re.search(r"descenso (\w+) \S*--.*", sentence)  # the advice is a whole command, perhaps another one
    for command in [line[1]] if line else entry.commands.split():
        advised = set(re.findall(r"--[a-z][a-z-]*[a-z]", sentence))
        assert advised <= flags[command], f"{command}: {sentence}"


def test_every_flag_of_any_sentence_exists(flags):
    known = set().union(*flags.values()) | {"--lang", "--help", "--version"}
    for sentence in sentences():
        assert set(re.findall(r"(?<![\w-])--[a-z][a-z-]*[a-z]", sentence)) <= known, sentence


@pytest.fixture(scope="module")
def bench(tmp_path_factory, tiny, tiny_folder):
    """A folder with the data and runs that the lines of `ADVICE` name."""
    here = tmp_path_factory.mktemp("advice")
    shutil.copytree(tiny_folder, here / "digits")
    _write_tables(here)
    for folder, side in (("uneven", 9), ("half/train", 8), ("photos", 8)):
        for name in "ab":
            (here / folder / name).mkdir(parents=True)
            for number in range(4):
                picture = Image.new("L", (side if number else 8, 8), 40 * number)
                picture.save(here / folder / name / f"{number}.png")
    (here / "folder.png").mkdir()
    (here / "old.py").write_text("import tensorflow as tf\nx = tf.constant(1.0)\n")
    (here / "digits.npz").write_bytes(b"")
    (here / "own_model.py").write_text(
        "import keras\n\n\ndef make():\n    return keras.Sequential("
        '[keras.Input((8, 8)), keras.layers.Flatten(), keras.layers.Dense(4)], name="own")\n'
    )
    _train_runs(here)
    return here


def _write_tables(here):
    rows = pl.DataFrame({"id": [f"P{row}" for row in range(40)], "height": np.arange(40.0) ** 2,
                         "kind": ["ab"[row % 2] for row in range(40)]})  # fmt: skip
    rows.write_csv(here / "text.csv")
    rows.drop("id").write_csv(here / "numbers.csv")
    rows.drop("id").write_csv(here / "changing.csv")
    rows.drop("id").with_columns(town=pl.Series(["Oslo", "Rome"] * 20)).write_csv(here / "towns.csv")


def _train_runs(here):
    settings = {"model": "softmax", "engine": "eager", "epochs": 3, "batch_size": 20}
    digits = here / "digits"
    ds.train(digits, out=here / "first", **settings)
    ds.train(digits, out=here / "cosine", schedule="cosine", **settings)
    ds.train(digits, out=here / "diverged", learning_rate=1e38, **settings)
    ds.train(digits, out=here / "diverging", **{**settings, "epochs": 1})
    config = json.loads((here / "diverging" / "config.json").read_text())
    (here / "diverging" / "config.json").write_text(json.dumps({**config, "learning_rate": 1e38}))
    ds.train(here / "changing.csv", label="kind", test_fraction=0.5, out=here / "changed", **settings)
    rows = pl.read_csv(here / "changing.csv")
    rows.with_columns(pl.col("height") + 1).write_csv(here / "changing.csv")
    for name, outcome in (("stopped", "interrupted"), ("edited", "completed")):
        shutil.copytree(here / "first", here / name)
        status = json.loads((here / name / "status.json").read_text())
        (here / name / "status.json").write_text(json.dumps({**status, "outcome": outcome}))
    (here / "stopped" / "model" / "weights.safetensors").unlink()
    config = json.loads((here / "edited" / "config.json").read_text())
    (here / "edited" / "config.json").write_text(json.dumps({**config, "seed": 7}))


def said_by(line):
    """Run a command line; return its exit code and its standard error, or all its output if that is empty."""
    command, *words = shlex.split(line)
    try:
        result = invoke(command, *words)
    except DescensoError as error:
        return error.exit_code, str(error)
    return result.exit_code, result.stderr or result.output


def followed(line, message):
    """Return `line` with the advice of `message` applied: a whole command, or flags with their values."""
    advice = re.split(r"; try |, or (?=--)|to go on: |to extend it[a-z ]*: |again: ",
                      message.strip().splitlines()[-1])[-1]  # fmt: skip
    if whole := re.search(r"descenso (.*)", advice):
        return whole[1]
    words = shlex.split(line)
    flag, *value = re.findall(r"--[\w-]+|(?<= )[^\s;]+", advice)[:2]
    if flag == "--learning-rate" or "such as" in advice:
        flag, value = "-r", re.findall(r"such as (\S+)", advice)
    elif flag == "--batch-size":
        flag = "-b"
    if flag == "--force":
        value = []
    if flag in words:
        del words[words.index(flag) : words.index(flag) + 2]
    return shlex.join([*words, flag, *value])


@pytest.mark.slow
@pytest.mark.parametrize("entry", [each for each in ADVICE if each.line], ids=lambda each: each.message)
def test_a_line_with_the_advice_applied_succeeds(entry, bench, tmp_path, monkeypatch):
    here = shutil.copytree(bench, tmp_path / "here")  # the runs still refer to the data in `bench`
    monkeypatch.chdir(here)
    monkeypatch.syspath_prepend(str(here))
    if "own" in entry.line:
        ds.train("digits", model="own_model:make", engine="eager", epochs=1, out="own")
    code, said = said_by(entry.line)
    assert code or "complete already" in said, said
    pattern = re.sub(r"\\\{.*?\\\}", ".*", re.escape(entry.message))
    assert re.search(pattern, said), said
    if entry.mended or not entry.where:
        mended = entry.mended or followed(entry.line, said)
        code, said = said_by(mended)
        assert code == 0, f"{mended}: {said}"


@pytest.mark.parametrize(
    "axes",
    [
        {"rules": "sgd,adamw:beta_1=0.8", "weight_decay": 0.1},
        {"rules": "adam,adamw", "weight_decays": "0,0.1"},
        {"rule": "adamw", "weight_decays": "0,0.1"},
        {"rules": "sdg,adam"},
        {"rules": "adam:beta_1=2,sgd"},
        {"rules": "sgd,sgd"},
        {"schedules": "cosin,constant"},
        {"learning_rates": "0.1,x"},
        {"learning_rates": "1e-3..1"},
        {"learning_rates": "1,1.0"},
        {"weight_decays": "-1,0"},
        {"batch_sizes": "0,10"},
        {"batch_sizes": "fulll"},
        {"seeds": "0"},
        {"seeds": "-1,2"},
        {"learning_rates": "0.1,1", "model": "softmax", "hidden": "5"},
    ],
    ids=repr,
)
@pytest.mark.parametrize("typed", [True, False], ids=["typed", "Python"])
def test_what_a_sweep_advises_makes_lanes(axes, typed):
    """The advice on wrong and conflicting lists, applied as it is said, must make the lanes of a sweep."""
    text.use_flags(typed)
    with pytest.raises(ConfigError) as refused:
        made(axes)
    said = re.split(r"; try |; leave ", str(refused.value))[1]
    found = re.match(r"--([\w-]+)(?: (\S+))?" if typed else r"(\w+)=(\[.*?\]|\S*)", said)
    name, value = found[1].replace("-", "_"), found[2]
    if "; leave " in str(refused.value):
        axes = {key: each for key, each in axes.items() if key != name}
    else:
        axes = {**axes, name: value if typed else ast.literal_eval(value)}
    assert len(made(axes)) >= 1


def made(given):
    """Make the lanes of the settings and lists `given`."""
    axes = {name: value for name, value in given.items() if name in AXES}
    return lanes_of({name: value for name, value in given.items() if name not in AXES}, axes)
