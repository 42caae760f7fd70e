import re
from typing import get_args

import numpy as np
import pytest
from pydantic import ValidationError

from descenso import text
from descenso.config import FREE, SETTINGS, TrainConfig, check_each, choices, having, is_number
from descenso.data.order import epoch_order
from descenso.errors import ConfigError
from descenso.registry import MODELS, SHAPES
from descenso.settings import Trait
from descenso.studies.sweep.grid import AXES, lanes_of
from descenso.text import closest

FIELDS = TrainConfig.model_fields
CHOICES = {name: choices(name) for name in FIELDS if choices(name)}
WHOLE = "a whole number in [1, inf)"
ORDER = "permutation, sequential, buffer:N with N a whole number in [1, inf), or blocks:BxW with such B and W"


def refused(message):
    return pytest.raises(ConfigError, match=f"^{re.escape(message)}$")


def test_the_names_and_defaults_are_those_of_the_design():
    assert TrainConfig().model_dump() == {
        "data": "mnist",
        "label": "",
        "drop": "",
        "test_fraction": 0.0,
        "decimal": "",
        "encoding": "",
        "header": "",
        "numeric_only": False,
        "input_shape": "",
        "skip_unreadable": False,
        "resize": "",
        "model": "softmax",
        "preset": "",
        "hidden": "",
        "filters": "16,32",
        "padding": "same",
        "activation": "relu",
        "dropout": 0.0,
        "engine": "compiled",
        "xla": "auto",
        "augment": 0.0,
        "rule": "sgd",
        "loss": "cross_entropy",
        "learning_rate": 0.01,
        "schedule": "constant",
        "weight_decay": 0.0,
        "clip_value": 0.0,
        "clip_norm": 0.0,
        "average": 0.0,
        "epochs": 100,
        "batch_size": 100,
        "order": "permutation",
        "validation_size": 0,
        "patience": 0,
        "dtype": "float32",
        "checkpoint_every": "10s",
        "deterministic": False,
        "seed": 0,
    }


@pytest.mark.parametrize("name", FIELDS)
def test_every_row_of_the_table_is_complete(name):
    row, default = SETTINGS[name], FIELDS[name].default
    assert row.help.endswith(".")
    assert bool(row.expected) != (name in CHOICES), "the valid values are described in words or listed by the type"
    assert re.fullmatch(r"|-[a-z]", row.short)
    assert set(row.traits) <= set(get_args(Trait))
    assert all(choice in row.help for choice in CHOICES.get(name, ())), "the help names every choice"
    assert getattr(TrainConfig.of(), name) == default
    TrainConfig.of(**{name: TrainConfig.of(**{name: default}).model_dump()[name]})


@pytest.mark.parametrize("name", FIELDS)
def test_every_example_works_as_it_would_be_typed(name):
    example = SETTINGS[name].example
    if FIELDS[name].annotation is bool:  # a flag that takes no value
        assert example == ""
    else:
        where = {} if name == "model" else {"model": "cnn"}  # the model that reads all settings
        where |= {"validation_size": 1} if name == "patience" else {}
        assert str(getattr(TrainConfig.of(**where, **{name: example}), name)) == example


@pytest.mark.parametrize("name", FIELDS)
def test_every_row_is_translated(name):
    text.use("es")
    for sentence in (SETTINGS[name].help, SETTINGS[name].expected):
        assert not sentence or text._(sentence) != sentence


def test_short_flags_are_not_shared():
    short = [row.short for row in SETTINGS.values() if row.short]
    assert len(set(short)) == len(short)
    assert {"-e", "-b"} <= set(short)


NUMBERS = {
    "learning_rate": ("a number in (0, inf)", "0.1", [0, 0.0, -0.1, -1, float("nan"), float("inf"), -float("inf")]),
    "epochs": (WHOLE, "100", [0, -1, 2.5, float("nan"), float("inf"), -(10**400)]),
    "batch_size": ("full, or a whole number in [1, training rows]", "100", [0, -7, 0.5]),
    "validation_size": ("a whole number in [0, training rows), or a share in (0, 1)", "5000", [-1, 1.5, -(10**30)]),
    "seed": ("a whole number in [0, 2**63)", "0", [-1, 2**63, 10**400, 0.1]),
}


