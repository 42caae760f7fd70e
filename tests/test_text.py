import ast
import errno
import gettext
import io
import json
import os
import re
import string
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from babel.messages.catalog import Catalog
from babel.messages.extract import extract_from_dir
from babel.messages.mofile import read_mo, write_mo
from babel.messages.pofile import read_po

import descenso
from descenso import cli, text
from descenso.errors import ConfigError

SOURCE = Path(descenso.__file__).parent
SPANISH = text.FOLDER / "es" / "LC_MESSAGES"
VARIABLES = ("LANGUAGE", "LC_ALL", "LC_MESSAGES", "LANG")
METHODS = [("**.py", "python"), ("**.html", "jinja2")]  # as in the Makefile


@pytest.fixture(scope="module")
def written():
    """Every sentence in `_()`, `mark()` or `plural()` in the source, with the places where it occurs."""
    found = {}
    keywords = {"_": None, "mark": None, "plural": (1, 2)}
    for file, line, sentence, _, _ in extract_from_dir(SOURCE, METHODS, keywords=keywords):
        found.setdefault(sentence, []).append(f"{file}:{line}")
    return found


@pytest.fixture(scope="module")
def catalogue():
    with (SPANISH / "descenso.po").open("rb") as file:
        return read_po(file, locale="es", abort_invalid=True)


def parts(sentence):
    """Return the fields of a sentence for `str.format`, and its markup for rich, where NAME and NOMBRE are equal."""
    fields = [(name, spec, how) for _, name, spec, how in string.Formatter().parse(sentence) if name is not None]
    marks = re.findall(r"\[[a-z]+\](?=.*\[/)|\[/[a-z]*\]|`[^`]*`|--[a-z-]+", sentence)
    return sorted(map(str, fields)), sorted(re.sub(r"\b[A-ZÁÉÍÓÚ]{3,}\b", "WORD", part) for part in marks)


def each(texts):
    """Return the texts of a message: one, or singular and plural."""
    return (texts,) if isinstance(texts, str) else texts


def pairs(catalogue):
    """Yield every sentence with its translation; for a plural, both forms."""
    for message in catalogue:
        if message.id:
            yield from zip(each(message.id), each(message.string), strict=True)


def test_the_extractor_reads_the_source(written):
    assert len(written) > 100
    assert {"Training finished!", "Epoch #", "Learning rate.", "Aborted."} <= written.keys()
    assert ("{count} epoch", "{count} epochs") in written


def test_the_extractor_sees_every_call(written):
    """It misses calls inside an f-string, whose sentences would stay in English unnoticed."""
    sentences = {part for sentence in written for part in each(sentence)}
    unseen = [
        f"{file.relative_to(SOURCE)}:{call.lineno}: {argument.value!r}"
        for file in SOURCE.rglob("*.py")
        for call in ast.walk(ast.parse(file.read_text(encoding="utf-8")))
        if isinstance(call, ast.Call) and isinstance(call.func, ast.Name) and call.func.id in ("_", "mark", "plural")
        for argument in call.args
        if isinstance(argument, ast.Constant) and argument.value not in sentences | {""}
    ]
    assert not unseen, "\n".join(unseen)


def test_every_sentence_has_a_spanish_one(written, catalogue):
    missing = {
        sentence: places
        for sentence, places in written.items()
        if sentence not in catalogue or not all(each(catalogue[sentence].string)) or catalogue[sentence].fuzzy
    }
    told = "\n".join(f"{places[0]}: {sentence!r}" for sentence, places in missing.items())
    assert not missing, f"{len(missing)} sentences have no Spanish one:\n{told}"


def test_no_spanish_sentence_is_left_over(written, catalogue):
    left = [message.id for message in catalogue if message.id and message.id not in written]
    assert not left, f"nothing in the source says {left}"
    assert not catalogue.obsolete


def test_spanish_sentences_take_the_same_parts(catalogue):
    wrong = {one: (parts(one), parts(other)) for one, other in pairs(catalogue) if parts(one) != parts(other)}
    assert not wrong


def test_spanish_sentences_end_as_the_english_ones_do(catalogue):
    """A full stop, a trailing space and a newline matter when sentences are joined."""
    edge = re.compile(r"^(\s*).*?([\s.:]*)$", re.DOTALL)
    wrong = [one for one, other in pairs(catalogue) if edge.match(one).groups() != edge.match(other).groups()]
    assert not wrong


