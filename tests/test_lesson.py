"""The lesson's notebooks: both have the same code, and their stored outputs are what they print."""

import io
import re
import tokenize

import pytest

from command import parsed, words_of
from descenso.tf1.explain import define, explain
from notebooks import LESSONS, execute, read, text_of

NUMBER = re.compile(r"(?<![\w.])-?\d+(?:\.\d+)?(?:e[-+]?\d+)?")
EACH = pytest.mark.parametrize("language", LESSONS)
PICTURES = 4  # digits, costs, templates, mistakes


def code_cells(language):
    return [cell for cell in read(LESSONS[language])["cells"] if cell["cell_type"] == "code"]


def source_of(cell):
    return "".join(cell["source"])


def without_words(source):
    """Return the tokens of Python code without comments and the text of strings; a shell command as it is."""
    if source.startswith("!"):
        return [source]
    kinds = (tokenize.COMMENT, tokenize.NL)
    tokens = tokenize.generate_tokens(io.StringIO(source).readline)
    words = [(token.type, token.string) for token in tokens if token.type not in kinds]
    inside = [(kind, "" if tokenize.tok_name[kind] in ("STRING", "FSTRING_MIDDLE") else text) for kind, text in words]
    return [re.sub(r'(?<=f")[^{}"]+|(?<=})[^{}"]+', "", text) for kind, text in inside if text]


def test_both_notebooks_have_the_same_cells():
    kinds = [
        [(cell["cell_type"], cell["id"], cell["metadata"]) for cell in read(page)["cells"]] for page in LESSONS.values()
    ]
    assert kinds[0] == kinds[1]
    for english, spanish in zip(code_cells("en"), code_cells("es"), strict=True):
        assert without_words(source_of(english)) == without_words(source_of(spanish))


def test_different_code_is_detected():
    assert without_words('print("a", 1)  # b') == without_words('print("c", 1)  # d')
    assert without_words('print("a", 1)') != without_words('print("a", 2)')


@EACH
def test_the_stored_outputs_are_complete(language):
    cells = code_cells(language)
    assert [cell["execution_count"] for cell in cells] == list(range(1, len(cells) + 1))
    outputs = [output for cell in cells for output in cell["outputs"]]
    assert not [output for output in outputs if output["output_type"] == "error" or output.get("name") == "stderr"]
    assert sum("image/png" in output.get("data", {}) for output in outputs) == PICTURES
    assert max(len(line) for cell in cells for line in source_of(cell).splitlines()) <= 120


@EACH
def test_each_section_ends_with_something_to_try(language):
    cells = [source_of(cell) for cell in read(LESSONS[language])["cells"] if cell["cell_type"] == "markdown"]
    sections = re.split(r"^## ", "\n".join(cells), flags=re.MULTILINE)[1:]
    assert len(sections) == 16
    tries = [
        section.partition("\n")[0]
        for section in sections
        if f"**{'Try' if language == 'en' else 'Prueba'}:**" in section
    ]
    assert len(tries) == 15  # all but the last, an outlook
    for command in re.findall(r"`!?(descenso [^`]*)`", "\n".join(cells)):
        words = words_of(command.replace("{run.path}", "runs/a"))
        passed, told = parsed(words)
        assert passed, f"{command}: {told}"
        if words[1] == "explain":
            assert define(words[2]) or explain(words[2]), command


def numbers(text):
    return [(float(found), len(found.partition("e")[0].partition(".")[2])) for found in NUMBER.findall(text)]


def compared_numbers(cells):
    """Return the numbers that each cell printed; none for cells tagged as dependent on the machine."""
    own = {"machine", "rounding"}
    return [[] if own & set(cell["metadata"].get("tags", ())) else numbers(text_of(cell)) for cell in cells]


def assert_close(one, other, source):
    """Check that all numbers are equal up to the last digit printed."""
    assert len(one) == len(other), f"{source}\n{one}\n{other}"
    for (a, digits), (b, _digits) in zip(one, other, strict=True):
        assert abs(a - b) <= 1.01 * 10**-digits, f"{source}\n{one}\n{other}"


def test_both_notebooks_print_the_same_numbers():
    """The Spanish notebook has the same code, so it is not run again."""
    english, spanish = code_cells("en"), code_cells("es")
    for cell, one, other in zip(english, compared_numbers(english), compared_numbers(spanish), strict=True):
        assert_close(one, other, source_of(cell))


@pytest.mark.slow
def test_a_notebook_runs_and_prints_what_it_shows(tmp_path):
    pytest.importorskip("nbclient")
    pytest.importorskip("ipykernel")
    kept, ran = code_cells("en"), [cell for cell in execute(LESSONS["en"], tmp_path) if cell["cell_type"] == "code"]
    shown = compared_numbers(kept)
    for cell, one, other in zip(kept, shown, compared_numbers(ran), strict=True):
        assert_close(one, other, source_of(cell))
    assert sum(map(len, shown)) > 120
