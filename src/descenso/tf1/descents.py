"""The descents of a script, as settings of `descenso train`; what cannot be read is said, and never guessed."""

import ast
import contextlib
import math
import shlex
import textwrap
from collections.abc import Iterator, Sequence
from itertools import chain
from typing import Any, NamedTuple

from descenso.config import SETTINGS, flag
from descenso.text import _, mark
from descenso.tf1.layers import Network, Unread, argument, factors, read_loss, read_network
from descenso.tf1.nodes import Event, Node, is_number
from descenso.tf1.source import Place

MOST_DESCENTS = 32  # of one script, each of which is looked for in all of it
ROWS = 60000  # to train on, in MNIST and in Fashion-MNIST
DATASETS = {"keras.datasets.mnist.load_data": "mnist", "keras.datasets.fashion_mnist.load_data": "fashion-mnist"}
GRADIENTS = {"gradients": ("ys", 0), ".gradient": ("target", 1), ".minimize": ("loss", 1)}  # where each has the cost
OPTIMIZERS: dict[str, tuple[str, dict[str, tuple[Any, ...]]]] = {  # the rule, and the options that it shares with it
    "GradientDescentOptimizer": ("sgd", {}),
    "MomentumOptimizer": ("momentum", {"momentum": ("momentum", 1)}),
    "AdamOptimizer": ("adam", {"beta_1": ("beta1", 1, 0.9), "beta_2": ("beta2", 2, 0.999),
                               "epsilon": ("epsilon", 3, 1e-8)}),
}  # fmt: skip
SAME_ROWS = ("cast", "reshape", ".astype", ".reshape", "constant", "convert_to_tensor", "/", "*")
SCALINGS = (("/", (255,)), ("*", (1 / 255,)))
NO_NUMBER = mark("no number that can be read")
NO_DATA = mark("these are not known to be the training rows of MNIST, all of them")
NO_LOOP = mark("how often this loop goes round cannot be read")


class Descent(NamedTuple):
    """A descent as it stands in a script.

    Attributes:
        place: of its gradient.
        settings: of `descenso train`, as far as they could be read; empty where its model is none of descenso's.
        unread: what could not be read, and where and why.
        notes: where the command does not do quite the same.
    """

    place: Place
    settings: dict[str, Any]
    unread: dict[str, str]
    notes: list[str]

    @property
    def command(self) -> list[str]:
        """The words of the command, a setting that could not be read as its name in capitals; [] without a model."""
        if "model" not in self.settings:
            return []
        values = {**self.settings, **{name: name.upper() for name in self.unread}}
        flags = [(flag(name), str(values[name])) for name in SETTINGS if name in values and name != "data"]
        return ["descenso", "train", values["data"], *chain.from_iterable(flags)]

    def as_json(self) -> dict[str, Any]:
        """As plain values."""
        command = shlex.join(self.command) if self.command else None
        return {**self.place._asdict(), **self._asdict(), "place": str(self.place), "command": command}


def read_descents(events: Sequence[Event]) -> list[Descent]:
    """A descent for each gradient that a script takes, up to `MOST_DESCENTS`."""
    gradients = [event for event in events if event.node.op in GRADIENTS]
    return [_Reading(event, events).descent() for event in gradients[:MOST_DESCENTS]]


