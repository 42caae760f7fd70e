"""Find removed and changed TensorFlow calls in a script, through its imports and simple assignments."""

import ast
from typing import Any, NamedTuple

from descenso.text import _
from descenso.tf1.calls import ARGUMENTS, CHANGED
from descenso.tf1.source import ROOT, Place, Source, imports
from descenso.tf1.symbols import ARGUMENT, find

PLACEHOLDERS = ("compat.v1.placeholder", "compat.v1.placeholder_with_default", "compat.v1.sparse_placeholder")
MAKES_GRAPHS = ("compat.v1.disable_v2_behavior", "compat.v1.disable_eager_execution", "Graph", "compat.v1.Graph")


class Finding(NamedTuple):
    """A call that was removed or changed.

    Attributes:
        place: place in the script.
        call: call as it is written.
        symbol: its name below `tensorflow`.
        instead: replacement: code, or a sentence marked for the catalogue.
        lesson: name of the lesson of `descenso explain`.
    """

    place: Place
    call: str
    symbol: str
    instead: str
    lesson: str

    def as_json(self) -> dict[str, Any]:
        """Return plain values, in the language in use."""
        return {**self.place._asdict(), **self._asdict(), "instead": _(self.instead), "place": str(self.place)}


class Names:
    """The TensorFlow symbols that names stand for, by imports and assignments of calls."""

    def __init__(self) -> None:
        self._symbols: dict[str, str] = {}

    def learn(self, node: ast.Import | ast.ImportFrom) -> None:
        """Bind the names of an import."""
        for name, symbol, _imported in imports(node):
            self._bind(name, symbol)

    def assign(self, target: ast.AST, value: ast.AST) -> None:
        """Bind `target` to the symbol of `value`; unbind it if that is none of TensorFlow's."""
        if isinstance(target, ast.Name):
            self._bind(target.id, self._resolved(value) or "")

    def _bind(self, name: str, symbol: str) -> None:
        if symbol.partition(".")[0] == ROOT:
            self._symbols[name] = symbol
        else:
            self._symbols.pop(name, None)

    def _resolved(self, node: ast.AST) -> str | None:
        after = []
        while not isinstance(node, ast.Name):
            if isinstance(node, ast.Attribute):
                after.append(f".{node.attr}")
                node = node.value
            elif isinstance(node, ast.Call):
                after.append("()")
                node = node.func
            else:
                return None
        symbol = self._symbols.get(node.id)
        return symbol and "".join([symbol, *reversed(after)])

    def symbol(self, node: ast.AST) -> str:
        """Return the symbol of `node` below `tensorflow`, "train.Saver()" for a call; "" if it is none."""
        return (self._resolved(node) or "").partition(".")[2]


class _Finder(ast.NodeVisitor):
    """Visit one part in the order of its lines."""

    def __init__(self, cell: int | None, names: Names) -> None:
        self.cell, self.names = cell, names
        self.findings: list[Finding] = []
        self.seen: dict[str, Finding] = {}  # by symbol, its first place

    def visit_Import(self, node: ast.Import | ast.ImportFrom) -> None:
        self.names.learn(node)
        for _name, _symbol, imported in imports(node):
            root, _dot, symbol = imported.partition(".")
            if root == ROOT:
                self._look(symbol, node)

    def visit_ImportFrom(self, node: ast.ImportFrom) -> None:
        self.visit_Import(node)

    def visit_Assign(self, node: ast.Assign) -> None:
        self.generic_visit(node)
        for target in node.targets:
            self.names.assign(target, node.value)

    def visit_withitem(self, node: ast.withitem) -> None:
        self.generic_visit(node)
        if node.optional_vars:
            self.names.assign(node.optional_vars, node.context_expr)

    def visit_Name(self, node: ast.Name) -> None:
        if isinstance(node.ctx, ast.Load):
            self._look(self.names.symbol(node), node)

    def visit_Attribute(self, node: ast.Attribute) -> None:
        gone = self._look(self.names.symbol(node), node)
        if not gone or any(isinstance(inner, ast.Call) for inner in ast.walk(node.value)):
            self.generic_visit(node)

    def visit_Call(self, node: ast.Call) -> None:
        symbol = self.names.symbol(node.func)
        if symbol and "()" not in symbol and not symbol.startswith("compat.v1.") and not find(symbol):
            old = {keyword.arg: f"{symbol}({keyword.arg})" for keyword in node.keywords if keyword.arg in ARGUMENTS}
            if symbol == "nn.dropout" and len(node.args) > 1:  # the argument keep_prob is rate today
                old["keep_prob"] = symbol
            for name, argument in old.items():
                call = f"{ast.unparse(node.func)}({name})"
                self.findings.append(Finding(self._place(node), call, argument, ARGUMENTS[str(name)], ARGUMENT.name))
        self.generic_visit(node)

    def _look(self, symbol: str, node: ast.AST) -> bool:
        """Record `symbol` at `node` if it is removed; return whether it is."""
        if not symbol or symbol.endswith("()"):
            return False
        known = find(symbol)
        if known or (symbol in (*PLACEHOLDERS, *MAKES_GRAPHS) and symbol not in self.seen):
            instead, lesson = (known.instead, known.lesson.name) if known else ("", "")
            finding = Finding(self._place(node), _written(node), symbol, instead, lesson)
            self.seen.setdefault(symbol, finding)
            self.findings += [finding] if known else []
        return known is not None

    def _place(self, node: ast.AST) -> Place:
        return Place(self.cell, getattr(node, "lineno", 1))


def _written(node: ast.AST) -> str:
    """Return the source of `node` without the arguments of calls."""
    if isinstance(node, ast.Attribute):
        return f"{_written(node.value)}.{node.attr}"
    return f"{_written(node.func)}(…)" if isinstance(node, ast.Call) else ast.unparse(node)


def find_all(source: Source) -> list[Finding]:
    """Find the removed and changed calls in `source`, in its order.

    Placeholders of `tensorflow.compat.v1` work without eager execution; if it is not disabled, they are found, too.
    """
    names, findings = Names(), []
    seen: dict[str, Finding] = {}
    for cell, tree in source.parts:
        finder = _Finder(cell, names)
        finder.visit(tree)
        findings += finder.findings
        seen = {**finder.seen, **seen}
    if all(finding.symbol in CHANGED for finding in findings):
        findings = []
    placeholders = [seen[symbol] for symbol in PLACEHOLDERS if symbol in seen]
    if placeholders and not set(MAKES_GRAPHS) & set(seen):
        findings.append(placeholders[0]._replace(instead="tf.compat.v1.disable_v2_behavior()", lesson="placeholder"))
    for place, line in source.magics:
        if "tensorflow_version" in line:
            known = find("%tensorflow_version")
            assert known  # noqa: S101 - it is in the table
            findings.append(Finding(place, line, "%tensorflow_version", known.instead, known.lesson.name))
    return sorted(findings, key=lambda finding: (finding.place.cell or 0, finding.place.line))
