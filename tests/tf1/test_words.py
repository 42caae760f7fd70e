"""Words of `descenso explain`: found in both languages, but not in messages; their code and commands work."""

import json
import re
import runpy
from pathlib import Path

import pytest

import snippets
from command import parsed, run, words_of
from descenso.cli.app import COMMANDS
from descenso.text import _, use
from descenso.tf1.explain import LESSONS, define, explain, word_hint, word_title
from descenso.tf1.words import WORDS

OF_THE_LESSON = (
    "gradient", "softmax", "cross-entropy", "learning rate", "epoch", "batch", "one-hot", "NaN", "GradientTape",
    "accuracy", "loss", "seed", "logits", "overfitting", "dtype", "gradiente", "entropía cruzada", "época", "lote",
    "tasa de aprendizaje", "exactitud", "precisión", "coste", "semilla", "sobreajuste", "cinta",
)  # fmt: skip
EACH_WORD = pytest.mark.parametrize("word", WORDS, ids=lambda word: word.name)


@pytest.mark.parametrize("word", OF_THE_LESSON)
def test_the_words_of_the_lesson_are_explained(word):
    for typed in (word, word.upper(), f" '{word}' ", word.replace("-", " ")):
        assert define(typed) is define(word) is not None


def terms_of_the_glossary():
    lines = (Path(__file__).parents[2] / "docs" / "glossary.md").read_text(encoding="utf-8").splitlines()
    rows = [line.split("|")[1:3] for line in lines if line.startswith("| ") and "---" not in line]
    cells = [re.sub(r"\(.*?\)", "", cell) for row in rows for cell in row if row[0].strip() != "English"]
    return [term.strip() for cell in cells for term in cell.split(",") if not term.strip().startswith("de ")]


OF_THE_TUTORIAL = (
    "feed_dict", "placeholder", "session", "sess", "eager", "modo inmediato", "GradientTape", "tape", "XLA", "bias",
    "optimizer", "weights", "accuracy", "variable", "matmul", "reduce_mean", "reduction_indices", "argmax", "momentum",
    "adam", "dropout", "batch normalisation", "Normalización por lotes", "convolution", "relu", "patience",
    "checkpoint", "engine", "motor", "tensor", "array", "run", "dataset", "test rows", "validation", "overfitting",
    "tf.one_hot", "iterador", "dataloader", "píxel", "perceptrón",
)  # fmt: skip


@pytest.mark.parametrize("word", [*terms_of_the_glossary(), *OF_THE_TUTORIAL])
def test_words_of_the_glossary_and_of_the_tutorial_are_explained(word):
    assert define(word), word


@pytest.mark.parametrize("command", COMMANDS)
def test_every_word_of_the_commands_is_explained(command):
    ended = run("explain", command)
    assert ended.exit_code == 0
    assert define(command) or f"descenso {command} --help" in ended.stdout


@EACH_WORD
def test_a_word_is_found_by_its_names_and_no_other_has_them(word):
    use("es")
    for name in (word.name, _(word.name), *word.also):
        assert define(name) is word, f"{name} is another word's"
    assert _(word.means) != word.means
    assert word.name in word_title(word)


def test_a_message_is_no_word():
    messages = [pattern for lesson in LESSONS for pattern in lesson.patterns]
    messages += [message for code in snippets.SNIPPETS["one-hot"] for message in snippets.said_by(code)]
    messages += ["the gradient is None", "loss: nan", "Unknown loss function", "the batch is empty", "", "x" * 10**6]
    assert [message for message in messages if define(message)] == []
    assert explain("loss: nan")[0].lesson == "not-finite"


@EACH_WORD
def test_the_lines_of_a_word_run_and_print(word, tmp_path, capsys):
    assert [line for line in word.code.splitlines() if len(line) > 88] == []
    (tmp_path / "lines.py").write_text(word.code, encoding="utf-8")  # AutoGraph reads the source
    runpy.run_path(str(tmp_path / "lines.py"), snippets.names())
    assert capsys.readouterr().out


@EACH_WORD
def test_the_command_that_shows_a_word_is_one(word):
    if word.see:
        passed, told = parsed(words_of(word.see))
        assert passed, told
    if word.see.startswith("descenso explain "):
        assert run("explain", *words_of(word.see)[2:]).exit_code == 0


def test_a_word_at_a_terminal(monkeypatch):
    monkeypatch.setenv("COLUMNS", "80")
    use("es")
    ended = run("explain", "Época")
    lines = ended.stdout.splitlines()
    assert (ended.exit_code, lines[0]) == (0, "época (epoch)")
    assert "  filas = pasos × tamaño del lote: 60000 = 600 × 100" in lines
    assert lines[-1] == "Para verlo: descenso train --epochs 5"
    both = run("explain", "one-hot").stdout  # a word, and the lesson on a message
    assert "3 → 0 0 0 1" in both
    assert "−Σ y·log(pred)" in both


def test_a_word_for_other_programs():
    answer = json.loads(run("explain", "--json", "gradiente").stdout)
    assert answer["word"]["word"] == "gradient"
    assert answer["word"].keys() == {"word", "means", "equation", "code", "see"}
    assert json.loads(run("explain", "--json", "Incompatible shapes: [100] vs. [100,10]").stdout)["word"] is None
    assert len(json.loads(run("explain", "--list", "--json").stdout)["words"]) == len(WORDS)


def test_an_unknown_word_names_the_known_ones(monkeypatch):
    monkeypatch.setenv("COLUMNS", "400")
    ended = run("explain", "gradiant")
    assert ended.exit_code == 1
    assert all(word.name in " ".join(ended.stdout.split()) for word in WORDS)
    assert "did you mean 'gradient'?" in ended.stdout
    assert ended.stdout.startswith("No word or lesson has this name.")
    assert "did you mean 'cross-entropy'?" in word_hint("cros-entropía")  # in the language in use
    use("es")
    assert "'entropía cruzada'" in word_hint("cros-entropía")
    assert [word_hint(other) for other in ("zzzzzz", "bits", "hessian")] == ["", "", ""]  # no similar word
    assert "Words" not in run("explain", "this is a long message of nothing").stdout
