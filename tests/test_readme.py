"""Every fenced block of README.md and README.es.md is run as printed.

The two `sh` blocks install the package and are run by `.ci/run`, which takes them from the page. The commands and the
Python are run here, in a folder with the example files and the run that their first lines make, of two epochs instead
of a hundred. Lines that take more than a second are marked slow.
"""

import re
import shlex
import shutil
from pathlib import Path

import pytest

import descenso as ds
from command import parsed, words_of
from test_docs import CLOSE, ROOT, Block, blocks, run, said

PAGES = {"en": ROOT / "README.md", "es": ROOT / "README.es.md"}
BLOCKS = {language: blocks(page) for language, page in PAGES.items()}
IS_COMMANDS = re.compile(r"descenso ")
LINES = {  # in the blocks of commands, as printed
    language: [line for block in page if IS_COMMANDS.match(block.text) for line in block.text.splitlines()]
    for language, page in BLOCKS.items()
}
FIRST = "mnist-softmax-001"  # the run of the first command of the page
EXIT_CODES = {r"--loss naive": 8, r"descenso port (?!.*--run)": 1}  # the run diverges; there is something to port
QUICK = re.compile(r"descenso (explain|data|port(?!.* --run)) ")


UNIQUE = {" ".join(words_of(line)): line for lines in reversed(LINES.values()) for line in lines}.values()
EACH_LINE = pytest.mark.parametrize(
    "line", UNIQUE, ids=lambda line: line.partition("#")[0].strip()
)  # once if both pages have it
TUTORIAL = [words_of(block.text) for block in blocks(ROOT / "docs" / "tutorial.md") if block.language == "sh"]
RUN_HERE = [line for line in UNIQUE if words_of(line) not in TUTORIAL]  # `test_docs.py` runs the others
EACH_LINE_AS_QUICK_AS_IT_IS = pytest.mark.parametrize(
    "line",
    [pytest.param(line, marks=() if QUICK.match(line) else pytest.mark.slow) for line in RUN_HERE],
    ids=[line.partition("#")[0].strip() for line in RUN_HERE],
)


def block_of(language, wanted):
    (found,) = [block.text for block in BLOCKS[language] if wanted(block)]
    return found


def test_no_block_is_left_out():
    for page in BLOCKS.values():
        kinds = ["commands" if IS_COMMANDS.match(block.text) else block.language for block in page]
        assert kinds == ["sh", "sh", "", "commands", "commands", "python"]
        assert page[2].text.splitlines()[1].startswith("[0] cost: ")


def test_both_pages_print_the_same_commands():
    """Only the word that is explained differs."""
    lines = {language: [words_of(line) for line in lines] for language, lines in LINES.items()}
    assert [["gradient" if word == "gradiente" else word for word in words] for words in lines["es"]] == lines["en"]
    assert [block for block in BLOCKS["es"] if block.language == "sh"] == [
        block for block in BLOCKS["en"] if block.language == "sh"
    ]
    comment = re.compile(r" +#.*")
    python = [comment.sub("", block_of(language, lambda block: block.language == "python")) for language in PAGES]
    assert python[0] == python[1]


@EACH_LINE
def test_the_command_line_takes_every_line(line):
    passed, told = parsed(words_of(line))
    assert passed, told
    flags = [word.removeprefix("--").replace("-", "_") for word in words_of(line) if word.startswith("--")]
    assert set(flags) <= set(passed)


@pytest.mark.parametrize("line", ["descenso train --epocs 3", "descenso plot --to onnx", "descenso predict"])
def test_a_line_that_the_command_line_refuses_is_detected(line):
    assert parsed(words_of(line))[0] is None


@pytest.fixture(scope="session")
def examples(tmp_path_factory):
    """A folder with the files that the first line of the page writes."""
    folder = tmp_path_factory.mktemp("readme")
    samples = words_of(LINES["en"][0])
    assert samples[:2] == ["descenso", "data"]
    run(Block("sh", shlex.join(samples)), folder)
    return folder


@pytest.fixture(scope="session")
def made(examples, tmp_path_factory):
    """The same folder with the run of the first command."""
    folder = shutil.copytree(examples, tmp_path_factory.mktemp("readme") / "made")
    run(Block("sh", "descenso train --epochs 2"), folder)
    assert (folder / "runs" / FIRST).is_dir()
    return folder


def claimed(line):
    """Return the accuracy that the comment of a line claims."""
    found = re.search(r"\b0[.,]\d+", line.partition("#")[2])
    return float(found[0].replace(",", ".")) if found else None


@EACH_LINE_AS_QUICK_AS_IT_IS
def test_every_line_runs(line, request, tmp_path):
    before = request.getfixturevalue("examples" if QUICK.match(line) else "made")
    folder = shutil.copytree(before, tmp_path / "here")
    if "--samples" in line:
        shutil.rmtree(folder / "examples")
    code = next((code for pattern, code in EXIT_CODES.items() if re.search(pattern, line)), 0)
    assert run(Block("sh", line), folder, code)
    if (accuracy := claimed(line)) is not None:
        (new,) = set((folder / "runs").iterdir()) - {folder / "runs" / FIRST}
        assert abs(ds.open_run(new).test_accuracy - accuracy) < CLOSE


@pytest.mark.slow
def test_files_named_in_a_line_exist(made):
    """Files and folders exist; a pattern that the shell expands must match."""
    words = {word for line in UNIQUE for word in words_of(line) if "/" in word and " " not in word}
    assert len(words) > 5
    assert [word for word in words if not list(made.glob(word))] == []


@pytest.mark.slow
@pytest.mark.parametrize("language", PAGES)
def test_the_default_run_prints_what_the_page_says(language, tmp_path):
    """Its costs and accuracy are those of the page; times and hashes depend on the machine."""
    printed = run(Block("sh", f"descenso --lang {language} train"), tmp_path)
    own = re.compile(r"\d+[.,]\d\d s|[0-9a-f]{12}…")
    printed = own.sub("#", re.sub(r"\b[0-9a-f]{13,64}\b", lambda found: found[0][:12] + "…", printed))
    for line in block_of(language, lambda block: "\n[0] cost: " in block.text).splitlines():
        assert line == "…" or said(own.sub("#", line), printed), f"not said: {line}\n{printed}"


@pytest.mark.slow
def test_the_python_runs(made, tmp_path):
    """The Spanish page has the same code, except for comments."""
    folder = shutil.copytree(made, tmp_path / "here")
    printed = run(Block("python", block_of("en", lambda block: block.language == "python")), folder)
    cost, accuracy, shape = printed.split("\n")[0].split(maxsplit=2)
    assert (float(cost) < 0.5, float(accuracy) > 0.9, shape) == (True, True, "(784, 10)")
    assert Path(folder, "loss.png").stat().st_size > 1000
    assert float(printed.split()[-1]) > 0.9  # the estimator's
