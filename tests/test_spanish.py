"""The Spanish of the messages and pages, and what the command line prints in Spanish."""

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
from babel.messages.pofile import read_po

from descenso import text
from descenso.cli.app import COMMANDS

ROOT = Path(__file__).parents[1]
VARIABLES = ("LANGUAGE", "LC_ALL", "LC_MESSAGES", "LANG")


@pytest.fixture(scope="module")
def catalogue():
    with (text.FOLDER / "es" / "LC_MESSAGES" / "descenso.po").open("rb") as file:
        return read_po(file, locale="es", abort_invalid=True)


USTED = re.compile(  # "su" may mean its; these forms address the reader as usted
    r"\b(usted|ustedes|vuestr\w+|añada|calcule|cambie|complete|consulte|convierta|copie|dele|déselos?|elija|elimine"
    r"|empiécelo|entrene|escriba|espere|guarde|haga|indique|instale|libere|llámelo|mire|muéva(?:lo|la)|ocúltelo"
    r"|omita|omítalo|pásele|páselo|pegue|ponga|pruebe|pruébelo|quite|quítelo|renombre|reste|revise|salga|use|vea|véase"
    r"|véanse|vuelva|quería)\b",
    re.IGNORECASE,
)
NOT_OUR_WORDS = re.compile(  # see docs/glossary.md
    r"\b(arreglos?|programas? de la tasa|costos?|ficheros?|directorios?|por omisión|sobreentrenamiento|checkpoints?"
    r"|órdenes|remedio|de aquello)\b"
    r"|\borden `|\bla orden\b",
    re.IGNORECASE,
)
ENGLISH = re.compile(  # words of English sentences that are not Spanish; a name such as not-one-hot is excluded
    r"(?<![\w-])(the|of|with|and|is|are|was|must|got|not|from|which|its|this|that|takes|or)(?![\w-])", re.IGNORECASE
)
CODE = re.compile(  # in a sentence: `...`, {field}, --flag VALUE, name=value, code with dots or parentheses
    r"`[^`]*`|\{[^{}]*\}|--[\w-]+|\w+=\S+|\w+(?:\.\w+)+(?:\([^)]*\))?|\bfrom_logits\b|\bno_\w+"
)


def sentences(catalogue):
    """Return the Spanish sentences by the English ones; plural forms are joined."""
    whole = lambda texts: texts if isinstance(texts, str) else " | ".join(texts)  # noqa: E731
    return {whole(message.id): whole(message.string) for message in catalogue if message.id}


def spoken(catalogue):
    return {english: CODE.sub("…", spanish) for english, spanish in sentences(catalogue).items()}


def told(sentences, pattern):
    return {sentence: found[0] for sentence, text in sentences.items() if (found := pattern.search(text))}


def test_the_reader_is_addressed_as_tu(catalogue):
    assert not told(spoken(catalogue), USTED)


def test_the_words_are_those_of_the_glossary(catalogue):
    assert not told(spoken(catalogue), NOT_OUR_WORDS)


def test_no_english_is_left_in_spanish(catalogue):
    assert not told(spoken(catalogue), ENGLISH)


def pages():
    """Yield the name and the text of each Spanish page."""
    for path in [ROOT / "README.es.md", *sorted((ROOT / "docs").glob("*.es.md"))]:
        yield path.name, path.read_text(encoding="utf-8")
    lesson = json.loads((ROOT / "docs" / "leccion.ipynb").read_text(encoding="utf-8"))
    for place, cell in enumerate(lesson["cells"]):
        if cell["cell_type"] == "markdown":
            yield f"leccion.ipynb, cell {place}", "".join(cell["source"])


OPENS = re.compile(f"(?:^|[.;:!?] |\\n\\n)(?:{USTED.pattern})", re.IGNORECASE)  # elsewhere it may be a subjunctive


@pytest.mark.parametrize("pattern", [OPENS, NOT_OUR_WORDS, ENGLISH], ids=["usted", "words", "English"])
def test_the_pages_are_in_the_same_spanish(pattern):
    """Exceptions are quotations of English in «» or in italics, and words that the glossary explains."""
    away = r"^```.*?^```$|`[^`]*`|\]\([^)]*\)|\[In English\]|«[^»]*»|\*[^*\n]+\*|^\| .* \|$|\w+\.\w+|\$[^$]*\$"
    clean = re.compile(away, re.MULTILINE | re.DOTALL)
    assert not told({name: CODE.sub("…", clean.sub("…", text)) for name, text in pages()}, pattern)


@pytest.mark.parametrize(
    ("sentence", "pattern"),
    [
        ("prueba con otro; pruebe --rule adam", USTED),
        ("un programa de la tasa de aprendizaje", NOT_OUR_WORDS),
        ("es un arreglo", NOT_OUR_WORDS),
        ("como adam, and θ ← θ", ENGLISH),
    ],
)
def test_wrong_spanish_is_detected(sentence, pattern):
    assert told({"": CODE.sub("…", sentence)}, pattern)


