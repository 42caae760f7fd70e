"""Lessons: each explains a message of the installed TensorFlow, and its code runs.

These tests depend on the wording of TensorFlow 2.21. A test that fails with a later version shows which lesson needs
the new wording.
"""

import os
import re
import runpy
import string
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf

import gone
import mistakes
import snippets
from descenso.data.catalog import load
from descenso.text import use
from descenso.tf1 import symbols
from descenso.tf1.explain import LESSONS, MOST, explain, nearest, recognised
from descenso.tf1.symbols import GONE, MOVED, find

BY_NAME = {lesson.name: lesson for lesson in LESSONS}
MISTAKES = [(name, code) for name, codes in snippets.SNIPPETS.items() for code in codes]
NEW = set(mistakes.MISTAKES) | set(mistakes.LOGGED) - set(snippets.SNIPPETS)


def test_every_lesson_has_a_mistake_and_there_are_many():
    assert set(snippets.SNIPPETS) | NEW == set(BY_NAME)
    assert len(LESSONS) == len(BY_NAME) >= 120


@pytest.mark.slow
def test_what_todays_tensorflow_and_keras_say_is_known(tmp_path, monkeypatch):
    """One process and no test each: of at least 150 messages 130 are known, and none is answered by another lesson."""
    monkeypatch.chdir(tmp_path)
    messages, wrong = set(), []
    for name, codes in {**mistakes.MISTAKES, "": mistakes.UNKNOWN}.items():
        for code in codes:
            for said in snippets.said_by(code, mistakes.names)[:1] or ["nothing"]:
                messages.add(re.sub(r"\d+", "0", said))
                lessons = [answer.lesson for answer in explain(said)]
                use("es")
                spanish = [answer.means for answer in explain(said)]
                use("en")
                untranslated = bool(lessons) and spanish[0] == explain(said)[0].means
                if lessons[:1] != [name] * bool(name) or untranslated:
                    wrong.append((name, code, lessons, said))
    assert wrong == []
    assert len(messages) - len(mistakes.UNKNOWN) >= 130
    assert len(messages) >= 150
    assert all(nearest(said) or len(said) < 50 for said in messages)


@pytest.mark.parametrize(
    ("name", "message"),
    [(name, said) for table in (mistakes.LOGGED, mistakes.OLD) for name in table for said in table[name]],
)
def test_what_was_logged_and_older_wordings_are_known(name, message):
    assert [answer.lesson for answer in explain(message)][:1] == [name]


