"""The lesson's notebooks: both have the same code, and what they print is what their pages show."""

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
    """The tokens of Python, without comments and with every text empty; a command line without its language."""
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


def test_other_code_is_seen():
    assert without_words('print("a", 1)  # b') == without_words('print("c", 1)  # d')
    assert without_words('print("a", 1)') != without_words('print("a", 2)')


@EACH
def test_the_notebooks_are_kept_as_they_ran(language):
    cells = code_cells(language)
    assert [cell["execution_count"] for cell in cells] == list(range(1, len(cells) + 1))
    outputs = [output for cell in cells for output in cell["outputs"]]
    assert not [output for output in outputs if output["output_type"] == "error" or output.get("name") == "stderr"]
    assert sum("image/png" in output.get("data", {}) for output in outputs) == PICTURES
    assert max(len(line) for cell in cells for line in source_of(cell).splitlines()) <= 120


@EACH
def test_each_section_ends_in_something_to_change(language):
    cells = [source_of(cell) for cell in read(LESSONS[language])["cells"] if cell["cell_type"] == "markdown"]
    sections = re.split(r"^## ", "\n".join(cells), flags=re.MULTILINE)[1:]
    assert len(sections) == 16
    tries = [
        section.partition("\n")[0]
        for section in sections
        if f"**{'Try' if language == 'en' else 'Prueba'}:**" in section
    ]
    assert len(tries) == 15  # all but the last, which says what comes next
    for command in re.findall(r"`!?(descenso [^`]*)`", "\n".join(cells)):
        words = words_of(command.replace("{run.path}", "runs/a"))
        passed, told = parsed(words)
        assert passed, f"{command}: {told}"
        if words[1] == "explain":
            assert define(words[2]) or explain(words[2]), command


def numbers(text):
    return [(float(found), len(found.partition("e")[0].partition(".")[2])) for found in NUMBER.findall(text)]


@pytest.mark.slow
@EACH
def test_a_notebook_runs_and_prints_what_it_shows(language, tmp_path):
    """All numbers to the digit before the last that is printed; those of the machine, tagged so, are left out."""
    pytest.importorskip("nbclient")
    pytest.importorskip("ipykernel")
    compared = 0
    for kept, ran in zip(read(LESSONS[language])["cells"], execute(LESSONS[language], tmp_path), strict=True):
        if kept["cell_type"] == "code" and not {"machine", "rounding"} & set(kept["metadata"].get("tags", ())):
            shown, printed = numbers(text_of(kept)), numbers(text_of(ran))
            assert len(shown) == len(printed), f"{source_of(kept)}\n{text_of(kept)}\n{text_of(ran)}"
            for (a, digits), (b, _digits) in zip(shown, printed, strict=True):
                assert abs(a - b) <= 1.01 * 10**-digits, f"{source_of(kept)}\n{text_of(kept)}\n{text_of(ran)}"
            compared += len(shown)
    assert compared > 120
