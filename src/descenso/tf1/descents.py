"""Read the training runs of a script as settings of `descenso train`; what cannot be read is reported, not guessed."""

import ast
import contextlib
import math
import shlex
import textwrap
from collections.abc import Iterator, Sequence
from itertools import chain
from typing import Any, NamedTuple

from descenso.config import SETTINGS, flag
from descenso.text import _, mark, plural, prose
from descenso.tf1.layers import Network, Unread, argument, factors, read_loss, read_network
from descenso.tf1.source import Event, Node, Place, is_number

MOST_DESCENTS = 32  # of one script; for each of them all events are searched
ROWS = 60000  # training rows of MNIST and of Fashion-MNIST
DATASETS = {"keras.datasets.mnist.load_data": "mnist", "keras.datasets.fashion_mnist.load_data": "fashion-mnist"}
# The name and the position of the argument that is the cost.
GRADIENTS = {"gradients": ("ys", 0), ".gradient": ("target", 1), ".minimize": ("loss", 1)}
# The rule, and its options with name, position and default of their arguments.
OPTIMIZERS: dict[str, tuple[str, dict[str, tuple[Any, ...]]]] = {
    "GradientDescentOptimizer": ("sgd", {}),
    "MomentumOptimizer": ("momentum", {"momentum": ("momentum", 1)}),
    "AdamOptimizer": ("adam", {"beta_1": ("beta1", 1, 0.9), "beta_2": ("beta2", 2, 0.999),
                               "epsilon": ("epsilon", 3, 1e-8)}),
}  # fmt: skip
SIZES = {".batch": "batch_size", ".shuffle": "buffer_size", ".repeat": "count"}  # arguments of methods of a dataset
SAME_ROWS = ("cast", "reshape", ".astype", ".reshape", "constant", "convert_to_tensor", "/", "*")
SCALINGS = (("/", (255,)), ("*", (1 / 255,)))
NO_NUMBER = mark("no number that can be read")
NO_DATA = mark("these are not known to be all training rows of MNIST")
NO_LOOP = mark("the number of passes of this loop cannot be read")


class Descent(NamedTuple):
    """A training run of a script."""

    place: Place  # of its gradient
    settings: dict[str, Any]  # of `descenso train`, as far as they could be read; empty without a model of descenso
    unread: dict[str, str]  # settings that could not be read, with place and reason
    notes: list[str]  # differences between the script and the command

    @property
    def command(self) -> list[str]:
        """Words of the command, with the names in capitals of settings that could not be read; [] without a model."""
        if "model" not in self.settings:
            return []
        values = {**self.settings, **{name: name.upper() for name in self.unread}}
        flags = [(flag(name), str(values[name])) for name in SETTINGS if name in values and name != "data"]
        return ["descenso", "train", values["data"], *chain.from_iterable(flags)]

    def as_json(self) -> dict[str, Any]:
        """Return plain values."""
        command = shlex.join(self.command) if self.command else None
        return {**self.place._asdict(), **self._asdict(), "place": str(self.place), "command": command}


def read_descents(events: Sequence[Event]) -> list[Descent]:
    """Return one training run per gradient in a script, up to `MOST_DESCENTS`."""
    gradients = [event for event in events if event.node.op in GRADIENTS]
    return [_Reading(event, events).descent() for event in gradients[:MOST_DESCENTS]]


