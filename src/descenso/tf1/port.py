"""Read a TensorFlow 1 script: its removed and changed calls, and the training runs as settings of descenso.

Calls are found through the imports of the script and its simple assignments.
"""

import ast
from pathlib import Path
from typing import Any, NamedTuple

from descenso.errors import DataError
from descenso.text import _
from descenso.tf1.arguments import changes
from descenso.tf1.calls import CHANGED
from descenso.tf1.descents import Descent, read_descents
from descenso.tf1.source import ROOT, Place, Source, imports, read_source
from descenso.tf1.symbols import BY_CALL, ORDER, find
from descenso.tf1.values import read

PLACEHOLDERS = ("compat.v1.placeholder", "compat.v1.placeholder_with_default", "compat.v1.sparse_placeholder")
MAKES_GRAPHS = ("compat.v1.disable_v2_behavior", "compat.v1.disable_eager_execution", "Graph", "compat.v1.Graph")
MAGIC = "%tensorflow_version"


class Finding(NamedTuple):
    """A call that was removed or changed."""

    place: Place
    call: str  # as it is written
    symbol: str  # its name below `tensorflow`
    instead: str  # replacement: code, or a sentence marked for the catalogue
    lesson: str  # name of the lesson of `descenso explain`

    def as_json(self) -> dict[str, Any]:
        """Return plain values, in the language in use."""
        return {**self.place._asdict(), **self._asdict(), "instead": _(self.instead), "place": str(self.place)}


class _Finder(ast.NodeVisitor):
    """Visit the parts of a script in order, with the TensorFlow symbols that names stand for at each line."""

    def __init__(self) -> None:
        self.cell: int | None = None
        self.symbols: dict[str, str] = {}  # by name
        self.findings: list[Finding] = []
        self.seen: dict[str, Finding] = {}  # first uses of `PLACEHOLDERS` and `MAKES_GRAPHS`

    def bind(self, name: str, symbol: str) -> None:
        """Let `name` stand for `symbol`; for nothing if that is none of TensorFlow's."""
        self.symbols[name] = symbol if symbol.partition(".")[0] == ROOT else ""

    def resolved(self, node: ast.AST) -> str:
        """Return the symbol of `node`, "tensorflow.train.Saver()" for a call; "" if it is none."""
        match node:
            case ast.Name(id=name):
                return self.symbols.get(name, "")
            case ast.Attribute(value=inner, attr=name):
                end = f".{name}"
            case ast.Call(func=inner):
                end = "()"
            case _:
                return ""
        symbol = self.resolved(inner)
        return symbol and symbol + end

    def symbol(self, node: ast.AST) -> str:
        """Return the symbol of `node` below `tensorflow`."""
        return self.resolved(node).partition(".")[2]

    def visit_Import(self, node: ast.Import | ast.ImportFrom) -> None:
        for name, symbol, imported in imports(node):
            self.bind(name, symbol)
            root, _dot, rest = imported.partition(".")
            if root == ROOT:
                self._look(rest, node)

    visit_ImportFrom = visit_Import  # noqa: N815 - the name that ast looks for

    def visit_Assign(self, node: ast.Assign) -> None:
        self.generic_visit(node)
        for target in node.targets:
            if isinstance(target, ast.Name):
                self.bind(target.id, self.resolved(node.value))

    def visit_withitem(self, node: ast.withitem) -> None:
        self.generic_visit(node)
        if isinstance(node.optional_vars, ast.Name):
            self.bind(node.optional_vars.id, self.resolved(node.context_expr))

    def visit_Name(self, node: ast.Name) -> None:
        if isinstance(node.ctx, ast.Load):
            self._look(self.symbol(node), node)

    def visit_Attribute(self, node: ast.Attribute) -> None:
        if node.attr == "value" and (shape := _shape_of(node.value)):
            place = Place(self.cell, node.lineno)
            self.findings.append(Finding(place, _written(node), "Dimension.value", shape, "dimension"))
        gone = self._look(self.symbol(node), node)
        if not gone or any(isinstance(inner, ast.Call) for inner in ast.walk(node.value)):
            self.generic_visit(node)

    def visit_Call(self, node: ast.Call) -> None:
        symbol, place = self.symbol(node.func), Place(self.cell, node.lineno)
        if symbol and "()" not in symbol and not symbol.startswith("compat.v1.") and not find(symbol):
            for argument, instead, lesson in changes(symbol, node):
                call = f"{ast.unparse(node.func)}({argument})"
                changed = symbol if symbol in CHANGED else f"{symbol}({argument})"
                self.findings.append(Finding(place, call, changed, instead, lesson))
        elif not symbol and isinstance(node.func, ast.Attribute) and _is_fed(node):  # of what is not known
            known = BY_CALL[f"().{node.func.attr}"]
            self.findings.append(Finding(place, _written(node.func), f"().{node.func.attr}", known.instead,
                                         known.lesson.name))  # fmt: skip
        self.generic_visit(node)

    def _look(self, symbol: str, node: ast.AST) -> bool:
        """Record `symbol` at `node` if it is removed; return whether it is."""
        if not symbol or symbol.endswith("()"):
            return False
        known, place = find(symbol), Place(self.cell, getattr(node, "lineno", 1))
        if known:
            self.findings.append(Finding(place, _written(node), symbol, known.instead, known.lesson.name))
        elif symbol in (*PLACEHOLDERS, *MAKES_GRAPHS):
            unused = Finding(place, _written(node), symbol, "tf.compat.v1.disable_v2_behavior()", "placeholder")
            self.seen.setdefault(symbol, unused)
        return known is not None