def test_spanish_marks_come_in_pairs(catalogue):
    for sentence in sentences(catalogue).values():
        text = CODE.sub("", sentence)
        assert (text.count("¿"), text.count("¡")) == (text.count("?"), text.count("!")), text


SPEAK = """
import contextlib, io, json, sys
words = json.loads(sys.argv[1])
from descenso import cli
cli.lend_to_typer("es")
cli.text.use("es")
sys.argv = ["descenso", *json.loads(sys.argv[2])]
from descenso.cli import app  # all commands: their names are in sys.argv
said = {}
for line in [*words, *([name, "--help"] for name in app.COMMANDS)]:
    sys.argv = ["descenso", "--lang", "es", *line]
    with contextlib.redirect_stdout(io.StringIO()) as out, contextlib.redirect_stderr(io.StringIO()) as err:
        try:
            cli.main()
        except SystemExit as ended:
            said[" ".join(line)] = ended.code or 0, out.getvalue(), err.getvalue()
print(json.dumps(said))
"""
WRONG = {
    "--help": (0, "Un laboratorio del descenso de gradiente"),
    "": (2, "Averiguar por qué"),
    "trian": (2, "no existe el comando 'trian' (¿querías decir 'train'?); consulta descenso --help"),
    "train --bogus": (2, "train no tiene la opción --bogus; consulta descenso train --help"),
    "train --epcohs 3": (2, "train no tiene la opción --epcohs (¿querías decir '--epochs'?)"),
    "train --epochs": (2, "a --epochs le falta un valor; consulta descenso train --help"),
    "train --json=3": (2, "--json no lleva valor y ha recibido --json=3"),
    "train a b c": (2, "train no admite más argumentos y ha recibido b c"),
    "train --epochs tres": (2, "epochs debe ser un número entero en [1, inf), y se recibió 'tres'"),
    "train --engine compield": (2, "compield' (¿querías decir 'compiled'?); prueba --engine compiled"),
    "train absent.csv": (3, "absent.csv: no existe el archivo o la carpeta"),
    "train --config absent.toml": (2, "(no existe el archivo o la carpeta); prueba --config ARCHIVO.toml"),
    "evaluate": (
        2,
        "a evaluate le falta EJECUCIÓN, y todavía no hay ninguna en runs/; para hacer una: descenso train; consulta",
    ),
    "evaluate absent": (3, "absent: ahí no hay ninguna ejecución"),
    "compare --repeats dos": (2, "--repeats debe ser un número entero y ha recibido 'dos'"),
    "compare --repeats 0": (2, "--repeats debe ser al menos 1 y ha recibido '0'"),
    "gradcheck --tolerance 0,1": (2, "'0,1' (los números se escriben con punto: 1.5)"),
    "runs absent": (0, "No hay ejecuciones en absent"),
    "rules": (0, "como adam"),
    "schedules": (0, "sube de η · start"),
    "models": (0, "regresión softmax"),
    "explain --list": (0, "Un gradiente es None"),
    "port absent.py": (3, "absent.py: no se puede leer (no existe el archivo o la carpeta)"),
}


@pytest.fixture(scope="module")
def screens(tmp_path_factory):
    """The exit code, standard output and standard error of `descenso --lang es`, by the line typed."""
    names = [*dict.fromkeys([*(line.split()[0] for line in WRONG if line), *COMMANDS])]
    words = json.dumps([line.split() for line in WRONG])
    environment = {name: value for name, value in os.environ.items() if name not in VARIABLES} | {"COLUMNS": "200"}
    ended = subprocess.run(
        [sys.executable, "-c", SPEAK, words, json.dumps(names)], capture_output=True, encoding="utf-8", check=False,
        cwd=tmp_path_factory.mktemp("screens"), env=environment,
    )  # fmt: skip
    assert ended.returncode == 0, ended.stderr
    return json.loads(ended.stdout)


@pytest.mark.parametrize("line", WRONG)
def test_a_typed_line_is_answered_in_spanish(line, screens):
    code, said = WRONG[line]
    ended, out, err = screens[line]
    assert ended == code, (out, err)
    assert said in re.sub(r"[ \n]+", " ", out + err)


def test_no_screen_has_english(screens):
    """Names and code are excluded."""
    assert len(screens) == len(WRONG) + len(COMMANDS)
    text = {line: CODE.sub("…", out + err) for line, (_code, out, err) in screens.items()}
    assert not told(text, ENGLISH)


def test_the_help_names_no_type_in_english(screens):
    """Without a metavar, Typer would show a type in English, such as `<path>`."""
    shown = {
        line: re.findall(r"<[a-z][a-z \[\]]*>", out) for line, (_code, out, _err) in screens.items() if "--help" in line
    }
    assert len(shown) > len(COMMANDS)
    assert not {line: types for line, types in shown.items() if types}
