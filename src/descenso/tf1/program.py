"""Read a file as the programs that it holds, with what each needs: which TensorFlow, and what cannot run."""

import ast
import contextlib
import re
import warnings
from functools import cache
from pathlib import Path
from typing import NamedTuple

from descenso.errors import DataError
from descenso.text import _
from descenso.tf1.calls import CHANGED
from descenso.tf1.port import MAGIC, Finding, find_all
from descenso.tf1.source import Place, Source, imports, no_python, parsed, read_texts
from descenso.tf1.symbols import ARGUMENT, NO_V1, ORDER

RUNNING = Path(__file__).parent / "running"
VERSION = re.compile(r"^%\s*tensorflow_version\s+([12])", re.MULTILINE)
EAGER = re.compile(r"\bGradientTape\b|\btf\.function\b|\.numpy\(\)|\benable_v2_behavior\b")
FIT = re.compile(r"\.(fit|fit_generator|train_on_batch)\(")
OF_GRAPHS = ("session", "placeholder", "initializer")  # lessons on what is in every program for a graph
HELPERS = ("examples.tutorials.mnist.", "contrib.learn.python.learn.datasets.mnist.")
PACKAGES = {"layers": "layers", "contrib.layers": "contrib"}  # that compat.v1 lacks; their modules in `running`
MADE = re.compile(r"^(?:def )?([a-z]\w*)(?:\(| = )", re.MULTILINE)  # names that a module defines
MOST_MODULES = 100  # beside a program, that are read
QUIET = re.compile(r"[%!]{1,2}\s*(matplotlib|tensorflow_version|pylab|config|time|timeit|capture|load_ext|reload_ext|"
                   r"autoreload|precision|pip|conda|apt|apt-get|nvidia-smi)\b|\?.*|.*\?$")  # fmt: skip


@cache
def answered_symbols() -> frozenset[str]:
    """Return the symbols that compat.v1 does not have, and that `running` has in its place, but those of HELPERS."""
    texts = {name: (RUNNING / f"{module}.py").read_text(encoding="utf-8") for name, module in PACKAGES.items()}
    return frozenset(PACKAGES) | {f"{name}.{made}" for name, text in texts.items() for made in MADE.findall(text)}


class Block(NamedTuple):
    """What runs as one: a script or a cell."""

    cell: int | None
    written: str  # text as in the file
    plain: str  # text with magics commented out


class Program(NamedTuple):
    """A program, which runs in a process of its own."""

    blocks: list[Block]
    old: bool  # whether it is for TensorFlow 1, and so has the names of tensorflow.compat.v1
    graphs: bool  # whether version 2's behaviour is off: not where an old program only fits a Keras model
    dead: list[Finding]  # calls that cannot work when it is run
    answered: frozenset[str]  # symbols that are gone, and that descenso has for it
    magics: list[tuple[Place, str]]  # lines for a notebook or a shell that are left out
    beside: list[Path]  # modules in its folder that it imports

    @property
    def left_out(self) -> list[tuple[Place, str]]:
        """Magics whose absence may change what the program does."""
        return [(place, line) for place, line in self.magics if not QUIET.match(line)]


def read_programs(path: Path) -> list[Program]:
    """Read the programs in the script or notebook at `path` without running it.

    They are several if %tensorflow_version changes: Colab restarts its process there.

    Raises:
        DataError: if it cannot be read; see `descenso.tf1.source.read_source`.
    """
    try:
        return [_program(path, texts, version) for version, texts in _by_version(read_texts(path))]
    except (RecursionError, MemoryError):
        raise DataError(_("{path}: nested more deeply than can be read").format(path=path)) from None


Texts = list[tuple[int | None, str]]


def _by_version(texts: Texts) -> list[tuple[str, Texts]]:
    """Part the texts where another version is asked for; line numbers stay. The version is "" where none is named."""
    parts: list[tuple[str, Texts]] = [("", [])]
    for cell, text in texts:
        begin = 0
        for match in VERSION.finditer(text):
            version, kept = parts[-1]
            if not version:
                parts[-1] = match[1], kept
            elif version != match[1]:
                kept.append((cell, _piece(text, begin, match.start())))
                parts.append((match[1], []))
                begin = match.start()
        parts[-1][1].append((cell, _piece(text, begin, len(text))))
    return parts