def _is_fed(node: ast.Call) -> bool:
    """Whether a method is called as `run` and `eval` of TensorFlow 1 are."""
    names = {keyword.arg for keyword in node.keywords}
    return isinstance(node.func, ast.Attribute) and node.func.attr in ("run", "eval") and "feed_dict" in names


def _shape_of(node: ast.expr) -> str:
    """Return how an axis of a shape is written today; "" if `node` is none."""
    match node:
        case ast.Subscript(value=ast.Call(func=ast.Attribute(value=tensor, attr="get_shape")), slice=axis):
            return f"{ast.unparse(tensor)}.shape[{ast.unparse(axis)}]"
        case ast.Subscript(value=ast.Attribute(attr="shape")):
            return ast.unparse(node)
    return ""


def _written(node: ast.AST) -> str:
    """Return the source of `node` without the arguments of calls."""
    if isinstance(node, ast.Attribute):
        return f"{_written(node.value)}.{node.attr}"
    return f"{_written(node.func)}(…)" if isinstance(node, ast.Call) else ast.unparse(node)


def find_all(source: Source) -> list[Finding]:
    """Find the removed and changed calls in `source`, in its order.

    Placeholders of `tensorflow.compat.v1` work without eager execution; if it is not disabled, they are found, too.
    """
    finder = _Finder()
    everywhere = [node for _cell, tree in source.parts for node in ast.walk(tree)]
    for node in reversed(everywhere):  # cells may be run in another order than they stand in
        if isinstance(node, ast.Import | ast.ImportFrom):
            for name, symbol, _imported in imports(node):
                finder.bind(name, symbol)
    for cell, tree in source.parts:
        finder.cell = cell
        finder.visit(tree)
    alive = all(found.symbol in CHANGED or found.lesson == ORDER.name for found in finder.findings)
    findings = [] if alive else finder.findings
    if not set(MAKES_GRAPHS) & set(finder.seen):
        findings += [finder.seen[symbol] for symbol in PLACEHOLDERS if symbol in finder.seen][:1]
    instead, magic = BY_CALL[MAGIC].instead, BY_CALL[MAGIC].lesson.name
    findings += [Finding(place, line, MAGIC, instead, magic) for place, line in source.magics if MAGIC[1:] in line]
    return sorted(findings, key=lambda finding: (finding.place.cell or 0, finding.place.line))


class Ported(NamedTuple):
    """Findings and training runs of a script or notebook, in its order."""

    findings: list[Finding]
    descents: list[Descent] | None  # None if its functions call one another too often

    def as_json(self) -> dict[str, Any]:
        """Return plain values."""
        descents = None if self.descents is None else [descent.as_json() for descent in self.descents]
        return {"findings": [finding.as_json() for finding in self.findings], "descents": descents}


def port(path: Path) -> Ported:
    """Read the script or notebook at `path` without running it.

    Raises:
        DataError: if it cannot be read; see `descenso.tf1.source.read_source`.
    """
    try:
        source = read_source(path)
        events = read(source)
        return Ported(find_all(source), None if events is None else read_descents(events))
    except (RecursionError, MemoryError):
        raise DataError(_("{path}: nested more deeply than can be read").format(path=path)) from None