COUNTED = re.compile(  # a number before a plural noun, with at most one word between them
    r"\{\w+(?::[^{}]*)?\} (?:(?!and|holds|reads|the)[a-z-]+ )?"
    r"(?:bytes|calls|characters|classes|columns|components|dimensions|dots|epochs|files|images|labels|members|mistakes"
    r"|numbers|outputs|rounds|rows|runs|steps|units|values)\b"
)
NEVER_ONE = (  # parts of sentences whose number is at least 2, or a fraction
    "({a} of {b} calls)",  # about retracing, after several calls
    "after {steps} steps the cost is",  # the doctor's run
    "in any {window} rows by",
    "more than {most} ",  # limits
    "within {most} bytes",
    "their values take {size} bytes",
    "text with {detail} different values",  # too many
    "test accuracy {accuracy} ± {within}, after {epochs} epochs",  # the 100 of the tutorial
    "the cost rose in {rises} of {epochs} epochs",
    "of the next {steps} steps",
    "the cost is higher after {steps} steps",  # of a search, at least two
    "to {high:.2g}), after {steps} steps",
    "{claimed} bytes claimed",
    "the data ends {missing} bytes early",
    "{count} dimensions, expected 1 to {most}",  # 0, or too many
    "of the {rows} test rows are among",  # more than three
    "the data has {num_classes} classes",
    "{name} was traced {traces} times in {calls} calls",
    "has {count} classes in {rows} rows",  # three at least
    "holds {count} different numbers",  # more than 20
    "by its name one of {count} files",  # of which some are missing
    "python {script} rows.npy",  # a name
    "{count} different labels, at most {most}",
    "{count} members, expected at most {most}",
    "{path}: {found} bytes, the checkpoint",  # of a file that is not a checkpoint any more
    "{rate:.3g} epochs/s",
    "{rounds} rounds, differences",  # at least five
    "are {epochs:.2f} epochs, rounded up",
    "is {epochs:.2f} epochs, rounded up",
    "needs at least {least} epochs",  # four
    "{value!r} is no number, and neither are {more} others of {rows} values",
    "{size} bytes are needed",
    "{got} values, the header names",  # the header names fewer, but at least one
)


def test_a_sentence_with_a_count_is_a_plural(written):
    """Otherwise a message would say "1 rows"; if a number can be 1, `text.plural` chooses the sentence."""
    bare = []
    for sentence in written:
        if isinstance(sentence, str):
            rest = sentence
            for known in NEVER_ONE:
                rest = rest.replace(known, "")
            bare += [sentence] if COUNTED.search(rest) else []
    assert not bare
    unused = [known for known in NEVER_ONE if not any(known in part for each_one in written for part in each(each_one))]
    assert not unused


def test_counts_in_both_languages():
    one, many = "{count} epoch", "{count} epochs"
    for language, said in (("en", ["0 epochs", "1 epoch", "2 epochs"]), ("es", ["0 épocas", "1 época", "2 épocas"])):
        text.use(language)
        assert [text.plural(one, many, count).format(count=count) for count in range(3)] == said


def test_code_is_not_broken_across_lines():
    said = (
        "the cost rose in many epochs; to train it anew with a smaller rate: descenso train --config runs/a/config.json"
    )
    assert text.wrapped(said, 40) == [
        "the cost rose in many epochs; to train",
        "it anew with a smaller rate:",
        "descenso train --config runs/a/config.json",
    ]
    assert text.wrapped("--clip-norm must be a number in [0, inf), got -1; try --clip-norm 1", 34) == [
        "--clip-norm must be a number in",
        "[0, inf), got -1; try",
        "--clip-norm 1",
    ]
    assert text.wrapped("some words", None, "  ") == ["  some words"]
    assert text.wrapped("", 20) == [""]


def test_every_command_stays_whole():
    from descenso.cli.app import COMMANDS

    for name in COMMANDS:
        assert text.longest_word(f"to go on: descenso {name} --json") == len(f"descenso {name} --json")


def entries(catalogue):
    """Return the sentences of a catalogue, without its header, by context and original; plural forms are tuples."""
    whole = lambda text: text if isinstance(text, str) else tuple(text)  # noqa: E731
    return {(each.context, whole(each.id)): whole(each.string) for each in catalogue if each.id}


