"""How the cost of a script is made, read from it backwards: the loss, the layers, the inputs."""

from typing import Any, NamedTuple

from descenso.text import mark
from descenso.tf1.nodes import Node, Symbol, is_number

ACTIVATIONS = ("relu", "sigmoid", "tanh")
CROSS_ENTROPIES = ("softmax_cross_entropy_with_logits", "softmax_cross_entropy_with_logits_v2",
                   "sparse_softmax_cross_entropy_with_logits")  # fmt: skip
MEANS = ("softmax_cross_entropy", "sparse_softmax_cross_entropy")  # of tf.losses, over the rows
ROWS_AXES = (1, -1, (1,), (-1,))
FILLED = {"zeros": 0, "ones": 0, "random_normal": 0, "normal": 0, "truncated_normal": 0, "random_uniform": 0,
          "uniform": 0, "constant": 2}  # where each has its shape among its arguments  # fmt: skip
MOST_FACTORS = 16
NO_LAYER = mark("this is no layer of softmax or mlp")
NO_SHAPE = mark("the shapes of these weights cannot be read")
NO_TYPE = mark("the type of these weights cannot be read")


class Unread(Exception):  # noqa: N818 - it is no fault of the script's
    """Something cannot be read, or descenso has no such thing."""

    def __init__(self, sentence: str, value: Any) -> None:
        super().__init__(sentence)
        self.sentence, self.value = sentence, value


class Loss(NamedTuple):
    """What a script makes small.

    Attributes:
        name: "naive" or "cross_entropy".
        logits: what it is of.
        summed: whether costs of rows are added up, where descenso takes their mean.
    """

    name: str
    logits: Any
    summed: bool


class Network(NamedTuple):
    """Layers, from the inputs to the logits.

    Attributes:
        inputs: what the first one reads.
        hidden: units of each layer but the last.
        activation: that of all of them; "" where there is none.
        dtype: "float32" or "float64".
        from_zeros: whether all weights start at zero.
    """

    inputs: Node
    hidden: tuple[int, ...]
    activation: str
    dtype: str
    from_zeros: bool


def argument(node: Node, name: str, place: int, default: Any = None) -> Any:
    """The argument of `node` that is called `name`, or stands at `place`."""
    return node.keywords.get(name, node.args[place] if len(node.args) > place else default)


def factors(value: Any) -> tuple[float, list[Any]]:
    """The number in a product, and what else is multiplied.

    Raises:
        Unread: for one of too many, such as a name that is squared again and again comes to.
    """
    number, left = 1.0, [value]
    rest: list[Any] = []
    while left:
        each = left.pop()
        if len(left) + len(rest) > MOST_FACTORS:
            raise Unread(mark("too many factors"), value)
        if is_number(each):
            number *= each
        elif isinstance(each, Node) and each.op in ("*", "multiply"):
            left += each.args[:2]
        elif isinstance(each, Node) and each.op in ("neg", "negative"):
            number, left = -number, [*left, *each.args[:1]]
        else:
            rest.append(each)
    return number, rest


def read_loss(cost: Any) -> Loss:
    """The loss whose value `cost` is.

    Raises:
        Unread: for one that descenso has not.
    """
    unread = Unread(mark("the cost is none of a softmax"), cost)
    number, rest = factors(cost)
    inner = rest[0] if len(rest) == 1 else None
    if not isinstance(inner, Node):
        raise unread
    if inner.op in MEANS and number == 1:
        return Loss("cross_entropy", argument(inner, "logits", 1), summed=False)
    summed = inner.op == "reduce_sum"
    if inner.op not in ("reduce_mean", "reduce_sum") or _axis(inner) is not None:
        raise unread
    more, rest = factors(inner.args[0] if inner.args else None)
    number, rows_summed = number * more, summed
    if len(rest) == 1 and isinstance(rest[0], Node):
        inner = rest[0]
        if inner.op in CROSS_ENTROPIES and number == 1:
            return Loss("cross_entropy", argument(inner, "logits", 1), summed)
        if inner.op == "reduce_sum" and _axis(inner) in ROWS_AXES:
            more, rest = factors(inner.args[0])
            number, rows_summed = number * more, True
    logs = [each for each in rest if isinstance(each, Node) and each.op == "log"]
    if number != -1 or len(rest) != 2 or len(logs) != 1:
        raise unread
    if not rows_summed:
        raise Unread(mark("the cost is a mean over the classes, too"), cost)
    predicted = logs[0].args[0] if logs[0].args else None
    if not isinstance(predicted, Node) or predicted.op != "softmax" or not predicted.args:
        raise Unread(mark("the logarithm is not taken of a softmax"), predicted)
    return Loss("naive", predicted.args[0], summed)


