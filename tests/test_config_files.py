import json
import os
import re
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from descenso.config import SETTINGS, TrainConfig, choices
from descenso.errors import ConfigError
from descenso.files import read_settings

FIELDS = TrainConfig.model_fields
CHOICES = {name: choices(name) for name in FIELDS if choices(name)}
WHOLE = "a whole number in [1, inf)"


def refused(message):
    return pytest.raises(ConfigError, match=f"^{re.escape(message)}$")


def written(folder, content, name="settings.toml"):
    path = folder / name
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return path


def test_toml_takes_the_names_of_the_flags(tmp_path):
    path = written(tmp_path, 'learning-rate = 0.5\nbatch_size = 10\nvalidation-size = 7\nengine = "eager"\n')
    settings = read_settings(path)
    assert settings == {"learning_rate": 0.5, "batch_size": 10, "validation_size": 7, "engine": "eager"}
    assert TrainConfig.of(**settings).learning_rate == 0.5


def test_toml_of_every_setting(tmp_path):
    rows = {name: row.example for name, row in SETTINGS.items()}
    config = TrainConfig.of(
        **{**rows, "model": "cnn", "deterministic": True, "numeric_only": True, "skip_unreadable": True}
    )
    lines = (f"{name.replace('_', '-')} = {json.dumps(value)}\n" for name, value in config.model_dump().items())
    assert TrainConfig.of(**read_settings(written(tmp_path, "".join(lines)))) == config


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("epochs = 0", f"epochs must be {WHOLE}, got 0; try --epochs 100"),
        ("epochs = true", f"epochs must be {WHOLE}, got True; try --epochs 100"),
        ("learning-rate = nan", "learning_rate must be a number in (0, inf), got nan; try --learning-rate 0.1"),
        ("batch-sise = 3", "there is no setting 'batch_sise' (did you mean 'batch_size'?)"),
        (
            "batch-sizes = [3, 4]",
            "batch_sizes: several values belong to a sweep: descenso sweep DATA --learning-rates 0.01,0.1 "
            "--rules sgd,adam",
        ),
        ("[train]\nepochs = 3", f"there is no setting 'train'; the settings are {', '.join(SETTINGS)}"),
        ("cls = 1", f"there is no setting 'cls'; the settings are {', '.join(SETTINGS)}"),
        ("lr = 0.5", "lr: descenso calls it learning-rate; try --learning-rate 0.5"),
    ],
)
def test_toml_of_invalid_settings(content, message, tmp_path):
    with refused(message):
        TrainConfig.of(**read_settings(written(tmp_path, content)))


@pytest.mark.parametrize(
    "content", ["epochs", "epochs = 1\nepochs = 2", "\0", "epochs = 1e", "seed = " + "9" * 5000, "data = " + "[" * 5000]
)
def test_content_that_is_not_toml(content, tmp_path):
    path = written(tmp_path, content)
    with pytest.raises(ConfigError, match=f"^{re.escape(str(path))} is not TOML: ."):
        read_settings(path)


CONFIGS = st.builds(
    TrainConfig,
    model=st.just("cnn"),  # the model that reads all settings
    **{name: st.sampled_from(words) for name, words in CHOICES.items()},
    data=st.text(st.characters(exclude_categories=["Cs"]), min_size=1),
    learning_rate=st.floats(0, exclude_min=True, allow_infinity=False, allow_nan=False),
    epochs=st.integers(1, 2**64),
    batch_size=st.integers(1, 2**64),
    order=st.sampled_from(["permutation", "sequential"]) | st.integers(1, 10**18 - 1).map("buffer:{}".format),
    validation_size=st.integers(0, 2**64),
    checkpoint_every=st.integers(1, 10**18 - 1).map(str) | st.integers(1, 10**9 - 1).map("{}s".format),
    deterministic=st.booleans(),
    seed=st.integers(0, 2**63 - 1),
)


@pytest.fixture(scope="module")
def scratch(tmp_path_factory):
    return tmp_path_factory.mktemp("config") / "config.json"