class _Reading:
    """One gradient, and what around it belongs to its descent."""

    def __init__(self, event: Event, events: Sequence[Event]) -> None:
        self.event, self.gradient, self.events = event, event.node, events
        self.settings: dict[str, Any] = {}
        self.unread: dict[str, str] = {}
        self.notes: list[str] = []

    def descent(self) -> Descent:
        """What can be read of it."""
        with self.reading("model"):
            loss = read_loss(argument(self.gradient, *GRADIENTS[self.gradient.op]))
            network = read_network(loss.logits)
            self.model(network)
            tape = "function" if self.event.traced else "eager"
            engine = tape if self.gradient.op == ".gradient" else "graph"
            self.settings |= {"loss": loss.name, "dtype": network.dtype, "engine": engine}
            with self.reading("rule", "learning_rate"):
                self.rule()
            with self.reading("data", "epochs", "batch_size"):
                helper = network.inputs.op == "placeholder"
                self.from_helper() if helper else self.from_dataset(network.inputs)
            if loss.summed:
                self.summed()
        return Descent(self.gradient.place, self.settings, self.unread, self.notes)

    @contextlib.contextmanager
    def reading(self, *settings: str) -> Iterator[None]:
        """Within it, these settings are being read, and said not to be where they cannot."""
        try:
            yield
        except Unread as unread:
            node = unread.value if isinstance(unread.value, Node) else self.gradient
            why = f"{node.place.told}, {_written(node)}: {_(unread.sentence)}"
            self.unread |= {name: why for name in settings if name not in self.settings}

    def model(self, network: Network) -> None:
        """The model's settings; those that an mlp would bring of its own are put as the script has them."""
        self.settings["model"] = "mlp" if network.hidden else "softmax"
        if network.hidden:
            hidden = ",".join(map(str, network.hidden))
            self.settings |= {"hidden": hidden, "activation": network.activation, "dropout": 0, "schedule": "constant"}
            self.notes.append(_("descenso draws the first weights in its own way: costs will differ a little"))
        elif not network.from_zeros:
            self.notes.append(_("descenso starts from zeros, the script does not: the first costs will differ"))

    def rule(self) -> None:
        """The rule, and its rate."""
        optimizer = self.optimizer()
        if optimizer is None:
            rates = [rate for event in self.events for rate in self.rates(event.node)]
            if not rates:
                raise Unread(mark("no step W − rate · gradient follows"), self.gradient)
            self.settings["rule"] = "sgd"
            if len({_number(rate, self.gradient) for rate in rates}) > 1:
                raise Unread(mark("its steps have several rates"), self.gradient)
            self.settings["learning_rate"] = rates[0]
            return
        if optimizer.op not in OPTIMIZERS:
            raise Unread(mark("this is not known to be one of the rules of descenso"), optimizer)
        rule, options = OPTIMIZERS[optimizer.op]
        if rule == "momentum" and argument(optimizer, "use_nesterov", 4, False) is not False:
            rule = "nesterov"
        given = {name: _number(argument(optimizer, *where), optimizer) for name, where in options.items()}
        told = ",".join(f"{name}={value!r}" for name, value in given.items())
        self.settings["rule"] = f"{rule}:{told}" if told else rule
        if rule == "adam":
            self.notes.append(
                _("descenso adds epsilon after the correction of bias, TensorFlow 1 before: nearly the same")
            )
        rate = argument(optimizer, "learning_rate", 0, 0.001 if rule == "adam" else None)
        self.settings["learning_rate"] = _number(rate, optimizer)

    def optimizer(self) -> Node | None:
        """What takes the step; None where the script takes it itself."""
        if self.gradient.op == ".minimize":
            return _node(self.gradient.args[0], self.gradient)
        for event in self.events:
            if event.node.op == ".apply_gradients" and len(event.node.args) > 1:
                pairs = _node(event.node.args[1], event.node)
                if pairs.op == "zip" and pairs.args and self.is_gradient(pairs.args[0]):
                    return _node(event.node.args[0], event.node)
        return None

    def is_gradient(self, value: Any) -> bool:
        """Whether `value` is the gradient, or a part of it."""
        while isinstance(value, Node) and value.op == "[]":
            value = value.args[0]
        return value is self.gradient

    def rates(self, node: Node) -> list[Any]:
        """The rate, where `node` is W − rate · gradient, or W.assign_sub(rate · gradient); [] where it is not."""
        if node.op not in ("-", "subtract", ".assign_sub", "assign_sub") or len(node.args) < 2:
            return []
        number, rest = factors(node.args[1])
        others = [each for each in rest if not self.is_gradient(each)]
        return [others[0] if others else number] if len(others) == len(rest) - 1 else []

    def from_helper(self) -> None:
        """Rows, batches and epochs, where the tutorials' helper is asked for batches."""
        batches = [(event, helper) for event in self.events if (helper := _helper(event.node))]
        if not batches:
            raise Unread(mark("what is fed to the placeholder cannot be read"), self.gradient)
        event, helper = batches[0]
        if len(batches) > 1 or "source_url" in helper.keywords:
            raise Unread(NO_DATA, helper)
        kept = _number(argument(helper, "validation_size", 5, 5000), helper)
        self.settings |= {"data": "mnist", "validation_size": kept}
        size = _number(argument(event.node, "batch_size", 1), event.node)
        self.settings["batch_size"] = size
        steps, in_epoch = math.prod(map(_rounds, event.loops)), (ROWS - kept) // size if 0 < size <= ROWS - kept else 0
        if not steps or not in_epoch:
            raise Unread(NO_NUMBER, event.node)
        self.settings["epochs"] = -(-steps // in_epoch)
        if steps % in_epoch:
            self.notes.append(
                _("{steps} steps are {epochs:.2f} epochs, rounded up").format(steps=steps, epochs=steps / in_epoch)
            )
        if (ROWS - kept) % size:
            self.notes.append(_("the script's batches run on into the next epoch, descenso's last one is smaller"))

    def from_dataset(self, inputs: Node) -> None:
        """The same, where a tf.data.Dataset is looped over."""
        while inputs.op == "[]":
            inputs = _node(inputs.args[0], inputs)
        whole = dataset = _node(inputs.args[0], inputs)
        asked: dict[str, Any] = {}
        while dataset.op in (".batch", ".shuffle", ".repeat", ".prefetch", ".cache"):
            asked.setdefault(
                dataset.op,
                argument(dataset, {".batch": "batch_size", ".shuffle": "buffer_size"}.get(dataset.op, "count"), 1),
            )
            dataset = _node(dataset.args[0], dataset)
        if dataset.op != "from_tensor_slices" or not dataset.args or not isinstance(dataset.args[0], tuple):
            raise Unread(NO_DATA, dataset)
        self.settings["data"] = self.origin(dataset.args[0][0], dataset)
        self.settings["order"] = (
            f"buffer:{_number(asked['.shuffle'], dataset)}" if ".shuffle" in asked else "sequential"
        )
        self.settings["batch_size"] = _number(asked.get(".batch"), dataset)
        others = [loop for loop in self.event.loops if loop is not whole]
        if len(others) == len(self.event.loops):
            raise Unread(NO_LOOP, self.gradient)
        self.settings["epochs"] = math.prod(map(_rounds, others)) * _number(asked.get(".repeat", 1), dataset)

    def origin(self, value: Any, at: Node) -> str:
        """The name of the dataset whose training inputs `value` is, all of them."""
        scaled, node = False, _node(value, at)
        while node.op in SAME_ROWS or (node.op == "[]" and node.args[1] == 0):
            scaled = scaled or (node.op, node.args[1:]) in SCALINGS
            node = _node(node.args[0], node)
        if node.symbol not in DATASETS:
            raise Unread(NO_DATA, node)
        if not scaled:
            self.notes.append(_("descenso scales pixels to [0, 1], the script does not do quite that"))
        return DATASETS[node.symbol]

    def summed(self) -> None:
        """A sum's gradient is as many times the mean's as there are rows in a batch."""
        rate, rows = self.settings.get("learning_rate"), self.settings.get("batch_size")
        if rate is None or rows is None:
            return
        if self.settings["rule"].startswith("adam"):
            self.notes.append(
                _("the script sums the cost over a batch, descenso takes the mean: to adam that is nearly the same")
            )
            return
        self.settings["learning_rate"] = rate * rows
        told = _(
            "the script sums the cost over a batch, descenso takes the mean: the rate is {rows} times larger, and "
            "costs are {rows} times smaller"
        )
        self.notes.append(told.format(rows=rows))


def _node(value: Any, at: Node) -> Node:
    """`value`, which is a node; else one that says where it was none."""
    return value if isinstance(value, Node) else Node("?", at.place, written=at.written)


def _written(node: Node) -> str:
    try:
        return textwrap.shorten(ast.unparse(node.written), 60, placeholder="…") if node.written else "…"
    except ValueError:  # a whole number too long to be written out
        return "…"


def _number(value: Any, at: Node) -> Any:
    if not is_number(value):
        raise Unread(NO_NUMBER, _node(value, at))
    return value


def _helper(node: Node) -> Node | None:
    """The tutorials' helper, where `node` asks it for the next training batch."""
    train = node.args[0] if node.op == ".next_batch" else None
    helper = train.args[0] if isinstance(train, Node) and train.op == ".train" else None
    return helper if isinstance(helper, Node) and helper.op == "read_data_sets" else None


def _rounds(loop: Any) -> int:
    """How often a loop goes round."""
    numbers = loop.args if isinstance(loop, Node) and loop.op == "range" else ()
    if not numbers or not all(isinstance(each, int) and is_number(each) for each in numbers) or 0 in numbers[2:]:
        raise Unread(NO_LOOP, loop)
    return len(range(*numbers))
