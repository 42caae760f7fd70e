"""What the names of a script stand for, as far as simple statements say so: constants, and how tensors are made.

Each statement is looked at once, in its order; nothing of the script is run. A loop's body is looked at as in its first
pass, a function's where it is called. What is not simple is an unknown, and stays one.
"""

import ast
import operator
from collections.abc import Callable, Iterable
from typing import Any, NamedTuple

from descenso.tf1.nodes import Event, Node, Symbol, is_number
from descenso.tf1.source import Place, Source

MOST_LOOKS = 3 * 10**5  # at expressions and statements, those of a function at each of its calls
MOST_DEPTH = 12  # of calls of a script's own functions
OPERATORS: dict[type[ast.operator], tuple[str, Callable[[Any, Any], Any]]] = {
    ast.Add: ("+", operator.add),
    ast.Sub: ("-", operator.sub),
    ast.Mult: ("*", operator.mul),
    ast.Div: ("/", operator.truediv),
    ast.FloorDiv: ("//", operator.floordiv),
    ast.Mod: ("%", operator.mod),
    ast.MatMult: ("matmul", operator.matmul),
}
NUMBERS: dict[str, Callable[[Any], Any]] = {"int": int, "float": float, "round": round}
ROWS = {".train": 60000, ".test": 10000}  # of MNIST


class _Function(NamedTuple):
    node: ast.FunctionDef
    traced: bool


class _TooMuchError(Exception):
    """The script wants more looks than it is given."""


def read(source: Source) -> list[Event] | None:
    """The events of `source`; None where it would take too long to follow its functions."""
    reader = _Reader()
    try:
        for cell, tree in source.parts:
            reader.cell = cell
            reader.block(tree.body)
    except _TooMuchError:
        return None
    return reader.events


