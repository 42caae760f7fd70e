"""Read the training runs of a script as settings of `descenso train`; what cannot be read is reported, not guessed."""

import ast
import contextlib
import shlex
import textwrap
from collections.abc import Iterator, Sequence
from itertools import chain
from typing import Any, NamedTuple

from descenso.config import SETTINGS, flag
from descenso.text import _, mark, prose
from descenso.tf1.batches import Batches, node_of, number, whole_of
from descenso.tf1.layers import Network, Unread, argument, factors, read_loss, read_network
from descenso.tf1.source import Event, Node, Place
from descenso.tf1.start import GLOROT, ZERO, first_cost

MOST_DESCENTS = 32  # of one script; for each of them all events are searched
# The name and the position of the argument that is the cost.
GRADIENTS = {"gradients": ("ys", 0), ".gradient": ("target", 1), ".minimize": ("loss", 1)}
# The rule, and its options with name, position and default of their arguments.
OPTIMIZERS: dict[str, tuple[str, dict[str, tuple[Any, ...]]]] = {
    "GradientDescentOptimizer": ("sgd", {}),
    "MomentumOptimizer": ("momentum", {"momentum": ("momentum", 1)}),
    "AdamOptimizer": ("adam", {"beta_1": ("beta1", 1, 0.9), "beta_2": ("beta2", 2, 0.999),
                               "epsilon": ("epsilon", 3, 1e-8)}),
}  # fmt: skip


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
            self.settings |= {"loss": loss, "dtype": network.layers[0].dtype, "engine": engine}
            with self.reading("rule", "learning_rate"):
                self.rule()
            with self.reading("data", "epochs", "batch_size"):
                batches = Batches(self.event, self.events, self.settings, self.notes)
                batches.fed() if network.inputs.op == "placeholder" else batches.looped(network.inputs)
            self.start(network)
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
        hidden = network.layers[:-1]
        self.settings["model"] = "mlp" if hidden else "softmax"
        if hidden:
            units = ",".join(str(layer.units) for layer in hidden)
            self.settings |= {"hidden": units, "activation": network.activation, "schedule": "constant"}
            with self.reading("dropout"):
                self.settings["dropout"] = self.dropout(network.dropped)

    def dropout(self, node: Node | None) -> float:
        """Return the rate of a Dropout, the share that is set to 0."""
        if node is None:
            return 0
        of_layers = node.symbol == "layers.dropout"
        if of_layers and argument(node, "training", 4, False) is False:
            return 0  # its default: none
        graph = self.gradient.op != ".gradient" and not of_layers  # nn.dropout of a graph took what is kept
        if graph and "rate" not in node.keywords:
            return float(round(1 - number(argument(node, "keep_prob", 1), node), 12))
        return float(number(argument(node, "rate", 1, 0.5), node))

    def start(self, network: Network) -> None:
        """Note how the first cost of the script differs, where its weights are drawn otherwise."""
        softmax = len(network.layers) == 1
        if softmax and network.layers[0].kernel.zero and network.layers[0].bias.zero:
            return
        if self.settings.get("data") == "mnist":
            import numpy as np

            from descenso.data.catalog import load

            images = np.asarray(load("mnist").test.inputs[::50], np.float64)
            inputs = images.reshape(len(images), -1) / 255
            ours = [layer._replace(kernel=ZERO if softmax else GLOROT, bias=ZERO) for layer in network.layers]
            first = first_cost(network.layers, network.activation, inputs)
            if first is not None:
                note = _("the script starts from other weights: its first cost is about {theirs:.2f}, here {ours:.2f}")
                cost = first_cost(ours, network.activation, inputs)
                self.notes.append(prose(note, theirs=first, ours=cost))
                return
        self.notes.append(_("the script starts from other weights: the first costs will differ"))

    def rule(self) -> None:
        """Set the rule and the learning rate."""
        optimizer = self.optimizer()
        if optimizer is None:
            rates = [rate for event in self.events for rate in self.rates(event.node)]
            if not rates:
                raise Unread(mark("no step W − rate · gradient follows"), self.gradient)
            self.settings["rule"] = "sgd"
            if len({number(rate, self.gradient) for rate in rates}) > 1:
                raise Unread(mark("its steps have several learning rates"), self.gradient)
            self.settings["learning_rate"] = rates[0]
            return
        if optimizer.op not in OPTIMIZERS:
            raise Unread(mark("this is no rule of descenso"), optimizer)
        rule, options = OPTIMIZERS[optimizer.op]
        if rule == "momentum" and argument(optimizer, "use_nesterov", 4, False) is not False:
            rule = "nesterov"
        values = {name: number(argument(optimizer, *where), optimizer) for name, where in options.items()}
        written = ",".join(f"{name}={value!r}" for name, value in values.items())
        self.settings["rule"] = f"{rule}:{written}" if written else rule
        if rule == "adam":
            note = _("descenso adds epsilon after the correction of bias, TensorFlow 1 before: nearly the same")
            self.notes.append(note)
        rate = argument(optimizer, "learning_rate", 0, 0.001 if rule == "adam" else None)
        self.settings["learning_rate"] = number(rate, optimizer)

    def optimizer(self) -> Node | None:
        """Return the optimizer; None if the script updates the weights itself."""
        if self.gradient.op == ".minimize":
            return node_of(self.gradient.args[0], self.gradient)
        for node in (event.node for event in self.events):
            match node:
                case Node(op=".apply_gradients", args=(optimizer, Node(op="zip", args=(gradients, *_)), *_)):
                    if whole_of(gradients) is self.gradient:
                        return node_of(optimizer, node)
        return None

    def rates(self, node: Node) -> list[Any]:
        """Return [rate] if `node` is W − rate · gradient or W.assign_sub(rate · gradient), else []."""
        if node.op not in ("-", "subtract", ".assign_sub", "assign_sub") or len(node.args) < 2:
            return []
        number, rest = factors(node.args[1])
        others = [factor for factor in rest if whole_of(factor) is not self.gradient]
        return [others[0] if others else number] if len(others) == len(rest) - 1 else []

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


def _written(node: Node) -> str:
    try:
        return textwrap.shorten(ast.unparse(node.written), 60, placeholder="…") if node.written else "…"
    except ValueError:  # an integer with too many digits
        return "…"
