"""Read a script's loss and network from its cost: the loss, the layers, the inputs."""

from typing import Any, NamedTuple

from descenso.text import mark
from descenso.tf1.source import Node, Symbol, is_number
from descenso.tf1.start import GLOROT, ZERO, Layer, Start, read_start

ACTIVATIONS = ("relu", "sigmoid", "tanh")
CROSS_ENTROPIES = ("softmax_cross_entropy_with_logits", "softmax_cross_entropy_with_logits_v2",
                   "sparse_softmax_cross_entropy_with_logits")  # fmt: skip
ROWS_AXES = (1, -1, (1,), (-1,))
FILLED = {"zeros": 0, "ones": 0, "random_normal": 0, "normal": 0, "truncated_normal": 0, "random_uniform": 0,
          "uniform": 0, "constant": 2}  # position of the argument shape  # fmt: skip
SUMS = ("+", "add", "bias_add")
MOST_FACTORS = 16
NO_LAYER = mark("this is no layer of softmax or mlp")
NO_BIAS = mark("a layer without a bias; the layers of descenso have one")
OTHER_BIAS = mark("a bias that is not one number for each unit of its layer")
LINEAR = mark("a layer without an activation before another one: together they are one layer")
LAST_ACTIVATION = mark("an activation after the last layer, before the cost")
TWICE = mark("softmax twice: the cost computes it, too, and takes logits")
DROPPED = mark("Dropout at another rate, or not after each hidden layer, where mlp has one rate after each")
NO_SHAPE = mark("the shapes of these weights cannot be read")
NO_TYPE = mark("the type of these weights cannot be read")


class Unread(Exception):  # noqa: N818 - the script is not wrong
    """An expression cannot be read, or descenso has no equivalent."""

    def __init__(self, sentence: str, value: Any) -> None:
        super().__init__(sentence)
        self.sentence, self.value = sentence, value


class Network(NamedTuple):
    """Layers of a script, from the inputs to the logits."""

    inputs: Node
    layers: tuple[Layer, ...]
    activation: str  # of the hidden layers; "" without any
    dropped: Node | None  # the Dropout after each hidden layer


def argument(node: Node, name: str, place: int, default: Any = None) -> Any:
    """Return the argument of `node` with this name, or at this position."""
    return node.keywords.get(name, node.args[place] if len(node.args) > place else default)


def factors(value: Any) -> tuple[float, list[Any]]:
    """Return the number in a product, and the other factors.

    Raises:
        Unread: if there are too many factors, as of a name that is squared repeatedly.
    """
    number, left = 1.0, [value]
    rest: list[Any] = []
    while left:
        factor = left.pop()
        if len(left) + len(rest) > MOST_FACTORS:
            raise Unread(mark("too many factors"), value)
        if is_number(factor):
            number *= factor
        elif isinstance(factor, Node) and factor.op in ("*", "multiply"):
            left += factor.args[:2]
        elif isinstance(factor, Node) and factor.op in ("neg", "negative"):
            number, left = -number, [*left, *factor.args[:1]]
        else:
            rest.append(factor)
    return number, rest


def read_loss(cost: Any) -> tuple[str, Any, bool]:
    """Read the loss of which `cost` is the value.

    Returns:
        "naive" or "cross_entropy"; the logits; whether it is the sum of the rows' costs; descenso takes their mean.

    Raises:
        Unread: if descenso has no such loss.
    """
    unread = Unread(mark("the cost is no cross-entropy of a softmax"), cost)
    number, rest = factors(cost)
    match rest:
        case [Node(op="softmax_cross_entropy" | "sparse_softmax_cross_entropy") as mean] if number == 1:  # of tf.losses
            return "cross_entropy", argument(mean, "logits", 1), False
        case [Node(op="reduce_mean" | "reduce_sum" as reduction) as total] if _axis(total) is None:
            summed = rows_summed = reduction == "reduce_sum"
        case _:
            raise unread
    more, rest = factors(argument(total, "input_tensor", 0))
    number *= more
    match rest:
        case [Node(op=op) as costs] if op in CROSS_ENTROPIES and number == 1:
            return "cross_entropy", argument(costs, "logits", 1), summed
        case [Node(op="reduce_sum") as row] if _axis(row) in ROWS_AXES:
            more, rest = factors(argument(row, "input_tensor", 0))
            number, rows_summed = number * more, True
    logs = [factor for factor in rest if isinstance(factor, Node) and factor.op == "log"]
    if number != -1 or len(rest) != 2 or len(logs) != 1:
        raise unread
    if not rows_summed:
        raise Unread(mark("the cost is also a mean over the classes"), cost)
    match argument(logs[0], "x", 0):
        case Node(op="softmax", args=(logits, *_)):
            return "naive", logits, summed
        case predicted:
            raise Unread(mark("the logarithm is not of a softmax"), predicted)


def _is_size(value: Any) -> bool:
    """Whether `value` may be the length of an axis."""
    return isinstance(value, int) and is_number(value) and value > 0


