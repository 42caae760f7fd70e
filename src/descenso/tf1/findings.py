"""Calls in a script that are gone from TensorFlow, or changed, followed through its imports and simple assignments."""

import ast
from typing import Any, NamedTuple

from descenso.text import _
from descenso.tf1.calls import ARGUMENTS, CHANGED
from descenso.tf1.source import Place, Source
from descenso.tf1.symbols import ARGUMENT, find

ROOT = "tensorflow"
HOLES = ("compat.v1.placeholder", "compat.v1.placeholder_with_default", "compat.v1.sparse_placeholder")
MAKES_GRAPHS = ("compat.v1.disable_v2_behavior", "compat.v1.disable_eager_execution", "Graph", "compat.v1.Graph")


class Finding(NamedTuple):
    """A call that no longer does what it did.

    Attributes:
        place: where it stands.
        call: as it is written.
        symbol: what that is below `tensorflow`.
        instead: what stands in its place: code, or a sentence marked for the catalogue.
        lesson: which `descenso explain` tells more.
    """

    place: Place
    call: str
    symbol: str
    instead: str
    lesson: str

    def as_json(self) -> dict[str, Any]:
        """As plain values, in the language in use."""
        return {**self.place._asdict(), **self._asdict(), "instead": _(self.instead), "place": str(self.place)}


class Names:
    """What each name stands for below `tensorflow`, as far as imports and assigned calls say so."""

    def __init__(self) -> None:
        self._meant: dict[str, str] = {}

    def learn(self, node: ast.Import | ast.ImportFrom) -> None:
        """Take in an import."""
        for alias in node.names:
            if isinstance(node, ast.ImportFrom):
                whole = f"{'.' * node.level}{node.module}.{alias.name}"  # one with a dot before it is the script's own
                self._bind(alias.asname or alias.name, whole)
            elif alias.asname:
                self._bind(alias.asname, alias.name)
            else:
                self._bind(alias.name.partition(".")[0], alias.name.partition(".")[0])

    def assign(self, target: ast.AST, value: ast.AST) -> None:
        """Take in that `target` is what `value` gives, where that is something of TensorFlow's; else forget it."""
        if isinstance(target, ast.Name):
            self._bind(target.id, self._meaning(value) or "")

    def _bind(self, name: str, meant: str) -> None:
        if meant.partition(".")[0] == ROOT:
            self._meant[name] = meant
        else:
            self._meant.pop(name, None)

    def _meaning(self, node: ast.AST) -> str | None:
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
        meant = self._meant.get(node.id)
        return meant and "".join([meant, *reversed(after)])

    def symbol(self, node: ast.AST) -> str:
        """What `node` is below `tensorflow`, "train.Saver()" for a call; "" where it is nothing of TensorFlow's."""
        return (self._meaning(node) or "").partition(".")[2]


class _Finder(ast.NodeVisitor):
    """Goes through one part, in the order in which it is written."""

    def __init__(self, cell: int | None, names: Names) -> None:
        self.cell, self.names = cell, names
        self.found: list[Finding] = []
        self.seen: dict[str, Finding] = {}  # each symbol, where it first stands

    def visit_Import(self, node: ast.Import) -> None:
        self.names.learn(node)
        for alias in node.names:
            self._imported(node, alias.name)

    def visit_ImportFrom(self, node: ast.ImportFrom) -> None:
        self.names.learn(node)
        for alias in node.names:
            self._imported(node, f"{'.' * node.level}{node.module}.{alias.name}")

    def _imported(self, node: ast.Import | ast.ImportFrom, name: str) -> None:
        root, _dot, symbol = name.partition(".")
        if root == ROOT:
            self._look(symbol, node)

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
        if not gone or any(isinstance(each, ast.Call) for each in ast.walk(node.value)):
            self.generic_visit(node)

    def visit_Call(self, node: ast.Call) -> None:
        symbol = self.names.symbol(node.func)
        if symbol and "()" not in symbol and not symbol.startswith("compat.v1.") and not find(symbol):
            old = {keyword.arg: f"{symbol}({keyword.arg})" for keyword in node.keywords if keyword.arg in ARGUMENTS}
            if symbol == "nn.dropout" and len(node.args) > 1:  # where keep_prob stood, there is rate today
                old["keep_prob"] = symbol
            for name, told in old.items():
                call = f"{ast.unparse(node.func)}({name})"
                self.found.append(Finding(self._place(node), call, told, ARGUMENTS[str(name)], ARGUMENT.name))
        self.generic_visit(node)

    def _look(self, symbol: str, node: ast.AST) -> bool:
        """Whether `symbol`, which stands at `node`, is gone."""
        if not symbol or symbol.endswith("()"):
            return False
        known = find(symbol)
        if known or (symbol in (*HOLES, *MAKES_GRAPHS) and symbol not in self.seen):
            instead, lesson = (known.instead, known.lesson.name) if known else ("", "")
            told = Finding(self._place(node), _written(node), symbol, instead, lesson)
            self.seen.setdefault(symbol, told)
            self.found += [told] if known else []
        return known is not None

    def _place(self, node: ast.AST) -> Place:
        return Place(self.cell, getattr(node, "lineno", 1))


def _written(node: ast.AST) -> str:
    """`node` as the script has it, without what calls are given."""
    if isinstance(node, ast.Attribute):
        return f"{_written(node.value)}.{node.attr}"
    return f"{_written(node.func)}(…)" if isinstance(node, ast.Call) else ast.unparse(node)


def find_all(source: Source) -> list[Finding]:
    """All calls in `source` that are gone or changed, in the order in which they stand.

    Under `tensorflow.compat.v1` placeholders live, once eager execution is off; without that they are found, too.
    """
    names, found = Names(), []
    seen: dict[str, Finding] = {}
    for cell, tree in source.parts:
        finder = _Finder(cell, names)
        finder.visit(tree)
        found += finder.found
        seen = {**finder.seen, **seen}
    if all(each.symbol in CHANGED for each in found):
        found = []
    holes = [seen[symbol] for symbol in HOLES if symbol in seen]
    if holes and not set(MAKES_GRAPHS) & set(seen):
        found.append(holes[0]._replace(instead="tf.compat.v1.disable_v2_behavior()", lesson="placeholder"))
    for place, line in source.magics:
        if "tensorflow_version" in line:
            known = find("%tensorflow_version")
            assert known  # noqa: S101 - it is in the table
            found.append(Finding(place, line, "%tensorflow_version", known.instead, known.lesson.name))
    return sorted(found, key=lambda each: (each.place.cell or 0, each.place.line))