@pytest.mark.parametrize(
    ("name", "value"),
    [(name, value) for name, row in NUMBERS.items() for value in row[2]],
    ids=lambda each: str(each)[:20],
)
def test_a_number_out_of_range(name, value):
    expected, example, _ = NUMBERS[name]
    flag = name.replace("_", "-")
    with refused(f"{name} must be {expected}, got {value}; try --{flag} {example}"):
        TrainConfig.of(**{name: value})


@pytest.mark.parametrize("name", NUMBERS)
@pytest.mark.parametrize("value", ["many", "", None, [1], True, False])
def test_values_that_are_not_numbers(name, value):
    expected, example, _ = NUMBERS[name]
    with refused(f"{name} must be {expected}, got {value!r}; try --{name.replace('_', '-')} {example}"):
        TrainConfig.of(**{name: value})


@pytest.mark.parametrize(
    "settings",
    [
        {"learning_rate": 5e-324},
        {"learning_rate": 1e308},
        {"learning_rate": 1},
        {"epochs": 1},
        {"batch_size": 1},
        {"validation_size": 0},
        {"seed": 2**63 - 1},
        {"epochs": np.int64(3), "learning_rate": np.float32(0.5)},
    ],
)
def test_the_ends_of_the_ranges(settings):
    config = TrainConfig.of(**settings)
    assert {name: getattr(config, name) for name in settings} == settings


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"rule": "sdg"}, "rule: there is no 'sdg' (did you mean 'sgd'?); try --rule sgd"),
        ({"rule": "nothing"}, "rule: there is no 'nothing'; try --rule momentum:momentum=0.95"),
        ({"rule": "adam:beta_1=1"}, "rule: beta_1 must be a number in [0, 1), got '1'; try --rule adam"),
        ({"rule": "sgd:rho=1"}, "rule: sgd takes none, not 'rho'; try --rule sgd"),
        ({"schedule": "cosin"}, "schedule: there is no 'cosin' (did you mean 'cosine'?); try --schedule cosine"),
        (
            {"rule": "adamw", "weight_decay": 0.5},
            "weight_decay: adamw has its own, and adam with one is the same; try --rule adam",
        ),
    ],
)
def test_incompatible_settings_are_refused_with_advice(settings, said):
    with refused(said):
        TrainConfig.of(**settings)


def test_settings_left_out_take_the_defaults_of_the_model():
    mlp = TrainConfig.of(model="mlp")
    assert {name: getattr(mlp, name) for name in MODELS["mlp"].settings} == MODELS["mlp"].settings
    own = TrainConfig.of(model="mlp", rule="momentum", epochs=2)
    assert (own.learning_rate, own.epochs, own.batch_size) == (0.01, 2, 100)  # a rule comes with a rate that suits it


@pytest.mark.parametrize("model", MODELS)
@pytest.mark.parametrize("name", SHAPES)
def test_a_setting_that_a_model_does_not_read_is_refused(model, name):
    given = {"model": model, name: SETTINGS[name].example}
    if name in MODELS[model].reads:
        assert TrainConfig.of(**given)
    else:
        advice = rf"^{model} has no {name}; leave --{name} out, or try --model \w+$"
        with pytest.raises(ConfigError, match=advice) as told:
            TrainConfig.of(**given)
        assert TrainConfig.of(**given | {"model": str(told.value).rpartition(" ")[2]})


def test_a_preset_overrides_the_models_settings_but_not_given_ones():
    config = TrainConfig.of(model="cnn", preset="accurate", epochs=7)
    chosen = {**MODELS["cnn"].settings, **MODELS["cnn"].presets["accurate"], "epochs": 7}
    assert {name: getattr(config, name) for name in chosen} == chosen
    assert TrainConfig.of(**config.model_dump()) == config


