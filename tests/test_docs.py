"""The commands and the Python on the pages of docs run in order, and print what the pages show."""

import os
import re
import subprocess
import sys
from pathlib import Path
from typing import NamedTuple

import pytest

from command import parsed, words_of

ROOT = Path(__file__).parents[1]
CLOSE = 0.01  # difference of costs and accuracies allowed between machines


class Block(NamedTuple):
    language: str
    text: str


def blocks(page):
    found = re.findall(r"^```(\w*)\n(.*?)^```$", page.read_text(encoding="utf-8"), re.MULTILINE | re.DOTALL)
    return [Block(*each) for each in found]


def run(block, folder, code=0):
    """Run the block as a reader would, check its exit code, and return what it prints."""
    command = ["bash", "-euc", block.text] if block.language == "sh" else [sys.executable, "-c", block.text]
    path = os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])
    environment = {**os.environ, "PATH": path, "TF_CPP_MIN_LOG_LEVEL": "3", "LANG": "C.UTF-8"}
    environment["PYTHONPATH"] = os.pathsep.join(filter(None, [".", os.environ.get("PYTHONPATH")]))
    process = subprocess.run(command, cwd=folder, env=environment, capture_output=True, encoding="utf-8", check=False)
    assert process.returncode == code, f"{block.text}\n{process.stdout}\n{process.stderr}"
    return process.stdout


def said(line, printed):
    """Return whether a line like `line` was printed, with numbers that are close, in English or Spanish notation."""
    number = r"\d+\.\d+"
    line, printed = (re.sub(r"(?<=\d),(?=\d)", ".", text) for text in (line, printed))
    wanted = [float(each) for each in re.findall(number, line)]
    return any(
        re.sub(number, "#", each) == re.sub(number, "#", line)
        and all(abs(float(a) - b) < CLOSE for a, b in zip(re.findall(number, each), wanted, strict=True))
        for each in printed.splitlines()
    )


@pytest.mark.slow
def test_the_tutorial_prints_what_it_shows(tmp_path):
    ran, checked = 0, 0
    printed = ""
    for block in blocks(ROOT / "docs" / "tutorial.md"):
        if block.language in ("sh", "python"):
            printed = run(block, tmp_path)
            ran += 1
        elif not block.text.startswith("photos/"):
            for line in block.text.splitlines():
                assert said(line, printed), f"not said: {line}\n{printed}"
                checked += 1
    assert (ran, checked) == (14, 14)


@pytest.mark.slow
def test_each_loop_of_faster_computes_the_same(tmp_path):
    """The page itself asserts that all loops have equal costs at each step; here, that no loop is left out."""
    page = ROOT / "docs" / "faster.md"
    code = "\n".join(block.text for block in blocks(page) if block.language == "python")
    (tmp_path / "loop.py").write_text(code, encoding="utf-8")  # AutoGraph needs sources in files
    printed = run(Block("sh", "python loop.py"), tmp_path)
    names = re.findall(r'^ways\["([^"]+)"\]', code, re.MULTILINE)
    times = r"^(\S.*?\S) +[\d,]+ ms +[\d.]+ ×$"
    assert len(names) == 6
    assert re.findall(times, printed, re.MULTILINE) == names
    shown = "\n".join(block.text for block in blocks(page) if not block.language)
    assert re.findall(times, shown, re.MULTILINE) == names
    spanish = [re.sub(r" +#.*", "", block.text) for block in blocks(page.with_name("faster.es.md"))]
    assert spanish == [re.sub(r" +#.*", "", block.text) for block in blocks(page)]
    assert "was traced 5 times in 5 calls" in printed
    first, second = (float(cost) for cost in printed.splitlines()[-1].strip("[]").split(","))
    assert second < first < 1.2  # the initial weights of the Keras model are random


def commands_of(page):
    """Return the commands in the blocks of a page, and those mentioned in its sentences."""
    text = page.read_text(encoding="utf-8")
    inside = "\n".join(block.text for block in blocks(page))
    lines = re.findall(r"^\s*(?:\$ )?(descenso [a-z](?:\\\n|[^\n])*)", inside, re.MULTILINE)
    between = re.sub(r"^```.*?^```", "", text, flags=re.MULTILINE | re.DOTALL)
    mentioned = [" ".join(found.split()) for found in re.findall(r"`(descenso [a-z][^`]*)`", between)]
    return [line.replace("\\\n", " ") for line in lines], mentioned


def test_commands_of_the_pages_are_commands():
    """Every command and option on the pages exists; a command that is only mentioned may lack arguments."""
    pages = [*ROOT.glob("docs/**/*.md"), *ROOT.glob("*.md")]
    seen, wrong = 0, []
    for page in pages:
        lines, mentioned = commands_of(page)
        for line in (*lines, *mentioned):
            passed, told = parsed(words_of(line))
            lacking = line in mentioned and re.search(r"Missing argument|Missing option|requires an argument", told)
            if passed is None and not lacking:
                wrong.append(f"{page.name}: {line}\n{told}")
            seen += 1
    assert not wrong, "\n".join(wrong)
    assert seen > 100


def test_numbers_are_compared_within_a_tolerance():
    printed = "Test accuracy: 0.9221\nRun: runs/a-001\n"
    assert said("Test accuracy: 0.9229", printed)
    assert said("Run: runs/a-001", printed)
    assert not said("Test accuracy: 0.9421", printed)
    assert not said("Run: runs/a-002", printed)
    assert not said("accuracy: 0.9221", printed)