def assert_says(compiled, catalogue):
    """Check that the compiled catalogue has exactly the sentences of `catalogue`, and that gettext returns them."""
    assert entries(read_mo(io.BytesIO(compiled))) == entries(catalogue), "descenso.mo is not descenso.po; compile it"
    spoken = gettext.GNUTranslations(io.BytesIO(compiled))
    for (context, message), translated in entries(catalogue).items():
        if isinstance(message, tuple):
            said = spoken.npgettext(context, *message, 1) if context else spoken.ngettext(*message, 1)
            assert said == translated[0]
        else:
            assert (spoken.pgettext(context, message) if context else spoken.gettext(message)) == translated


def test_the_compiled_catalogue_matches_its_source(catalogue):
    assert_says((SPANISH / "descenso.mo").read_bytes(), catalogue)


def compiled(*entries):
    catalogue, file = Catalog(locale="es"), io.BytesIO()
    for message, translated, context in entries:
        catalogue.add(message, translated, context=context)
    write_mo(file, catalogue)
    return catalogue, file.getvalue()


WRITTEN = [
    ("step", "paso", None),
    ("step", "escalón", "of a stair"),
    (("a row", "{n} rows"), ("una fila", "{n} filas"), None),
    (("a row", "{n} rows"), ("una hilera", "{n} hileras"), "of seats"),
]


@pytest.mark.parametrize("changed", range(len(WRITTEN)))
def test_a_different_compiled_catalogue_is_detected(changed):
    catalogue, content = compiled(*WRITTEN)
    assert_says(content.replace(b"Generated-By: Babel", b"Generated-By: Other"), catalogue)
    message, _, context = WRITTEN[changed]
    fewer, otherwise = (
        [*WRITTEN[:changed], *more, *WRITTEN[changed + 1 :]] for more in ([], [(message, message, context)])
    )
    for entries in (fewer, otherwise):
        with pytest.raises(AssertionError, match="compile it"):
            assert_says(compiled(*entries)[1], catalogue)
    with pytest.raises(AssertionError, match="compile it"):
        assert_says(content, compiled(*fewer)[0])


def test_the_empty_string_stays_empty():
    for language in text.LANGUAGES:  # the translation of an empty string would be the catalogue's header
        text.use(language)
        assert text._("") == ""


def test_every_language_has_a_catalogue_and_no_other_does():
    assert {path.name for path in text.FOLDER.iterdir() if path.is_dir()} == set(text.LANGUAGES) - {"en"}


def test_numbers_in_prose():
    values = [(0.9221, ".4f"), (55000, ","), (5000, ","), (-1234567.5, ",.1f"), (0.12, ".0%"), (1.5e-7, ".1e"), (3, "")]
    text.use("en")
    assert [text.number(*each) for each in values] == [
        "0.9221", "55,000", "5,000", "-1,234,567.5", "12%", "1.5e-07", "3"
    ]  # fmt: skip
    text.use("es")
    assert [text.number(*each).replace("\xa0", "_") for each in values] == [
        "0,9221", "55_000", "5000", "-1_234_567,5", "12_%", "1,5e-07", "3"
    ]  # fmt: skip
    assert text.number(float("nan"), ".4f") == "nan"


def test_prose_fills_a_sentence_with_numbers_of_the_language():
    sentence, values = "{a:.2f}, {b!r}, {c}, {d:>4}", {"a": np.float32(0.5), "b": 1.5, "c": "--rate 0.1", "d": True}
    text.use("en")
    assert text.prose(sentence, **values) == "0.50, 1.5, --rate 0.1,    1"
    text.use("es")
    assert text.prose(sentence, **values) == "0,50, 1.5, --rate 0.1,    1"


@pytest.mark.parametrize("code", text.SYSTEM, ids=lambda code: errno.errorcode[code])
def test_errors_of_the_system_are_translated(code, catalogue):
    text.use("es")
    assert text.reason_of(OSError(code, os.strerror(code), "a.csv")) == catalogue[text.SYSTEM[code]].string


def test_other_reasons_stay_as_they_are():
    text.use("es")
    assert text.reason_of(OSError(errno.EINVAL, "no es un archivo normal")) == "no es un archivo normal"
    assert text.reason_of(OSError(errno.ENOENT, "something else", "a.csv")) == "something else"
    assert text.reason_of(OSError("no number")) == "no number"
    assert text.reason_of(ValueError("7")) == "7"