class _Reader:
    def __init__(self) -> None:
        self.cell: int | None = None
        self.names: dict[str, Any] = {"__name__": "__main__"}
        self.events: list[Event] = []
        self.loops: list[Any] = []
        self.calls: list[_Function] = []
        self.looks = 0
        self.result: Any = None

    def block(self, statements: Iterable[ast.stmt]) -> bool:
        """Look at `statements`; whether one of them returned."""
        return any(self.statement(each) for each in statements)

    def statement(self, node: ast.stmt) -> bool:  # noqa: C901 - a case for each kind
        self._look()
        match node:
            case ast.Assign():
                value = self.value(node.value)
                for target in node.targets:
                    self.bind(target, value)
            case ast.AnnAssign(value=ast.expr() as given):
                self.bind(node.target, self.value(given))
            case ast.AugAssign(target=ast.Name(id=name)):
                whole = ast.copy_location(ast.BinOp(ast.Name(name, ast.Load()), node.op, node.value), node)
                self.names[name] = self.value(whole)
            case ast.Expr():
                self.value(node.value)
            case ast.For():
                self._loop(node, self.value(node.iter), node.target)
            case ast.While():
                self._loop(node, self._unknown(node.test), None)
            case ast.With():
                for item in node.items:
                    self.bind(item.optional_vars, self.value(item.context_expr))
                return self.block(node.body)
            case ast.If():
                return self._if(node)
            case ast.Try():
                return self.block([*node.body, *node.orelse, *node.finalbody])
            case ast.FunctionDef():
                traced = any(self._name_of(each).endswith("function") for each in node.decorator_list)
                self.names[node.name] = _Function(node, traced)
            case ast.Import() | ast.ImportFrom():
                self._import(node)
            case ast.Return():
                self.result = self.value(node.value) if node.value else None
                return True
        return False

    def _name_of(self, node: ast.expr) -> str:
        value = self.value(node.func if isinstance(node, ast.Call) else node)
        return value.name if isinstance(value, Symbol) else ""

    def _import(self, node: ast.Import | ast.ImportFrom) -> None:
        for alias in node.names:
            whole = f"{'.' * node.level}{node.module}.{alias.name}" if isinstance(node, ast.ImportFrom) else alias.name
            first, _dot, rest = whole.partition(".")
            if isinstance(node, ast.Import) and not alias.asname:
                rest = ""
            value = Symbol(rest) if first == "tensorflow" else self._unknown(node)
            self.names[alias.asname or (first if isinstance(node, ast.Import) else alias.name)] = value

    def _loop(self, node: ast.For | ast.While, over: Any, target: ast.expr | None) -> None:
        inside = [each for part in node.body for each in ast.walk(part)]
        for each in inside:  # a number that the loop changes is another one at each pass
            if isinstance(each, ast.Name) and isinstance(each.ctx, ast.Store) and is_number(self.names.get(each.id)):
                self.names[each.id] = self._unknown(each)
        if isinstance(over, Node) and over.op == "enumerate" and isinstance(target, ast.Tuple) and over.args:
            over, target = over.args[0], target.elts[-1]
        if isinstance(over, Node) and over.op == "zip" and isinstance(target, ast.Tuple):
            for each, column in zip(target.elts, over.args, strict=False):
                self.bind(each, self._node("[]", node, (column, None)))
        else:
            self.bind(target, self._node("row", node, (over,)))
        self.loops.append(over)
        self.block(node.body)
        self.loops.pop()

    def _if(self, node: ast.If) -> bool:
        test = self.value(node.test)
        if isinstance(test, bool):
            return self.block(node.body if test else node.orelse)
        self._look(len(self.names) // 32)
        before, outcomes = self.names, []
        for branch in (node.body, node.orelse):
            self.names = dict(before)
            if self.block(branch):
                self.result = self._unknown(node.test)
            outcomes.append(self.names)
        one, other = outcomes
        missing = object()
        self.names = {
            name: value if other.get(name, missing) is value else self._unknown(node.test)
            for name, value in {**other, **one}.items()
        }
        return False

    def bind(self, target: ast.expr | None, value: Any) -> None:
        """Let the names in `target` stand for `value`, or its parts."""
        match target:
            case ast.Name(id=name):
                self.names[name] = value
            case ast.Tuple(elts=parts) | ast.List(elts=parts):
                matching = isinstance(value, tuple) and len(value) == len(parts)
                for number, part in enumerate(parts):
                    self.bind(part, value[number] if matching else self._node("[]", target, (value, number)))
            case ast.Subscript(value=ast.Name(id=name), slice=ast.Constant(value=str(key))):
                if isinstance(self.names.get(name), dict):
                    self.names[name] = {**self.names[name], key: value}

    def value(self, node: ast.expr) -> Any:  # noqa: C901 - likewise
        """What `node` stands for."""
        self._look()
        match node:
            case ast.Constant(value=value):
                return value
            case ast.Name(id=name):
                return self.names.get(name, self._unknown(node))
            case ast.Tuple(elts=parts) | ast.List(elts=parts):
                return tuple(self.value(part) for part in parts)
            case ast.Dict(keys=keys, values=values):
                named = [self.value(key) if key else None for key in keys]
                told = [self.value(value) for value in values]
                return {key: value for key, value in zip(named, told, strict=True) if isinstance(key, str)}
            case ast.Attribute():
                return self._attribute(node, self.value(node.value))
            case ast.Call():
                return self._call(node)
            case ast.BinOp() if type(node.op) in OPERATORS:
                return self._operation(node, self.value(node.left), self.value(node.right))
            case ast.UnaryOp(op=ast.USub()):
                inner = self.value(node.operand)
                return -inner if is_number(inner) else self._node("neg", node, (inner,))
            case ast.Compare(ops=[ast.Eq()], comparators=[right]):
                sides = self.value(node.left), self.value(right)
                return sides[0] == sides[1] if all(isinstance(side, str) for side in sides) else self._unknown(node)
            case ast.Subscript():
                return self._part(node, self.value(node.value), self.value(node.slice))
        return self._unknown(node)

    def _attribute(self, node: ast.Attribute, base: Any) -> Any:
        if isinstance(base, Symbol):
            return Symbol(f"{base.name}.{node.attr}".strip("."))
        if not isinstance(base, Node) or base.op == "?":
            return self._unknown(node)
        whole = base.args[0] if base.args else None
        if node.attr == "num_examples" and base.op in ROWS and isinstance(whole, Node) and whole.op == "read_data_sets":
            kept = whole.keywords.get("validation_size", 5000)
            if is_number(kept):
                return ROWS[base.op] - (kept if base.op == ".train" else 0)
        return self._node(f".{node.attr}", node, (base,))

    def _operation(self, node: ast.BinOp, left: Any, right: Any) -> Any:
        sign, compute = OPERATORS[type(node.op)]
        if is_number(left) and is_number(right):
            try:
                result = compute(left, right)
            except (ArithmeticError, TypeError):
                return self._unknown(node)
            return result if is_number(result) else self._unknown(node)
        made = self._node(sign, node, (left, right))
        if sign == "-":
            self._event(made)
        return made

    def _part(self, node: ast.Subscript, whole: Any, key: Any) -> Any:
        if isinstance(whole, dict) and isinstance(key, str) and key in whole:
            return whole[key]
        if isinstance(whole, tuple) and isinstance(key, int) and -len(whole) <= key < len(whole):
            return whole[key]
        return self._node("[]", node, (whole, key))

    def _call(self, node: ast.Call) -> Any:
        name = node.func.id if isinstance(node.func, ast.Name) and node.func.id not in self.names else ""
        called = None if name else self.value(node.func)
        args = tuple(self.value(each) for each in node.args)
        keywords = {each.arg: self.value(each.value) for each in node.keywords if each.arg}
        if name in NUMBERS and len(args) == 1 and is_number(args[0]):
            try:
                return NUMBERS[name](args[0])
            except (ArithmeticError, ValueError):
                return self._unknown(node)
        if name in ("range", "zip", "enumerate", "len"):
            return self._node(name, node, args, keywords)
        if isinstance(called, _Function):
            return self._inside(node, called, args, keywords)
        if isinstance(called, Symbol):
            if called.name.endswith("app.run") and isinstance(self.names.get("main"), _Function):
                return self._inside(node, self.names["main"], (self._unknown(node),), {})
            made = self._node(called.name.rpartition(".")[2], node, args, keywords)
            made.symbol = called.name.removeprefix("compat.v1.")
        elif isinstance(called, Node) and called.op.startswith("."):
            made = self._node(called.op, node, (*called.args, *args), keywords)
        else:
            return self._unknown(node)
        self._event(made)
        return made

    def _inside(self, node: ast.Call, called: _Function, args: tuple[Any, ...], keywords: dict[str, Any]) -> Any:
        """What a function of the script's own gives, its body looked at with these arguments."""
        if len(self.calls) >= MOST_DEPTH or called in self.calls:
            return self._unknown(node)
        self.calls.append(called)
        given = called.node.args
        names = [each.arg for each in (*given.posonlyargs, *given.args)]
        last = names[len(names) - len(given.defaults) :]
        defaults = {name: self.value(value) for name, value in zip(last, given.defaults, strict=True)}
        bound = {**defaults, **dict(zip(names, args, strict=False)), **keywords}
        self._look(len(self.names) // 32)
        before, self.names = self.names, {**self.names, **{name: self._unknown(node) for name in names}, **bound}
        self.result = None
        self.block(called.node.body)
        self.calls.pop()
        self.names = before
        return self.result

    def _event(self, node: Node) -> None:
        self.events.append(Event(node, tuple(self.loops), any(each.traced for each in self.calls)))

    def _node(self, op: str, node: ast.AST, args: tuple[Any, ...] = (), keywords: dict[str, Any] | None = None) -> Node:
        return Node(op, Place(self.cell, getattr(node, "lineno", 1)), args, keywords or {}, written=node)

    def _unknown(self, node: ast.AST) -> Node:
        return self._node("?", node)

    def _look(self, times: int = 1) -> None:
        self.looks += times
        if self.looks > MOST_LOOKS:
            raise _TooMuchError