def is_size(value: Any) -> bool:
    """Whether `value` may be the length of an axis."""
    return isinstance(value, int) and is_number(value) and value > 0


def _axis(node: Node) -> Any:
    return argument(node, "axis", 1, node.keywords.get("reduction_indices"))


def read_network(logits: Any) -> Network:
    """The layers that lead to `logits`.

    Raises:
        Unread: for a layer that is none of softmax regression or of a multilayer perceptron.
    """
    if _activated(logits)[0]:
        raise Unread(NO_LAYER, logits)
    units, activations, dtypes, zeros = [], [], set(), True
    value, activation = logits, "none yet"
    while activation:
        value, width, dtype, from_zeros = _layer(value)
        units.append(width)
        dtypes.add(dtype)
        zeros = zeros and from_zeros
        activation, value = _activated(value)
        activations.append(activation)
    if not isinstance(value, Node) or value.op not in ("placeholder", "[]", "row"):
        raise Unread(NO_LAYER, value)
    if len(set(activations[:-1])) > 1:
        raise Unread(mark("the hidden layers have several activations, those of mlp one"), logits)
    if len(dtypes) > 1:
        raise Unread(NO_TYPE, logits)
    return Network(value, tuple(reversed(units[1:])), activations[0], dtypes.pop(), zeros)


def _activated(value: Any) -> tuple[str, Any]:
    """The activation that gives `value`, and what it is of; "" where none does."""
    if isinstance(value, Node) and value.op in ACTIVATIONS and value.args:
        return value.op, value.args[0]
    given = value.keywords.get("activation") if isinstance(value, Node) and value.op == "dense" else None
    name = given.name.rpartition(".")[2] if isinstance(given, Symbol) else ""
    return (name if name in ACTIVATIONS else ""), value


def _layer(value: Any) -> tuple[Any, int, str, bool]:
    """Inputs, units and type of the layer that gives `value`, and whether it starts from zeros."""
    if isinstance(value, Node) and value.op in ("+", "add", "bias_add") and len(value.args) >= 2:
        for product, bias in (value.args[:2], value.args[1::-1]):
            if isinstance(product, Node) and product.op == "matmul" and len(product.args) == 2:
                return (product.args[0], *_weights(product.args[1], bias))
    if isinstance(value, Node) and value.op == "xw_plus_b" and len(value.args) == 3:
        return (value.args[0], *_weights(value.args[1], value.args[2]))
    if isinstance(value, Node) and value.op == "dense" and is_size(argument(value, "units", 1)):
        return argument(value, "inputs", 0), argument(value, "units", 1), "float32", False
    raise Unread(NO_LAYER, value)


def _weights(kernel: Any, bias: Any) -> tuple[int, str, bool]:
    shape, dtype, zeros = _filled(kernel)
    biases, _dtype, also_zeros = _filled(bias)
    if len(shape) != 2 or biases != shape[1:]:
        raise Unread(NO_SHAPE, kernel)
    return shape[1], dtype, zeros and also_zeros


def _filled(value: Any) -> tuple[tuple[int, ...], str, bool]:
    """Shape and type of a variable's first value, and whether that is zeros."""
    dtype = None
    if isinstance(value, Node) and value.op == "Variable":
        dtype = value.keywords.get("dtype")
        value = argument(value, "initial_value", 0)
    shape: Any = None
    if isinstance(value, Node) and value.op == "get_variable":
        shape, dtype = argument(value, "shape", 1), argument(value, "dtype", 2)
    elif isinstance(value, Node) and value.op in FILLED:
        shape = argument(value, "shape", FILLED[value.op])
        dtype = dtype or value.keywords.get("dtype") or next((a for a in value.args if isinstance(a, Symbol)), None)
        if value.op == "constant" and shape is None:
            shape = ()
    if not isinstance(shape, tuple) or not all(is_size(size) for size in shape):
        raise Unread(NO_SHAPE, value)
    names = {"float32": "float32", "float64": "float64", "double": "float64"}
    name = dtype.name if isinstance(dtype, Symbol) else "float32" if dtype is None else str(dtype)
    if name not in names:
        raise Unread(NO_TYPE, value)
    return shape, names[name], value.op == "zeros"
