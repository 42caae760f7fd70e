"""Read and parse scripts and notebooks without running them; records of the values that are read in them."""

import ast
import contextlib
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
MOST_MAGICS = 100  # that are found one after the other, each where Python sees an error
MOST_BITS = 48  # of a whole number
MAGIC = re.compile(r"^(\s*)(?:[%!?].*|[\w.]+\?{1,2}\s*)$")
TIMED = re.compile(r"^(\s*)%time\s+(?!-)(\S.*)$")
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
    texts: list[str]  # text of each part, its lines as in the file, with magics commented out


def read_source(path: Path) -> Source:
    """Read the script (.py) or notebook (.ipynb) at `path` and parse it.

    Raises:
        DataError: if it cannot be read, is too large, or is no Python 3; names cell and line.
        RecursionError, MemoryError: if it is nested too deeply.
    """
    return parsed(path, read_texts(path))


def read_texts(path: Path) -> list[tuple[int | None, str]]:
    """Read the code of the script or notebook at `path`: number and text of each code cell, or None and the script.

    Raises:
        DataError: as `read_source`.
        RecursionError, MemoryError: if a notebook's JSON is nested too deeply.
    """
    if path.suffix.lower() not in (".py", ".ipynb"):
        message = _("{path}: neither a script nor a notebook; give a file called .py or .ipynb")
        raise DataError(message.format(path=path))
    notebook = path.suffix.lower() == ".ipynb"
    with _readable(path):
        with open_regular(path, MOST_NOTEBOOK if notebook else MOST_SOURCE) as file:
            content = file.read()
        return _cells(path, content) if notebook else [(None, decode_source(content))]


def parsed(path: Path, texts: list[tuple[int | None, str]]) -> Source:
    """Parse the texts of the cells, or of the script, at `path`.

    Raises:
        DataError, RecursionError, MemoryError: as `read_source`.
    """
    source = Source([], [], [])
    with _readable(path):
        for cell, text in texts:
            tree, plain, magics = _parsed(path, cell, text)
            source.parts.append((cell, tree))
            source.texts.append(plain)
            source.magics.extend(magics)
    return source


@contextlib.contextmanager
def _readable(path: Path) -> Iterator[None]:
    try:
        yield
    except DataError:
        raise
    except (OSError, ValueError, SyntaxError, LookupError) as error:
        raise DataError(_("{path}: cannot be read ({reason})").format(path=path, reason=reason_of(error))) from None


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


def _parsed(path: Path, cell: int | None, text: str) -> tuple[ast.Module, str, list[tuple[Place, str]]]:
    """Parse one cell; return its tree, its text with the magics of notebooks commented out, and the magics.

    Only lines that are no Python are taken for magics: a string or a formula may have a line that begins with %.
    """
    lines = [line.rstrip("\r") for line in text.split("\n")]
    magics: dict[int, str] = {}  # by number of the line
    if OTHER_LANGUAGE.match(text):
        magics[0] = lines[0]
        lines = [f"# {line}" for line in lines]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of invalid escapes, and similar
        for attempts_left in reversed(range(MOST_MAGICS)):
            try:
                tree = ast.parse("\n".join(lines))
                break
            except SyntaxError as error:
                found = _leave_out(lines, (error.lineno or 1) - 1) if attempts_left else {}
                if not found:  # it is not where the error is said to be: every line that looks like one
                    for number in range(len(lines)):
                        found |= _leave_out(lines, number)
                if not found:
                    raise no_python(path, cell, error) from None
                magics |= found
    return tree, "\n".join(lines), [(Place(cell, number + 1), magics[number].strip()) for number in sorted(magics)]


def no_python(path: Path, cell: int | None, error: SyntaxError, text: str = "") -> DataError:
    """Return the error on a part that is no Python 3, whose text is needed if `error` holds no line of it."""
    lines = text.split("\n")[(error.lineno or 1) - 1 :][:1]
    line = (error.text or "".join(lines)).strip()[:80]
    message = (
        _("{path}: {where} is Python 2 ({line}); bring it to Python 3 first, as with print(…)")
        if PYTHON_2.search(error.msg)
        else _("{path}: {where} is no Python ({line}): {reason}")
    )
    where = Place(cell, error.lineno or 1).text
    return DataError(message.format(path=path, where=where, line=line, reason=error.msg))


def _leave_out(lines: list[str], number: int) -> dict[int, str]:
    """Comment out the magic in the line `number`, with the lines that continue it; return them, by their number.

    Of `%time statement` the statement stays, and of an assignment None.
    """
    if not 0 <= number < len(lines):
        return {}
    line = lines[number]
    timed, magic, value = TIMED.match(line), MAGIC.match(line), MAGIC_VALUE.match(line)
    if timed:
        lines[number] = f"{timed[1]}{timed[2]}  # %time"
    elif magic:
        lines[number] = f"{magic[1]}pass  # {line.strip()}" if magic[1] else f"# {line}"
    elif value:
        lines[number] = f"{value[1]}None  # {line.strip()}"
    else:
        return {}
    found = {number: line}
    while not timed and line.endswith("\\") and number + 1 < len(lines):
        number += 1
        line = lines[number]
        lines[number] = f"# {line}"
    return found


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