@pytest.mark.parametrize(("name", "code"), MISTAKES, ids=[f"{name}: {code[-40:]!r}" for name, code in MISTAKES])
def test_the_lesson_on_what_tensorflow_says(name, code, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    said = snippets.said_by(code)
    version = f"TensorFlow {tf.__version__}"
    assert said, f"{version} says nothing"
    for message in said:
        answers = explain(message)
        assert answers, f"no lesson knows what {version} says: {message}"
        assert answers[0].lesson == name, f"{version}: {message}"
        assert "…" not in answers[0].means + answers[0].code
        assert "{" not in answers[0].means


OFFERED = [
    pytest.param(name, marks=[pytest.mark.slow] * (name in NEW and name not in snippets.SNIPPETS))
    for name in BY_NAME
    if name not in ("moved", "gone", "keras-2")
]


@pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")  # of NumPy, to Keras
@pytest.mark.parametrize("name", OFFERED)
def test_the_lines_that_a_lesson_offers_work(name, tmp_path, monkeypatch):
    """The code runs unchanged on a softmax regression's arrays; MNIST is read from the package, not downloaded."""
    data = load("mnist")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("sys.argv", ["script.py"])
    monkeypatch.setattr(tf.keras.datasets.mnist, "load_data", lambda: (tuple(data.train[:2]), tuple(data.test[:2])))
    before = snippets.names()
    monkeypatch.setattr("os.environ", os.environ.copy())
    (tmp_path / "script.py").write_text(BY_NAME[name].code, encoding="utf-8")  # AutoGraph reads the source
    after = runpy.run_path("script.py", before)
    for each in ("cost", "pred", "logits", "grad_W", "hidden", "outputs"):
        if after.get(each) is not before.get(each):
            assert getattr(after[each], "shape", None) is not None
            assert name in ("keras-tensor", "functional") or np.isfinite(after[each].numpy()).all()


def test_the_lines_for_mnist_make_the_helpers_rows(monkeypatch):
    data = load("mnist")
    monkeypatch.setattr(tf.keras.datasets.mnist, "load_data", lambda: (tuple(data.train[:2]), tuple(data.test[:2])))
    names = {"tf": tf}
    exec(BY_NAME["tutorials"].code, names)  # noqa: S102
    assert names["x_train"].shape == (55000, 784)
    assert (names["x_train"].dtype, names["x_train"].max(), names["y_train"].shape) == (np.float32, 1, (55000, 10))
    assert len(names["train"]) == 550


def test_the_answer_names_shapes_and_types_of_the_message():
    first = explain("Incompatible shapes: [100] vs. [100,10] [Op:Mul]")[0]
    assert (first.lesson, first.named) == ("one-hot", {"a": "[100]", "b": "[100,10]"})
    assert "[100] " in first.means
    assert "[100,10]" in first.means
    first = explain(
        "cannot compute Mul as input #1(zero-based) was expected to be a float tensor but is a double tensor"
    )[0]
    assert (first.lesson, first.named) == ("float64", {"a": "float32", "b": "float64"})
    first = explain("In[0]: [100,784], In[1]: [10,100]\nMatrix size-incompatible: In[0]: [100,784], In[1]: [10,100]")[0]
    assert first.named == {"a": "[100,784]", "b": "[10,100]"}


@pytest.mark.parametrize(
    "said", ["In[0] ndims must be >= 2", "In[0] and In[1] has different ndims: [784] vs. [784,10]"]
)
def test_a_product_of_no_matrix_is_told_with_onednn_and_without(said):
    assert explain(f"InvalidArgumentError: {{{{function_node x}}}} {said} [Op:MatMul] name: ")[0].lesson == "rank"


@pytest.mark.parametrize(
    ("shapes", "lesson"),
    [
        ("(None, 1) and (None, 10)", "one-hot"),
        ("(100,) and (100, 10)", "one-hot"),
        ("(None, 3) and (None, 10)", "classes"),
    ],
)
def test_what_keras_2_says_of_labels_is_known(shapes, lesson):
    first = explain(f"ValueError: Shapes {shapes} are incompatible")[0]
    assert (first.lesson, first.named) == (lesson, dict(zip("ab", shapes.split(" and "), strict=True)))


def test_the_last_error_of_a_traceback_counts():
    text = (
        'Traceback (most recent call last):\n  File "a.py", line 1, in f\n    tf.placeholder(tf.float32)\n'
        "AttributeError: module 'tensorflow' has no attribute 'placeholder'\n\n"
        "During handling of the above exception, another exception occurred:\n\n"
        "tensorflow.python.framework.errors_impl.InvalidArgumentError: \x1b[1mIncompatible shapes: [5] vs. [5,2]\x1b[0m"
    )
    assert explain(text)[0].lesson == "one-hot"
    assert explain("x" * 10**6 + text)[0].lesson == "one-hot"
    assert explain(text + "\n" + " " * MOST) == []


@pytest.mark.parametrize(
    ("text", "lesson", "instead"),
    [
        ("tf.placeholder", "placeholder", "an argument: def predict(x)"),
        (" tensorflow.train.AdamOptimizer() \n", "optimizers", "tf.keras.optimizers.Adam(learning_rate)"),
        ("tf.log", "moved", "tf.math.log"),
        ("tf.train.get_global_step", "gone", "tf.compat.v1.train.get_global_step"),
        (
            "ImportError: cannot import name 'AdamOptimizer' from 'tensorflow.train' (train/__init__.py)",
            "optimizers",
            "tf.keras.optimizers.Adam(learning_rate)",
        ),
        (
            "AttributeError: module 'tensorflow_core._api.v2.nn' has no attribute 'xw_plus_b'",
            "moved",
            "tf.matmul(x, W) + b",
        ),
    ],
)
def test_a_symbol_may_be_asked_for(text, lesson, instead):
    answer = explain(text)[0]
    assert (answer.lesson, answer.named["instead"]) == (lesson, instead)


@pytest.mark.parametrize(
    "text", ["", "tf.matmul", "it does not work", "ZeroDivisionError: division by zero", "\0" * 99]
)
def test_what_is_not_known(text):
    assert explain(text) == []


def test_the_nearest_share_words_and_say_how_many():
    first, *_others = nearest("nobody fed my placeholder")
    assert first.lesson in ("placeholder", "not-fed")
    assert 0 < first.score < 1
    assert "placeholder" in first.means
    assert nearest("") == nearest("zzzz") == []
    near = nearest("gradient tape session shape")
    assert len(near) == 3
    assert [each.score for each in near] == sorted((each.score for each in near), reverse=True)


def test_what_is_recognised_in_a_message():
    text = "tf.split: 'x' of shapes (None, 4) and [3,5] (axis 1), `num` int32, isn't float64; x[0] in [0, 3)"
    found = recognised(text)
    assert found["shapes"] == ["(None, 4)", "[3,5]"]
    assert found["types"] == ["int32", "float64"]
    assert found["names"] == ["tf.split", "x", "num"]
    assert set(map(len, recognised("no value").values())) == {0}


def test_a_lesson_by_its_name():
    for name in BY_NAME:
        (answer,) = explain(name)
        assert answer.lesson == name
        assert "{" not in answer.means


def test_lines_of_code_fit_a_terminal():
    assert [line for lesson in LESSONS for line in lesson.code.splitlines() if len(line) > 78] == []


def test_spanish():
    use("es")
    assert explain("Incompatible shapes: [100] vs. [100,10]")[0].means.startswith("Etiquetas de forma [100]")


def test_the_patterns_of_a_lesson_have_the_same_groups_and_its_sentences_take_no_others():
    for lesson in LESSONS:
        groups = {frozenset(re.compile(pattern).groupindex) - {"n"} for pattern in lesson.patterns}
        assert len(groups) <= 1, lesson.name
        taken = {field for _, field, _, _ in string.Formatter().parse(lesson.means) if field}
        given = next(iter(groups), frozenset())
        given = {"symbol", "instead"} if lesson in (MOVED, GONE) or "symbol" in given else given
        assert taken == given or (lesson is GONE and taken == {"symbol"}), lesson.name


def test_no_pattern_is_slow():
    """Repetitions that cause catastrophic backtracking in careless patterns."""
    pieces = (
        "[1,2,3",
        "(1, 2",
        "\n",
        " ",
        "Error",
        "a.",
        "Mul[1,",
        "module 'tensorflow",
        "tf.",
        "Variable x",
        "\x1b[1;",
        "'a",
        "(1,",
        "1,",
        "<class 'a.",
    )
    for piece in pieces:
        text = "ValueError: " + piece * (MOST // len(piece))
        assert explain(text) == []
        recognised(text)


@pytest.mark.slow
def test_the_file_of_removed_names_is_up_to_date():
    """In a new process, since later imports add names to TensorFlow."""
    written = Path(symbols.__file__).with_name("symbols.txt").read_text(encoding="ascii").splitlines()
    asked = subprocess.run([sys.executable, gone.__file__], capture_output=True, encoding="utf-8", check=True)
    assert written == asked.stdout.splitlines(), "run tests/tf1/gone.py"


def test_replacements_of_removed_names_exist():
    known = [*symbols.BY_CALL, *symbols.OTHERS, *(old for old, new in symbols.moved().items() if new)]
    for symbol in known:
        for name in re.findall(r"\btf\.([\w.]*\w)", find(symbol).instead):
            assert gone.there(name), symbol
    assert [find(symbol).instead for symbol in symbols.BY_CALL] == [instead for _, instead in symbols.BY_CALL.values()]


def test_names_that_tensorflow_has_are_not_reported():
    known = [name for name in gone.names(tf) if find(name) and name not in ("gradients",)]
    assert known == []
    assert [name for name in symbols.moved() if gone.there(name)] == []