def _axis(node: Node) -> Any:
    return argument(node, "axis", 1, node.keywords.get("reduction_indices"))


def read_network(logits: Any) -> Network:
    """Read the layers of which `logits` is the output.

    Raises:
        Unread: if a layer is none of softmax regression or of a multilayer perceptron.
    """
    if isinstance(logits, Node) and logits.op == "softmax":
        raise Unread(TWICE, logits)
    if _activated(logits)[0]:
        raise Unread(LAST_ACTIVATION, logits)
    layers: list[Layer] = []
    activations: list[str] = []
    dropped: list[Node | None] = []
    value: Any = logits
    while True:
        value, layer = _layer(value)
        layers.append(layer)
        value, dropout = _undropped(value)
        activation, inner = _activated(value)
        if not activation:
            break
        activations.append(activation)
        dropped.append(dropout)
        value = inner
    if isinstance(value, Node) and value.op in (*SUMS, "matmul", "xw_plus_b", "dense"):
        raise Unread(LINEAR, value)
    if not isinstance(value, Node) or value.op not in ("placeholder", "[]", "row"):
        raise Unread(NO_LAYER, value)
    if len(set(activations)) > 1:
        raise Unread(mark("the hidden layers have several activations, mlp has one for all"), logits)
    if len({layer.dtype for layer in layers}) > 1:
        raise Unread(NO_TYPE, logits)
    rates = [(node.symbol, node.args[1:], node.keywords) if node else None for node in (dropout, *dropped)]
    if rates[0] or any(rate != rates[-1] for rate in rates[1:]):
        raise Unread(DROPPED, dropout or next(filter(None, dropped)))
    return Network(value, tuple(reversed(layers)), "".join(set(activations)), dropped[0] if dropped else None)


def _undropped(value: Any) -> tuple[Any, Node | None]:
    """Return what Dropout is applied to in `value`, and the Dropout; `value` and None without one."""
    match value:
        case Node(op="dropout", args=(inner, *_)):
            return inner, value
    return value, None


def _activated(value: Any) -> tuple[str, Any]:
    """Return the activation that gives `value`, and its argument; "" and `value` if none does."""
    match value:
        case Node(op=name, args=(inner, *_)) if name in ACTIVATIONS:
            return name, inner
        case Node(op="dense", keywords={"activation": Symbol(path)}):
            name = path.rpartition(".")[2]
            return (name if name in ACTIVATIONS else ""), value
    return "", value


def _layer(value: Any) -> tuple[Any, Layer]:
    """Return the inputs of the layer that gives `value`, and the layer."""
    match value:
        case (
            Node(op="+" | "add" | "bias_add", args=(Node(op="matmul", args=(inputs, kernel)), bias, *_))
            | Node(op="+" | "add" | "bias_add", args=(bias, Node(op="matmul", args=(inputs, kernel)), *_))
            | Node(op="xw_plus_b", args=(inputs, kernel, bias))
        ):
            shape, dtype, start = _filled(kernel)
            biases, _dtype, bias_start = _filled(bias)
            if len(shape) != 2:
                raise Unread(NO_SHAPE, kernel)
            if biases not in (shape[1:], (1, *shape[1:])):
                raise Unread(OTHER_BIAS, bias)
            return inputs, Layer(shape[1], dtype, start, bias_start)
        case Node(op="dense") if argument(value, "use_bias", 3, True) is False:
            raise Unread(NO_BIAS, value)
        case Node(op="dense") if _is_size(units := argument(value, "units", 1)):
            return argument(value, "inputs", 0), Layer(units, "float32", GLOROT, ZERO)
        case Node(op="matmul"):
            raise Unread(NO_BIAS, value)
    raise Unread(NO_LAYER, value)


def _filled(value: Any) -> tuple[tuple[int, ...], str, Start]:
    """Return shape and dtype of a variable's initial value, and how it is made."""
    dtype, start = None, None
    if isinstance(value, Node) and value.op == "Variable":
        dtype = value.keywords.get("dtype")
        value = argument(value, "initial_value", 0)
    shape: Any = None
    if isinstance(value, Node) and value.op == "get_variable":
        shape, dtype = argument(value, "shape", 1), argument(value, "dtype", 2)
        made = argument(value, "initializer", 3)
        start = GLOROT if made is None else read_start(made)
    elif isinstance(value, Node) and value.op in FILLED:
        shape = argument(value, "shape", FILLED[value.op])
        dtype = dtype or value.keywords.get("dtype") or next((a for a in value.args if isinstance(a, Symbol)), None)
        if value.op == "constant" and shape is None:
            shape = ()
    if not isinstance(shape, tuple) or not all(_is_size(size) for size in shape):
        raise Unread(NO_SHAPE, value)
    names = {"float32": "float32", "float64": "float64", "double": "float64"}
    name = dtype.name if isinstance(dtype, Symbol) else "float32" if dtype is None else str(dtype)
    if name not in names:
        raise Unread(NO_TYPE, value)
    return shape, names[name], start or read_start(value)