class _Reading:
    """Reads the training run to which one gradient belongs."""

    def __init__(self, event: Event, events: Sequence[Event]) -> None:
        self.event, self.gradient, self.events = event, event.node, events
        self.result = Descent(event.node.place, {}, {}, [])
        _place, self.settings, self.unread, self.notes = self.result

    def descent(self) -> Descent:
        """Read the training run."""
        with self.reading("model"):
            loss, logits, summed = read_loss(argument(self.gradient, *GRADIENTS[self.gradient.op]))
            network = read_network(logits)
            self.model(network)
            tape = "function" if self.event.traced else "eager"
            engine = tape if self.gradient.op == ".gradient" else "graph"
            self.settings |= {"loss": loss, "dtype": network.dtype, "engine": engine}
            with self.reading("rule", "learning_rate"):
                self.rule()
            with self.reading("data", "epochs", "batch_size"):
                helper = network.inputs.op == "placeholder"
                self.from_helper() if helper else self.from_dataset(network.inputs)
            if summed:
                self.summed()
        return self.result

    @contextlib.contextmanager
    def reading(self, *settings: str) -> Iterator[None]:
        """Record these settings as unread if `Unread` is raised within the context."""
        try:
            yield
        except Unread as unread:
            node = unread.value if isinstance(unread.value, Node) else self.gradient
            why = f"{node.place.text}, {_written(node)}: {_(unread.sentence)}"
            self.unread |= {name: why for name in settings if name not in self.settings}

    def model(self, network: Network) -> None:
        """Set the model and its settings; the defaults of mlp are replaced by those of the script."""
        self.settings["model"] = "mlp" if network.hidden else "softmax"
        if network.hidden:
            hidden = ",".join(map(str, network.hidden))
            self.settings |= {"hidden": hidden, "activation": network.activation, "dropout": 0, "schedule": "constant"}
            self.notes.append(_("descenso draws other initial weights: costs will differ a little"))
        elif not network.from_zeros:
            self.notes.append(_("descenso starts from weights of 0, the script does not: the first costs will differ"))

    def rule(self) -> None:
        """Set the rule and the learning rate."""
        optimizer = self.optimizer()
        if optimizer is None:
            rates = [rate for event in self.events for rate in self.rates(event.node)]
            if not rates:
                raise Unread(mark("no step W − rate · gradient follows"), self.gradient)
            self.settings["rule"] = "sgd"
            if len({_number(rate, self.gradient) for rate in rates}) > 1:
                raise Unread(mark("its steps have several learning rates"), self.gradient)
            self.settings["learning_rate"] = rates[0]
            return
        if optimizer.op not in OPTIMIZERS:
            raise Unread(mark("this is no rule of descenso"), optimizer)
        rule, options = OPTIMIZERS[optimizer.op]
        if rule == "momentum" and argument(optimizer, "use_nesterov", 4, False) is not False:
            rule = "nesterov"
        values = {name: _number(argument(optimizer, *where), optimizer) for name, where in options.items()}
        written = ",".join(f"{name}={value!r}" for name, value in values.items())
        self.settings["rule"] = f"{rule}:{written}" if written else rule
        if rule == "adam":
            note = _("descenso adds epsilon after the correction of bias, TensorFlow 1 before: nearly the same")
            self.notes.append(note)
        rate = argument(optimizer, "learning_rate", 0, 0.001 if rule == "adam" else None)
        self.settings["learning_rate"] = _number(rate, optimizer)

    def optimizer(self) -> Node | None:
        """Return the optimizer; None if the script updates the weights itself."""
        if self.gradient.op == ".minimize":
            return _node(self.gradient.args[0], self.gradient)
        for node in (event.node for event in self.events):
            match node:
                case Node(op=".apply_gradients", args=(optimizer, Node(op="zip", args=(gradients, *_)), *_)):
                    if self.is_gradient(gradients):
                        return _node(optimizer, node)
        return None

    def is_gradient(self, value: Any) -> bool:
        """Whether `value` is the gradient or a part of it."""
        while isinstance(value, Node) and value.op == "[]":
            value = value.args[0]
        return value is self.gradient

    def rates(self, node: Node) -> list[Any]:
        """Return [rate] if `node` is W − rate · gradient or W.assign_sub(rate · gradient), else []."""
        if node.op not in ("-", "subtract", ".assign_sub", "assign_sub") or len(node.args) < 2:
            return []
        number, rest = factors(node.args[1])
        others = [factor for factor in rest if not self.is_gradient(factor)]
        return [others[0] if others else number] if len(others) == len(rest) - 1 else []

    def from_helper(self) -> None:
        """Set data, batch size and epochs of a script that takes batches from the tutorials' helper."""
        batches = [(event, helper) for event in self.events if (helper := _helper(event.node))]
        if not batches:
            raise Unread(mark("the value that is fed to the placeholder cannot be read"), self.gradient)
        event, helper = batches[0]
        if len(batches) > 1 or "source_url" in helper.keywords:
            raise Unread(NO_DATA, helper)
        validation = _number(argument(helper, "validation_size", 5, 5000), helper)
        self.settings |= {"data": "mnist", "validation_size": validation}
        rows = ROWS - validation
        size = _number(argument(event.node, "batch_size", 1), event.node)
        self.settings["batch_size"] = size
        steps = math.prod(map(_passes, event.loops))
        in_epoch = rows // size if 0 < size <= rows else 0
        if not steps or not in_epoch:
            raise Unread(NO_NUMBER, event.node)
        self.settings["epochs"] = -(-steps // in_epoch)
        if steps % in_epoch:
            note = plural(
                "{steps} step is {epochs:.2f} epochs, rounded up",
                "{steps} steps are {epochs:.2f} epochs, rounded up",
                steps,
            )
            self.notes.append(prose(note, steps=steps, epochs=steps / in_epoch))
        if rows % size:
            self.notes.append(_("the script's last batch continues into the next epoch, descenso's is smaller"))

    def from_dataset(self, inputs: Node) -> None:
        """Set data, order, batch size and epochs of a script that loops over a tf.data.Dataset."""
        while inputs.op == "[]":
            inputs = _node(inputs.args[0], inputs)
        whole = dataset = _node(inputs.args[0], inputs)
        options: dict[str, Any] = {}
        while dataset.op in (*SIZES, ".prefetch", ".cache"):
            options.setdefault(dataset.op, argument(dataset, SIZES.get(dataset.op, ""), 1))
            dataset = _node(dataset.args[0], dataset)
        if dataset.op != "from_tensor_slices" or not dataset.args or not isinstance(dataset.args[0], tuple):
            raise Unread(NO_DATA, dataset)
        self.settings["data"] = self.origin(dataset.args[0][0], dataset)
        buffer = f"buffer:{_number(options['.shuffle'], dataset)}" if ".shuffle" in options else ""
        self.settings["order"] = buffer or "sequential"
        self.settings["batch_size"] = _number(options.get(".batch"), dataset)
        others = [loop for loop in self.event.loops if loop is not whole]
        if len(others) == len(self.event.loops):
            raise Unread(NO_LOOP, self.gradient)
        self.settings["epochs"] = math.prod(map(_passes, others)) * _number(options.get(".repeat", 1), dataset)

    def origin(self, value: Any, at: Node) -> str:
        """Return the name of the dataset of which `value` is all the training inputs."""
        scaled, node = False, _node(value, at)
        while node.op in SAME_ROWS or (node.op == "[]" and node.args[1] == 0):
            scaled = scaled or (node.op, node.args[1:]) in SCALINGS
            node = _node(node.args[0], node)
        if node.symbol not in DATASETS:
            raise Unread(NO_DATA, node)
        if not scaled:
            self.notes.append(_("descenso scales pixels to [0, 1], the script does not"))
        return DATASETS[node.symbol]

    def summed(self) -> None:
        """Multiply the learning rate of a summed cost by the rows of a batch."""
        rate, rows = self.settings.get("learning_rate"), self.settings.get("batch_size")
        if rate is None or rows is None:
            return
        if self.settings["rule"].startswith("adam"):
            note = _("the script sums the cost over a batch, descenso takes the mean: to adam that is nearly the same")
        else:
            self.settings["learning_rate"] = rate * rows
            note = _(
                "the script sums the cost over a batch, descenso takes the mean: the rate is {rows} times larger, and "
                "costs are {rows} times smaller"
            )
        self.notes.append(note.format(rows=rows))


def _node(value: Any, at: Node) -> Node:
    """Return `value` if it is a node, else an unknown node at the place of `at`."""
    return value if isinstance(value, Node) else Node("?", at.place, written=at.written)


def _written(node: Node) -> str:
    try:
        return textwrap.shorten(ast.unparse(node.written), 60, placeholder="…") if node.written else "…"
    except ValueError:  # an integer with too many digits
        return "…"


def _number(value: Any, at: Node) -> Any:
    if not is_number(value):
        raise Unread(NO_NUMBER, _node(value, at))
    return value


def _helper(node: Node) -> Node | None:
    """Return the tutorials' helper if `node` takes the next training batch from it."""
    match node:
        case Node(op=".next_batch", args=(Node(op=".train", args=(Node(op="read_data_sets") as helper,)), *_)):
            return helper
    return None


def _passes(loop: Any) -> int:
    """Return the number of passes of a loop."""
    numbers = loop.args if isinstance(loop, Node) and loop.op == "range" else ()
    if not numbers or not all(isinstance(number, int) and is_number(number) for number in numbers) or 0 in numbers[2:]:
        raise Unread(NO_LOOP, loop)
    return len(range(*numbers))
