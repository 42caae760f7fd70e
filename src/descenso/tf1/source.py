"""Read and parse scripts and notebooks without running them; records of the values that are read in them."""

import ast
import json
import math
import re
import warnings
from collections.abc import Iterator
from dataclasses import dataclass, field
from importlib.util import decode_source
from pathlib import Path
from typing import Any, NamedTuple

from descenso.errors import DataError
from descenso.files import open_regular
from descenso.text import _, reason_of

ROOT = "tensorflow"
MOST_SOURCE = 2**18  # bytes of Python; its syntax tree takes about a hundred times as much
MOST_NOTEBOOK = 2**23  # bytes of JSON
MOST_BITS = 48  # of a whole number
MAGIC = re.compile(r"^(\s*)(?:[%!].*|[\w.]+\?{1,2}\s*)$")
MAGIC_VALUE = re.compile(r"^([^=%!]*=\s*)[%!].*$")
OTHER_LANGUAGE = re.compile(r"\s*%%(?!time|timeit|capture|prun)\w")
PYTHON_2 = re.compile(
    r"Missing parentheses in call to '(print|exec)'|multiple exception types must be parenthesized|"
    r"leading zeros in decimal integer"
)


class Place(NamedTuple):
    """Place in a script or notebook, counted from 1."""

    cell: int | None  # None in a script
    line: int  # of the cell, or of the script

    @property
    def text(self) -> str:
        """Description in the language in use."""
        line = _("line {line}").format(line=self.line)
        return _("cell {cell}, {line}").format(cell=self.cell, line=line) if self.cell else line

    def __str__(self) -> str:
        return f"{self.cell}:{self.line}" if self.cell else str(self.line)


class Source(NamedTuple):
    """Syntax trees of a script or notebook."""

    parts: list[tuple[int | None, ast.Module]]  # number and tree of each cell; None and the tree of a script
    magics: list[tuple[Place, str]]  # lines that only a notebook understands


def read_source(path: Path) -> Source:
    """Read the script (.py) or notebook (.ipynb) at `path`.

    Raises:
        DataError: if it cannot be read, is too large, or is no Python 3; names cell and line.
        RecursionError, MemoryError: if it is nested too deeply.
    """
    if path.suffix.lower() not in (".py", ".ipynb"):
        message = _("{path}: neither a script nor a notebook; give a file called .py or .ipynb")
        raise DataError(message.format(path=path))
    notebook = path.suffix.lower() == ".ipynb"
    try:
        with open_regular(path, MOST_NOTEBOOK if notebook else MOST_SOURCE) as file:
            content = file.read()
        texts = _cells(path, content) if notebook else [(None, decode_source(content))]
        parts, magics = [], []
        for cell, text in texts:
            tree, lines = _parsed(path, cell, text)
            parts.append((cell, tree))
            magics += lines
    except DataError:
        raise
    except (OSError, ValueError, SyntaxError, LookupError) as error:
        raise DataError(_("{path}: cannot be read ({reason})").format(path=path, reason=reason_of(error))) from None
    return Source(parts, magics)


def _cells(path: Path, content: bytes) -> list[tuple[int | None, str]]:
    """Return the code cells of a notebook with their numbers, from 1."""
    notebook = json.loads(content)
    if isinstance(notebook, dict) and isinstance(notebook.get("worksheets"), list):  # version 3 of the format
        sheets = [sheet for sheet in notebook["worksheets"] if isinstance(sheet, dict)]
        notebook = {"cells": [cell for sheet in sheets for cell in sheet.get("cells") or []]}
    if not isinstance(notebook, dict) or not isinstance(notebook.get("cells"), list):
        raise DataError(_("{path}: JSON, and no notebook: it has no list of cells").format(path=path))
    cells: list[tuple[int | None, str]] = []
    for cell in notebook["cells"]:
        if isinstance(cell, dict) and cell.get("cell_type") == "code":
            lines = cell.get("source", cell.get("input", ""))
            if isinstance(lines, list) and all(isinstance(line, str) for line in lines):
                lines = "".join(lines)
            if not isinstance(lines, str):
                raise DataError(_("{path}: JSON, and no notebook: a cell's source is no text").format(path=path))
            cells.append((len(cells) + 1, lines))
    if sum(len(text) for _cell, text in cells) > MOST_SOURCE:
        raise DataError(_("{path}: more than {most} characters of code").format(path=path, most=MOST_SOURCE))
    return cells


def _parsed(path: Path, cell: int | None, text: str) -> tuple[ast.Module, list[tuple[Place, str]]]:
    """Parse one cell, without the magics of notebooks if it is no Python with them; return its tree and the magics."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of invalid escapes, and similar
        try:
            return ast.parse(text), []
        except SyntaxError:
            plain, magics = _without_magics(cell, text)
        try:
            return ast.parse(plain), magics
        except SyntaxError as error:
            where = Place(cell, error.lineno or 1).text
            line = (error.text or "").strip()[:80]
            message = (
                _("{path}: {where} is Python 2 ({line}); bring it to Python 3 first, as with print(…)")
                if PYTHON_2.search(error.msg)
                else _("{path}: {where} is no Python ({line}): {reason}")
            )
            raise DataError(message.format(path=path, where=where, line=line, reason=error.msg)) from None


def _without_magics(cell: int | None, text: str) -> tuple[str, list[tuple[Place, str]]]:
    """Replace the magics in `text` by other statements, so that line numbers stay; return the text and the magics."""
    lines, magics = text.split("\n"), []
    if OTHER_LANGUAGE.match(text):
        return "", [(Place(cell, 1), lines[0])]
    for number, line in enumerate(lines):
        line = line.rstrip("\r")
        if MAGIC.match(line) or MAGIC_VALUE.match(line):
            magics.append((Place(cell, number + 1), line.strip()))
            lines[number] = MAGIC_VALUE.sub(r"\1None", MAGIC.sub(r"\1pass", line))
    return "\n".join(lines), magics


def imports(node: ast.Import | ast.ImportFrom) -> Iterator[tuple[str, str, str]]:
    """Yield, for each name in an import: the name that it binds, the symbol of that name, and the imported symbol."""
    for alias in node.names:
        if isinstance(node, ast.ImportFrom):  # a leading dot marks a module of the script's own package
            symbol = f"{'.' * node.level}{node.module}.{alias.name}"
            yield alias.asname or alias.name, symbol, symbol
        elif alias.asname:
            yield alias.asname, alias.name, alias.name
        else:
            package = alias.name.partition(".")[0]
            yield package, package, alias.name


class Symbol(NamedTuple):
    """A name below `tensorflow`, "nn.relu"."""

    name: str


@dataclass(eq=False, slots=True)
class Node:
    """Result of a call or an operation.

    `op` is the sign of the operator, the last part of a TensorFlow name, ".name" for an attribute or a method (whose
    object is the first argument), "[]", "row" for the variable of a loop, or "?" if it cannot be read.
    """

    op: str
    place: Place
    args: tuple[Any, ...] = ()
    keywords: dict[str, Any] = field(default_factory=dict)
    symbol: str = ""  # full TensorFlow name
    written: ast.AST | None = None  # expression, for messages


class Event(NamedTuple):
    """A call or a subtraction, in the order of the script."""

    node: Node  # its result
    loops: tuple[Any, ...]  # iterables of the surrounding loops, outermost first
    traced: bool  # whether it is in a @tf.function


def is_number(value: Any) -> bool:
    """Whether `value` is a finite number of usual size."""
    if isinstance(value, int):
        return not isinstance(value, bool) and value.bit_length() <= MOST_BITS
    return isinstance(value, float) and math.isfinite(value)
