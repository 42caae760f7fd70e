"""Read the values of names in a script by abstract interpretation: constants, and the operations of tensors.

Each statement is read once, in order; nothing of the script is run. The body of a loop is read as in its first pass,
that of a function at each call. A statement that is not simple gives an unknown value.
"""

import ast
import operator
from collections.abc import Callable, Iterable
from typing import Any, NamedTuple

from descenso.tf1.source import ROOT, Event, Node, Place, Source, Symbol, imports, is_number

MOST_READS = 3 * 10**5  # of expressions and statements, those of a function at each of its calls
MOST_DEPTH = 12  # of nested calls of the script's functions
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
ROWS = {".train": 60000, ".test": 10000}  # in MNIST


class _Function(NamedTuple):
    node: ast.FunctionDef
    traced: bool


class _TooMuchError(Exception):
    """Reading the script takes more than `MOST_READS`."""


def read(source: Source) -> list[Event] | None:
    """Return the events of `source`; None if its functions call one another too often."""
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
        self.reads = 0
        self.result: Any = None

    def block(self, statements: Iterable[ast.stmt]) -> bool:
        """Read `statements` up to a return; return whether there was one."""
        return any(self.statement(statement) for statement in statements)

    def statement(self, node: ast.stmt) -> bool:  # noqa: C901 - one case per kind
        self._count()
        match node:
            case ast.Assign():
                value = self.value(node.value)
                for target in node.targets:
                    self.bind(target, value)
            case ast.AnnAssign(value=ast.expr() as expression):
                self.bind(node.target, self.value(expression))
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
                callees = [each.func if isinstance(each, ast.Call) else each for each in node.decorator_list]
                decorators = [self.value(callee) for callee in callees]
                traced = any(isinstance(value, Symbol) and value.name.endswith("function") for value in decorators)
                self.names[node.name] = _Function(node, traced)
            case ast.Import() | ast.ImportFrom():
                for name, symbol, _imported in imports(node):
                    root, _dot, rest = symbol.partition(".")
                    self.names[name] = Symbol(rest) if root == ROOT else self._unknown(node)
            case ast.Return():
                self.result = self.value(node.value) if node.value else None
                return True
        return False

    def _loop(self, node: ast.For | ast.While, over: Any, target: ast.expr | None) -> None:
        inside = [inner for statement in node.body for inner in ast.walk(statement)]
        for inner in inside:  # a number that the loop changes is unknown
            if isinstance(inner, ast.Name) and isinstance(inner.ctx, ast.Store) and is_number(self.names.get(inner.id)):
                self.names[inner.id] = self._unknown(inner)
        if isinstance(over, Node) and over.op == "enumerate" and isinstance(target, ast.Tuple) and over.args:
            over, target = over.args[0], target.elts[-1]
        if isinstance(over, Node) and over.op == "zip" and isinstance(target, ast.Tuple):
            for element, column in zip(target.elts, over.args, strict=False):
                self.bind(element, self._node("[]", node, (column, None)))
        else:
            self.bind(target, self._node("row", node, (over,)))
        self.loops.append(over)
        self.block(node.body)
        self.loops.pop()

    def _if(self, node: ast.If) -> bool:
        test = self.value(node.test)
        if isinstance(test, bool):
            return self.block(node.body if test else node.orelse)
        self._count(len(self.names) // 32)
        before, outcomes = self.names, []
        for branch in (node.body, node.orelse):
            self.names = dict(before)
            if self.block(branch):
                self.result = self._unknown(node.test)
            outcomes.append(self.names)
        one, other = outcomes
        self.names = {
            name: value if name in other and other[name] is value else self._unknown(node.test)
            for name, value in {**other, **one}.items()
        }
        return False

    def bind(self, target: ast.expr | None, value: Any) -> None:
        """Bind the names in `target` to `value`, or to its parts."""
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

    def value(self, node: ast.expr) -> Any:  # noqa: C901 - one case per kind
        """Return the value of an expression."""
        self._count()
        match node:
            case ast.Constant(value=value):
                return value
            case ast.Name(id=name):
                return self.names.get(name, self._unknown(node))
            case ast.Tuple(elts=parts) | ast.List(elts=parts):
                return tuple(self.value(part) for part in parts)
            case ast.Dict(keys=keys, values=values):
                names = [self.value(key) if key else None for key in keys]
                read = [self.value(value) for value in values]
                if names and not any(isinstance(name, str) for name in names):
                    return tuple(read)  # fed to placeholders
                return {name: value for name, value in zip(names, read, strict=True) if isinstance(name, str)}
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
        args = tuple(self.value(argument) for argument in node.args)
        keywords = {keyword.arg: self.value(keyword.value) for keyword in node.keywords if keyword.arg}
        if name in NUMBERS and len(args) == 1 and is_number(args[0]):
            return NUMBERS[name](args[0])
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
        """Read the body of a function with these arguments, and return its result."""
        if len(self.calls) >= MOST_DEPTH or called in self.calls:
            return self._unknown(node)
        self.calls.append(called)
        signature = called.node.args
        names = [parameter.arg for parameter in (*signature.posonlyargs, *signature.args)]
        last = names[len(names) - len(signature.defaults) :]
        defaults = {name: self.value(value) for name, value in zip(last, signature.defaults, strict=True)}
        bound = {**defaults, **dict(zip(names, args, strict=False)), **keywords}
        self._count(len(self.names) // 32)
        before, self.names = self.names, {**self.names, **{name: self._unknown(node) for name in names}, **bound}
        self.result = None
        self.block(called.node.body)
        self.calls.pop()
        self.names = before
        return self.result

    def _event(self, node: Node) -> None:
        self.events.append(Event(node, tuple(self.loops), any(call.traced for call in self.calls)))

    def _node(self, op: str, node: ast.AST, args: tuple[Any, ...] = (), keywords: dict[str, Any] | None = None) -> Node:
        return Node(op, Place(self.cell, getattr(node, "lineno", 1)), args, keywords or {}, written=node)

    def _unknown(self, node: ast.AST) -> Node:
        return self._node("?", node)

    def _count(self, times: int = 1) -> None:
        self.reads += times
        if self.reads > MOST_READS:
            raise _TooMuchError