@given(CONFIGS)
def test_a_config_survives_a_round_trip(scratch, config):
    scratch.write_text(json.dumps(config.model_dump(), indent=2, ensure_ascii=False, allow_nan=False), encoding="utf-8")
    assert TrainConfig.of(**read_settings(scratch)) == config


def test_a_run_from_before_there_was_a_setting(tmp_path):
    """A run that does not name the padding was trained with padded maps."""
    settings = TrainConfig.of(model="cnn").model_dump()
    assert settings.pop("padding") == "auto"
    older = written(tmp_path, json.dumps(settings), "config.json")
    assert TrainConfig.of(**read_settings(older)) == TrainConfig.of(model="cnn", padding="same")


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        ('{"epochs": 0}', f"epochs must be {WHOLE}, got 0; try --epochs 100"),
        ('{"seed": 1e999}', "seed must be a whole number in [0, 2**63), got inf; try --seed 0"),
        ('{"epocs": 3}', "there is no setting 'epocs' (did you mean 'epochs'?)"),
        ('{"engine": "grap"}', f"engine must be one of {', '.join(choices('engine'))}, got 'grap' "
         "(did you mean 'graph'?); try --engine graph"),
    ],
)  # fmt: skip
def test_json_of_invalid_settings(content, reason, tmp_path):
    path = written(tmp_path, content, "config.json")
    with pytest.raises(ConfigError, match=f"^{re.escape(f'{path}: {reason}')}"):
        read_settings(path)


@pytest.mark.parametrize("content", ["", '{"epochs": 3', "[" * 5000, "[]", "3"])
def test_content_that_is_not_a_json_object(content, tmp_path):
    """The message ends with Pydantic's reason, on the same line."""
    path = written(tmp_path, content, "config.json")
    with pytest.raises(ConfigError, match=rf"\A{re.escape(str(path))}: .+\Z"):
        read_settings(path)


@pytest.mark.parametrize("name", ["settings.toml", "config.json"])
def test_a_file_too_large(name, tmp_path):
    path = written(tmp_path, " " * 2**14, name)
    if name == "settings.toml":
        assert read_settings(path) == {}
    path = written(tmp_path, " " * (2**14 + 1), name)
    message = f"the settings {path} cannot be read (more than 16384 bytes); try --config FILE.toml"
    with refused(message):
        read_settings(path)


def test_a_device_is_not_read():
    path = Path(os.devnull)  # a device that would not make a reader wait
    with refused(f"the settings {path} cannot be read (not a regular file); try --config FILE.toml"):
        read_settings(path)


@pytest.mark.parametrize("name", ["settings.toml", "config.json"])
def test_a_file_that_is_not_utf8(name, tmp_path):
    path = written(tmp_path, 'data = "año"'.encode("latin-1"), name)
    told = f"the settings {re.escape(str(path))} cannot be read .*can't decode byte 0xf1 .*; try --config FILE.toml"
    with pytest.raises(ConfigError, match=f"^{told}$"):
        read_settings(path)


def test_a_file_that_cannot_be_read(tmp_path):
    for path, reason in ((tmp_path / "no.toml", "No such file or directory"), (tmp_path, "Is a directory")):
        told = rf"the settings {re.escape(str(path))} cannot be read \(.*{reason}.*\); try --config FILE.toml"
        with pytest.raises(ConfigError, match=f"^{told}$"):
            read_settings(path)


@given(st.binary(max_size=60) | st.text(max_size=60).map(str.encode), st.sampled_from(["toml", "json"]))
def test_any_file_is_settings_or_refused(scratch, content, suffix):
    path = scratch.with_suffix(f".{suffix}")
    path.write_bytes(content)
    try:
        TrainConfig.of(**read_settings(path))
    except ConfigError as error:
        assert "\n" not in str(error).replace(str(path), "")


def test_a_setting_given_both_ways_is_refused(tmp_path):
    path = tmp_path / "settings.toml"
    path.write_text("batch-size = 50\nbatch_size = 60\n", encoding="utf-8")
    with pytest.raises(ConfigError, match=r"settings\.toml: a setting is given twice, once with - and once with _"):
        read_settings(path)
