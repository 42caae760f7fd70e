"""Messages are written with flags, and shown with keyword arguments in Python."""

import ast
import re
import string
from pathlib import Path

import pytest
from babel.messages.pofile import read_po

from descenso import text
from descenso.config import SETTINGS, TrainConfig, choices
from descenso.keywords import in_python, keyword
from descenso.text import option

CATALOGUE = Path(text.FOLDER) / "es" / "LC_MESSAGES" / "descenso.po"


COMMAND = re.compile(r"descenso [a-z]+ [^;`]*--[^;`]*")  # stays as typed in a shell


def messages():
    with CATALOGUE.open("rb") as file:
        return [each for each in read_po(file) if isinstance(each.id, str) and "--" in each.id and each.string]


def keywords(sentence):
    """Return the keyword arguments with their values in a sentence for Python, with its fields filled in."""
    fields = {
        name: "rows" if name in ("name", "near") else 3
        for _text, name, *_rest in string.Formatter().parse(sentence)
        if name
    }
    filled = sentence.format(**fields)
    return re.findall(r"\b([a-z]\w*=(?:'[^']*'|\w[\w.]*(?:\([^ ]*\))?))", filled)


@pytest.mark.parametrize("message", messages(), ids=lambda each: each.id[:40])
def test_every_flag_of_a_message_is_a_keyword_in_both_languages(message):
    english, spanish = (COMMAND.sub("", in_python(each)) for each in (message.id, message.string))
    assert not re.search("--[a-z{]", english + spanish)
    for line in keywords(english.replace("break=", "rule=")):  # `doctor` alone has --break
        ast.parse(f"f({line})")
    names = [[each.partition("=")[0] for each in keywords(sentence)] for sentence in (english, spanish)]
    assert sorted(names[0]) == sorted(names[1])


@pytest.mark.parametrize(
    ("written", "python"),
    [
        ("try --learning-rate 0.1", "try learning_rate=0.1"),
        ("try --label {last}", "try label={last!r}"),
        ("try --rule adamw:weight_decay={decay:g}", "try rule='adamw:weight_decay={decay:g}'"),
        ("try a --learning-rate such as {rate:g}", "try a learning_rate= such as {rate:g}"),
        ("leave --test-fraction out", "leave test_fraction= out"),
        ("try --limit {name}={value}", "try sources=descenso.Sources(descenso.Limits({name}={value}))"),
        ("try --force to go on", "try force=True to go on"),
        ("to go on: descenso resume {run}", "to go on: descenso.resume('{run}')"),
        ("give --resize HEIGHTxWIDTH", "give resize='HEIGHTxWIDTH'"),
        ("no flag - or -- two", "no flag - or -- two"),
    ],
)
def test_flags_become_keywords(written, python):
    assert in_python(written) == python


def test_values_of_settings_are_not_taken_for_words():
    words = {each for name in SETTINGS for each in choices(name) if re.fullmatch("[a-z0-9_]+", each)} - {"on"}
    said = {each for message in messages() for each in re.findall(r"--[a-z-]+ ([a-z0-9_]+)", message.id)} & words
    assert said
    for word in said:
        assert in_python(f"--name {word}") == f"name='{word}'"


@pytest.mark.parametrize("name", sorted(set(SETTINGS) - {"data", "preset"}))
def test_the_example_of_every_setting_is_a_line_that_works(name):
    text.use_flags(False)
    line = option(name, SETTINGS[name].example)
    assert line == keyword(name, SETTINGS[name].example)
    of_cnn = ("filters", "padding", "augment")
    model = "cnn" if name in of_cnn else "mlp" if name in ("hidden", "dropout", "activation") else "softmax"
    others = {"model": model, "validation_size": 0.1}
    TrainConfig.of(**{**others, **eval(f"dict({line})")})  # noqa: S307 - written by descenso


def test_the_command_line_speaks_flags():
    assert (option("batch_size", "100"), text.spelled("batch_size")) == ("--batch-size 100", "batch-size")
    assert text._("batch_size must be at most the {rows} training rows, got {size}; try --batch-size {rows}") == (
        "batch_size must be at most the {rows} training rows, got {size}; try --batch-size {rows}"
    )