@pytest.mark.parametrize(
    ("model", "preset", "said"),
    [
        ("cnn", "acurate", "cnn has no preset 'acurate' (did you mean 'accurate'?); it has accurate"),
        ("softmax", "accurate", "softmax has no preset 'accurate'; it has none"),
        ("package:make", "accurate", "package:make has no preset 'accurate'; it has none"),
    ],
)
def test_a_preset_that_does_not_exist(model, preset, said):
    with refused(said):
        TrainConfig.of(model=model, preset=preset)


@pytest.mark.parametrize(("size", "rows"), [(0, 0), (50, 50), (0.1, 21), ("0.5", 102)])
def test_validation_in_rows_or_as_a_share(size, rows):
    assert TrainConfig.of(validation_size=size).validation_rows(203) == rows


def test_a_full_batch_has_all_rows():
    assert TrainConfig.of(batch_size="full").batch_rows(203) == 203
    assert TrainConfig.of(batch_size="7").batch_rows(203) == 7


@pytest.mark.parametrize("name", CHOICES)
@pytest.mark.parametrize("value", ["", "nothing like it", None, 3])
def test_a_value_that_is_not_among_the_choices(name, value):
    choices = CHOICES[name]
    example = SETTINGS[name].example
    with refused(f"{name} must be one of {', '.join(choices)}, got {value!r}; try --{name} {example}"):
        TrainConfig.of(**{name: value})


@pytest.mark.parametrize(
    ("name", "value", "near"),
    [
        ("engine", "compield", "compiled"),
        ("engine", "GRAPH", "graph"),
        ("model", "softmx", "softmax"),
        ("loss", "cross-entropy", "cross_entropy"),
        ("dtype", "float", "float64"),
    ],
)
def test_did_you_mean(name, value, near):
    with pytest.raises(ConfigError, match=rf"got '{value}' \(did you mean '{near}'\?\); try --{name} "):
        TrainConfig.of(**{name: value})


@pytest.mark.parametrize(
    "order", ["", "Permutation", "buffer", "buffer:", "buffer:0", "buffer:-1", "buffer:1.5", "buffer:x", "buffer:00",
              "buffer:1 ", "sequential\n", "buffer:1٣", "buffer:" + "9" * 19, 3, None]
)  # fmt: skip
def test_an_invalid_order(order):
    with refused(f"order must be {ORDER}, got {order!r}; try --order buffer:10000"):
        TrainConfig.of(order=order)


@pytest.mark.parametrize("order", ["permutation", "sequential", "buffer:1", "buffer:060000", "buffer:" + "9" * 18])
def test_every_valid_order_can_be_walked(order):
    config = TrainConfig.of(order=order)
    assert sorted(np.concatenate(list(epoch_order(config.order, 9, 4, 0, 0)))) == list(range(9))


STEPS_OR_SECONDS = "a whole number of steps in [1, inf), or seconds such as 10s or 0.5s"


@pytest.mark.parametrize(
    "interval", ["", "0", "0s", "0.0s", "-1", "-1s", "1.5", "s", ".5s", "5.s", "1e3s", "infs", "10 s", "10S", "1٣", 0.5]
)
def test_an_invalid_interval(interval):
    with refused(f"checkpoint_every must be {STEPS_OR_SECONDS}, got {interval!r}; try --checkpoint-every 500"):
        TrainConfig.of(checkpoint_every=interval)


@pytest.mark.parametrize("interval", ["1", "0500", "9" * 18, "1s", "0.5s", "0.000000001s", "010.50s"])
def test_valid_intervals(interval):
    assert TrainConfig.of(checkpoint_every=interval).checkpoint_every == interval


@pytest.mark.parametrize("value", [None, "perhaps", 2, [True]])
def test_a_value_that_is_neither_true_nor_false(value):
    with refused(f"deterministic must be true or false, got {value!r}; try --deterministic"):
        TrainConfig.of(deterministic=value)