BORROW = """
import gettext, json, sys
from descenso import cli, text
cli.lend_to_typer("es")
print(json.dumps([gettext.gettext(sentence) for sentence in cli.BORROWED]))
"""


def test_sentences_of_typer_are_translated(catalogue):
    """Typer asks Python's own gettext; whether Typer still has these sentences is not tested."""
    ended = subprocess.run([sys.executable, "-c", BORROW], capture_output=True, encoding="utf-8", check=True)
    assert json.loads(ended.stdout) == [catalogue[sentence].string for sentence in cli.BORROWED]
    assert len(cli.BORROWED) > 5


def test_languages_are_switched():
    text.use("es")
    assert text._("Training finished!") == "¡Entrenamiento finalizado!"
    assert text._("no sentence of ours") == "no sentence of ours"
    text.use("en")
    assert text._("Training finished!") == "Training finished!"


def test_marked_sentences_stay_as_they_are():
    text.use("es")
    assert text.mark("Training finished!") == "Training finished!"


@pytest.mark.parametrize("language", ["fr", "", "ES", "es_MX", "english"])
def test_a_language_without_a_catalogue(language):
    message = f"the language must be one of en, es, got {language!r}; try --lang es"
    with pytest.raises(ConfigError, match=f"^{re.escape(message)}$"):
        text.use(language)
    text.use("es")
    with pytest.raises(ConfigError, match=f"^el idioma .*en, es.* {re.escape(repr(language))}.*--lang es$"):
        text.use(language)
    assert text._("Training finished!") == "¡Entrenamiento finalizado!"  # the current language stays


ENVIRONMENTS = [
    ({}, "en"),
    ({"LANG": "es_ES.UTF-8"}, "es"),
    ({"LANG": "es"}, "es"),
    ({"LANG": "en_GB.UTF-8"}, "en"),
    ({"LANG": "fr_FR.UTF-8"}, "en"),
    ({"LANG": "C"}, "en"),
    ({"LANG": "POSIX"}, "en"),
    ({"LANG": ""}, "en"),
    ({"LC_MESSAGES": "es_MX.UTF-8", "LANG": "en_US.UTF-8"}, "es"),
    ({"LC_ALL": "es_AR", "LC_MESSAGES": "en_US", "LANG": "en_US"}, "es"),
    ({"LC_ALL": "C", "LC_MESSAGES": "es_ES", "LANG": "es_ES"}, "en"),
    ({"LC_ALL": "", "LC_MESSAGES": "", "LANG": "es_ES"}, "es"),
    ({"LANGUAGE": "es", "LC_ALL": "en_US", "LC_MESSAGES": "en_US", "LANG": "en_US"}, "es"),
    ({"LANGUAGE": "en:es", "LANG": "es_ES"}, "en"),
    ({"LANGUAGE": "es:en", "LANG": "en_US"}, "es"),
    ({"LANGUAGE": "fr:es", "LANG": "en_US"}, "es"),
    ({"LANGUAGE": ":es", "LANG": "en_US"}, "es"),
    ({"LANGUAGE": "fr:de", "LANG": "es_ES"}, "en"),
    ({"LANGUAGE": "", "LANG": "es_ES"}, "es"),
    ({"LC_CTYPE": "es_ES.UTF-8", "LC_NUMERIC": "es_ES.UTF-8"}, "en"),
]


@pytest.mark.parametrize(("environment", "language"), ENVIRONMENTS, ids=lambda each: str(each))
def test_the_language_is_taken_from_the_environment(environment, language, monkeypatch):
    for variable in VARIABLES:
        monkeypatch.delenv(variable, raising=False)
    for variable, value in environment.items():
        monkeypatch.setenv(variable, value)
    assert text.from_environment() == language


def test_control_characters_are_escaped():
    assert text.printable("año ¡10 %! ✓ 中") == "año ¡10 %! ✓ 中"
    assert text.printable("\x1b[2J\x07\r\n\t\x9b31m") == "\\x1b[2J\\x07\\r\\n\\t\\x9b31m"
    assert text.printable("a\u202eb\u2066c\u200bd\u2028e\ufeff") == "a\\u202eb\\u2066c\\u200bd\\u2028e\\ufeff"
    assert text.printable("folder\udcff") == "folder\\udcff"