@pytest.mark.slow
def test_the_page_of_own_rules_runs(tmp_path):
    ran = 0
    for block in blocks(ROOT / "docs" / "own-rules.md"):
        if block.text.startswith("# my_rules.py"):
            (tmp_path / "my_rules.py").write_text(block.text, encoding="utf-8")
        printed = run(block, tmp_path)
        ran += 1
    assert ran == 3
    assert "Nothing found." in printed
    accuracies = [float(each) for each in re.findall(r"Test accuracy: (0[.]\d+)", printed)]
    assert len(accuracies) == 2
    assert min(accuracies) > 0.7


PAIRS = sorted(page.name.removesuffix(".es.md") for page in (ROOT / "docs").glob("*.es.md"))


def without_comments(text):
    return [re.split(r"\s+# ", line)[0].rstrip() for line in text.splitlines()]


def typed(block):
    """Return what a reader types: all code of a block, or the commands among its output, without comments."""
    if block.language in ("sh", "python"):
        return without_comments(block.text)
    return [
        line
        for line in without_comments(block.text)
        if re.match(r"(\$ )?(descenso|python|tensorboard) |    .*--", line)
    ]


def numbers(block, comma):
    """Return the numbers of a block, sorted, since sentences in two languages may name them in another order.

    Args:
        block: in English, 2,000 rows and 0.5; or in Spanish, 2000 filas and 0,5.
        comma: replacement of a comma between digits.
    """
    text = re.sub(r"(?<=\d),(?=\d)", comma, re.sub(r"\[[\d, ]*\]", "", block.text))  # without shapes
    return sorted(re.findall(r"\d+(?:\.\d+)?(?:e[-+]\d+)?", text))


def headings(page):
    outside = re.sub(r"^```.*?^```$", "", page.read_text(encoding="utf-8"), flags=re.MULTILINE | re.DOTALL)
    return [len(level) for level in re.findall(r"^(#+) ", outside, re.MULTILINE)]


def both(name):
    return ROOT / "docs" / f"{name}.md", ROOT / "docs" / f"{name}.es.md"


def test_the_pages_of_a_learner_are_in_both_languages():
    learner = {
        "tutorial",
        "compare",
        "doctor",
        "porting",
        "export",
        "glossary",
        "faster",
        "python",
        "own-rules",
        "json",
        "own-data",
    }
    assert learner <= set(PAIRS)


@pytest.mark.parametrize("name", PAIRS)
def test_both_languages_of_a_page_have_the_same_parts(name):
    english, spanish = both(name)
    assert headings(english) == headings(spanish)
    rows = [len(re.findall(r"^\|.*\|$", page.read_text(encoding="utf-8"), re.MULTILINE)) for page in both(name)]
    assert rows[0] == rows[1]


@pytest.mark.parametrize("name", PAIRS)
def test_both_languages_of_a_page_have_the_same_code(name):
    english, spanish = map(blocks, both(name))
    assert [block.language for block in english] == [block.language for block in spanish]
    for one, other in zip(english, spanish, strict=True):
        assert typed(one) == typed(other)
        if one.language != "python":  # in Python, comments are translated
            assert numbers(one, "") == numbers(other, "."), other.text


@pytest.mark.parametrize("name", PAIRS)
def test_each_language_of_a_page_links_to_the_other(name):
    english, spanish = (page.read_text(encoding="utf-8").splitlines()[2] for page in both(name))
    assert english == f"[En español]({name}.es.md)"
    assert spanish == f"[In English]({name}.md)"


def test_links_lead_to_pages():
    """A Spanish page links to Spanish pages where there are any."""
    pages = [*(ROOT / "docs").glob("*.md"), ROOT / "README.md", ROOT / "README.es.md"]
    for page in pages:
        for link in re.findall(r"\]\(([\w./-]+\.md)\)", page.read_text(encoding="utf-8")):
            target = (page.parent / link).resolve()
            assert target.exists(), f"{page.name}: {link}"
            if page.name.endswith(".es.md") and not target.name.endswith(".es.md"):
                itself = target.name == page.name.replace(".es.md", ".md")
                assert itself or not target.with_name(f"{target.stem}.es.md").exists(), f"{page.name}: {link}"


def test_differences_between_languages_are_detected():
    one = Block("sh", "descenso train --epochs 3  # three\n")
    assert typed(one) == typed(Block("sh", "descenso train --epochs 3  # tres\n"))
    assert typed(one) != typed(Block("sh", "descenso train --epochs 4  # tres\n"))
    shown = Block("", "descenso runs\nTest accuracy: 0.92, 12 epochs\n")
    same, other = Block("", "descenso runs\n12 épocas: 0,92\n"), Block("", "descenso runs\n12 épocas: 0,93\n")
    assert numbers(shown, "") == numbers(same, ".") != numbers(other, ".")
    assert typed(shown) == typed(same) == ["descenso runs"]


@pytest.mark.slow
def test_the_page_on_python_runs_from_top_to_bottom(tmp_path):
    page = [block.text for block in blocks(ROOT / "docs" / "python.md") if block.language == "python"]
    printed = run(Block("python", "\n".join(page)), tmp_path)
    assert len(page) == 5
    assert "<Evaluation: accuracy 0.9" in printed
    assert "['7' '2' '1' '0' '4'] (5, 10)" in printed