def test_the_lists_of_settings_come_from_the_table():
    assert set(FREE) == {"epochs", "engine", "patience", "checkpoint_every"}
    of_tables = {"decimal", "encoding", "header", "numeric_only", "input_shape", "skip_unreadable"}
    assert set(having("reads data")) == {"label", "drop", "test_fraction", "resize"} | of_tables
    assert set(having("saved")) == {"patience", "checkpoint_every"}
    assert set(having("cost")) == {
        "data", "label", "drop", "test_fraction", "resize", "model", "preset", "hidden", "filters", "padding",
        "activation", "dropout", "augment", "loss", "batch_size", "order", "seed", *of_tables,
    }  # fmt: skip
    assert {name for name in FIELDS if is_number(name)} == {
        "learning_rate", "epochs", "batch_size", "validation_size", "test_fraction", "patience", "dropout", "augment",
        "weight_decay", "clip_value", "clip_norm", "average", "seed",
    }  # fmt: skip
    assert SHAPES == ("hidden", "activation", "dropout", "filters", "padding", "augment")


@pytest.mark.parametrize("data", [3, None, "", "folder\udcff"])
def test_data_must_be_a_name_that_can_be_written(data):
    with refused(f"data must be the name of a dataset, a folder or a file, got {data!r}; try --data mnist"):
        TrainConfig.of(data=data)


ALL = f"; the settings are {', '.join(FIELDS)}"


@pytest.mark.parametrize(
    ("name", "hint"),
    [
        ("epocs", " (did you mean 'epochs'?)"),
        ("Learning-Rate", " (did you mean 'learning_rate'?)"),
        ("batch_sise", " (did you mean 'batch_size'?)"),
        ("colour", ALL),
        ("cls", ALL),
        ("self", ALL),
        ("", ALL),
    ],
)
def test_an_unknown_setting(name, hint):
    with refused(f"there is no setting {name!r}{hint}"):
        TrainConfig.of(**{name: 1})


def test_a_config_does_not_change():
    config = TrainConfig()
    with pytest.raises(ValidationError) as caught:
        config.epochs = 3
    assert [error["type"] for error in caught.value.errors()] == ["frozen_instance"]  # as Pydantic's manual names it
    assert config == TrainConfig()


def test_messages_are_translated():
    text.use("es")
    message = r"^epochs debe ser un número entero en \[1, inf\), y se recibió 0; .*--epochs 100$"
    with pytest.raises(ConfigError, match=message):
        TrainConfig.of(epochs=0)


def test_closest():
    assert closest("compield", ["graph", "compiled"]) == " (did you mean 'compiled'?)"
    assert closest("spirals", ["graph", "compiled"]) == ""
    assert closest("anything", []) == ""


@pytest.mark.parametrize(
    ("name", "given", "said"),
    [
        ("rules", "adma,sdg", "rules: there is no 'adma' (did you mean 'adam'?); try --rules adam,sgd"),
        ("rules", "sgd,adam:beta=1", "rules: adam takes beta_1, beta_2, epsilon, not 'beta'; try --rules sgd,adam"),
        ("rules", "sgd,sdg", "rules: there is no 'sdg' (did you mean 'sgd'?); try --rules sgd,momentum"),
        ("schedules", "cosin", "schedules: there is no 'cosin' (did you mean 'cosine'?); try --schedules cosine"),
        ("learning_rates", "0.1,x",
         "each of learning-rates must be a number in (0, inf), got 'x'; try --learning-rates 0.1,0.01"),
        ("batch_sizes", "10,-1", "each of batch-sizes must be full, or a whole number in [1, training rows], got -1; "
         "try --batch-sizes 10,100"),
        ("seeds", "1,b", "each of seeds must be a whole number in [0, 2**63), got 'b'; try --seeds 1,0"),
    ],
)  # fmt: skip
def test_a_wrong_value_in_a_list_is_answered_with_the_list(name, given, said):
    with refused(said):
        lanes_of({}, {name: given})
    with pytest.raises(ConfigError, match=f"^(each of )?{name.replace('_', '-')}"):
        check_each(name, AXES[name], given.split(","))
    lanes_of({}, {name: said.rpartition(" ")[2]})