def _piece(text: str, begin: int, end: int) -> str:
    return "\n" * text.count("\n", 0, begin) + text[begin:end]


def _program(path: Path, texts: Texts, version: str) -> Program:
    source = parsed(path, texts)
    beside = _beside(path, source)
    everything = [text for part in (source, *beside.values()) for text in part.texts]
    blocks = [Block(cell, text, plain) for (cell, text), plain in zip(texts, source.texts, strict=True)]
    for cell, _written, plain in blocks:  # text that parses may not compile: a return outside of a function
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                compile(plain, str(path), "exec", dont_inherit=True)
        except SyntaxError as error:
            raise no_python(path, cell, error, plain) from None
    findings = [finding for finding in find_all(source) if finding.symbol != MAGIC]
    everywhere = [*findings, *(finding for module in beside.values() for finding in find_all(module))]
    old = version == "1" if version else _is_old(everything, everywhere)
    answered = frozenset(finding.symbol for finding in findings if _is_answered(finding))
    dead = [finding for finding in findings if not _is_answered(finding) and _is_dead(finding, old)]
    graphs = old and _makes_graphs(everything, everywhere)
    return Program(blocks, old, graphs, dead, answered, source.magics, list(beside))


def _beside(file: Path, source: Source) -> dict[Path, Source]:
    """Parse the modules beside a program that it imports, and those that they import; by their paths."""
    found: dict[Path, Source] = {}
    waiting = [source]
    while waiting:
        nodes = [node for _cell, tree in waiting.pop().parts for node in ast.walk(tree)]
        for node in nodes:
            if not isinstance(node, ast.Import | ast.ImportFrom):
                continue
            for path in (path for _name, symbol, _imported in imports(node) for path in _paths(file.parent, symbol)):
                if path not in (file, *found) and len(found) < MOST_MODULES and path.is_file():
                    found[path] = Source([], [], [])
                    with contextlib.suppress(DataError):  # Python reports its errors if it is imported
                        found[path] = parsed(path, read_texts(path))
                    waiting.append(found[path])
    return found


def _paths(folder: Path, symbol: str) -> list[Path]:
    """Return where the modules of an imported name could be: of "a.b", a.py, a/__init__.py, a/b.py …"""
    parts = symbol.split(".")
    places = [folder.joinpath(*parts[: number + 1]) for number in range(len(parts) if parts[0] else 0)]
    return [path for place in places for path in (place.with_name(f"{place.name}.py"), place / "__init__.py")]


def _is_old(texts: list[str], findings: list[Finding]) -> bool:
    """Whether a program that does not say so is for TensorFlow 1: by graphs, or by calls that are gone from 2."""
    if any(finding.lesson in OF_GRAPHS for finding in findings):
        return True
    return bool(findings) and not any(EAGER.search(text) for text in texts)


def _makes_graphs(texts: list[str], findings: list[Finding]) -> bool:
    """Whether a program for TensorFlow 1 runs graphs; Keras fits a model without one only."""
    runs = any(finding.lesson in OF_GRAPHS[1:] or finding.symbol.endswith("().run") for finding in findings)
    return runs or not any(FIT.search(text) for text in texts)


def _is_answered(finding: Finding) -> bool:
    symbol = finding.symbol.removeprefix("compat.v1.")
    return symbol in answered_symbols() or f"{symbol}.".startswith(HELPERS)


def _is_dead(finding: Finding, old: bool) -> bool:
    symbol = finding.symbol.removeprefix("compat.v1.")
    if old:  # compat.v1 has cells, but needs Keras 2 to make one
        return symbol.partition(".")[0] in NO_V1 or f"{symbol}.".startswith("nn.rnn_cell.")
    return symbol not in CHANGED and finding.lesson not in (ARGUMENT.name, ORDER.name)
