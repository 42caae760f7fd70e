"""Scripts and notebooks of other people, read and never run."""

import ast
import io
import json
import re
import tokenize
import warnings
from pathlib import Path
from typing import NamedTuple

from descenso.errors import DataError
from descenso.files import open_regular
from descenso.text import _

MOST_SOURCE = 2**18  # bytes of Python; a tree of it takes some hundred times as much
MOST_NOTEBOOK = 2**23  # bytes of JSON
MAGIC = re.compile(r"^(\s*)(?:[%!].*|[\w.]+\?{1,2}\s*)$")
MAGIC_VALUE = re.compile(r"^([^=%!]*=\s*)[%!].*$")
OTHER_LANGUAGE = re.compile(r"\s*%%(?!time|timeit|capture|prun)\w")
PYTHON_2 = re.compile(
    r"Missing parentheses in call to '(print|exec)'|multiple exception types must be parenthesized|"
    r"leading zeros in decimal integer"
)


class Place(NamedTuple):
    """Where something stands, as a person counts: from 1.

    Attributes:
        cell: of a notebook; None in a script.
        line: of the cell, or of the script.
    """

    cell: int | None
    line: int

    @property
    def told(self) -> str:
        """As a sentence has it."""
        line = _("line {line}").format(line=self.line)
        return _("cell {cell}, {line}").format(cell=self.cell, line=line) if self.cell else line

    def __str__(self) -> str:
        return f"{self.cell}:{self.line}" if self.cell else str(self.line)


class Source(NamedTuple):
    """Python to be read, a part for each cell.

    Attributes:
        parts: the tree of each part, by the number of its cell.
        magics: where lines stood that only a notebook understands, with what they said.
    """

    parts: list[tuple[int | None, ast.Module]]
    magics: list[tuple[Place, str]]


def read_source(path: Path) -> Source:
    """The script (.py) or notebook (.ipynb) at `path`.

    Raises:
        DataError: where it cannot be read, is too large, is no Python, or is Python 2; cell and line are named.
    """
    if path.suffix.lower() not in (".py", ".ipynb"):
        raise DataError(
            _("{path}: neither a script nor a notebook; give a file called .py or .ipynb").format(path=path)
        )
    notebook = path.suffix.lower() == ".ipynb"
    try:
        with open_regular(path, MOST_NOTEBOOK if notebook else MOST_SOURCE) as file:
            content = file.read()
        texts = _cells(path, content) if notebook else [(None, _decoded(content))]
        parts, magics = [], []
        for cell, text in texts:
            tree, found = _parsed(path, cell, text)
            parts.append((cell, tree))
            magics += found
    except DataError:
        raise
    except (RecursionError, MemoryError):
        raise DataError(_("{path}: nested more deeply than can be read").format(path=path)) from None
    except (OSError, ValueError, SyntaxError, LookupError) as error:
        reason = getattr(error, "strerror", None) or error
        raise DataError(_("{path}: cannot be read ({reason})").format(path=path, reason=reason)) from None
    return Source(parts, magics)


def _decoded(content: bytes) -> str:
    encoding, _lines = tokenize.detect_encoding(io.BytesIO(content).readline)
    return content.decode(encoding)


def _cells(path: Path, content: bytes) -> list[tuple[int | None, str]]:
    """The code of a notebook, by the number of its cell, counting those with code."""
    notebook = json.loads(content)
    if isinstance(notebook, dict) and isinstance(notebook.get("worksheets"), list):  # of the format's version 3
        sheets = [sheet for sheet in notebook["worksheets"] if isinstance(sheet, dict)]
        notebook = {"cells": [cell for sheet in sheets for cell in sheet.get("cells") or []]}
    if not isinstance(notebook, dict) or not isinstance(notebook.get("cells"), list):
        raise DataError(_("{path}: JSON, and no notebook: it has no list of cells").format(path=path))
    found: list[tuple[int | None, str]] = []
    for cell in notebook["cells"]:
        if isinstance(cell, dict) and cell.get("cell_type") == "code":
            lines = cell.get("source", cell.get("input", ""))
            if isinstance(lines, list) and all(isinstance(line, str) for line in lines):
                lines = "".join(lines)
            if not isinstance(lines, str):
                raise DataError(_("{path}: JSON, and no notebook: a cell's source is no text").format(path=path))
            found.append((len(found) + 1, lines))
    if sum(len(text) for _cell, text in found) > MOST_SOURCE:
        raise DataError(_("{path}: more than {most} characters of code").format(path=path, most=MOST_SOURCE))
    return found


def _parsed(path: Path, cell: int | None, text: str) -> tuple[ast.Module, list[tuple[Place, str]]]:
    """The tree of one part; where it is no Python as it stands, once what notebooks add has been taken out."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of escapes that are none, and the like
        try:
            return ast.parse(text), []
        except SyntaxError:
            plain, magics = _without_magics(cell, text)
        try:
            return ast.parse(plain), magics
        except SyntaxError as error:
            where = Place(cell, error.lineno or 1).told
            line = (error.text or "").strip()[:80]
            told = (
                _("{path}: {where} is Python 2 ({line}); bring it to Python 3 first, as with print(…)")
                if PYTHON_2.search(error.msg)
                else _("{path}: {where} is no Python ({line}): {reason}")
            )
            raise DataError(told.format(path=path, where=where, line=line, reason=error.msg)) from None


def _without_magics(cell: int | None, text: str) -> tuple[str, list[tuple[Place, str]]]:
    """`text` with other lines in the place of a notebook's own, so that all others keep their numbers."""
    lines, magics = text.split("\n"), []
    if OTHER_LANGUAGE.match(text):
        return "", [(Place(cell, 1), lines[0])]
    for number, line in enumerate(lines):
        line = line.rstrip("\r")
        if MAGIC.match(line) or MAGIC_VALUE.match(line):
            magics.append((Place(cell, number + 1), line.strip()))
            lines[number] = MAGIC_VALUE.sub(r"\1None", MAGIC.sub(r"\1pass", line))
    return "\n".join(lines), magics
