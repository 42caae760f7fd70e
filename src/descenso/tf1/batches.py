"""Read the rows that a script trains on: the dataset, the size of a batch, the number of epochs."""

import math
from collections.abc import Sequence
from typing import Any

from descenso.text import _, mark, plural, prose
from descenso.tf1.layers import Unread, argument
from descenso.tf1.source import Event, Node, is_number

ROWS = 60000  # training rows of MNIST and of Fashion-MNIST
DATASETS = {"keras.datasets.mnist.load_data": "mnist", "keras.datasets.fashion_mnist.load_data": "fashion-mnist"}
SIZES = {".batch": "batch_size", ".shuffle": "buffer_size", ".repeat": "count"}  # arguments of methods of a dataset
SAME_ROWS = ("cast", "reshape", ".astype", ".reshape", "constant", "convert_to_tensor", "/", "*")
SCALINGS = (("/", (255,)), ("*", (1 / 255,)))
NO_NUMBER = mark("no number that can be read")
NO_DATA = mark("these are not known to be all training rows of MNIST")
NO_LOOP = mark("the number of passes of this loop cannot be read")
NOT_FED = mark("the value that is fed to the placeholder cannot be read")
SAME_BATCH = mark("the batch is taken before the loop: each step trains on the same rows")


class Batches:
    """Reads where the batches of one training run come from into settings of `descenso train`.

    Args:
        event: its gradient.
        events: all of the script.
        settings, notes: to be filled; what was read before something cannot be read stays.
    """

    def __init__(self, event: Event, events: Sequence[Event], settings: dict[str, Any], notes: list[str]) -> None:
        self.event, self.events, self.settings, self.notes = event, events, settings, notes

    def fed(self) -> None:
        """Read a script that feeds what the tutorials' helper gives: batches, or all rows.

        Raises:
            Unread: if it feeds something else, or what cannot be followed.
        """
        batches = [(event, helper) for event in self.events if (helper := _helper(event.node))]
        if not batches:
            self._whole()
            return
        event, helper = batches[0]
        if len(batches) > 1:
            raise Unread(NO_DATA, helper)
        rows = self._rows(helper)
        size = number(argument(event.node, "batch_size", 1), event.node)
        self.settings["batch_size"] = size
        inner = (run for run in self.events if len(run.loops) > len(event.loops))
        if any(whole_of(value) is event.node for run in inner for value in _fed(run)):
            raise Unread(SAME_BATCH, event.node)
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

    def _whole(self) -> None:
        """Read a script that feeds all training rows at each step."""
        for run in self.events:
            for value in _fed(run) if run.loops else ():
                match value:
                    case Node(op=".images", args=(Node(op=".train", args=(Node(op="read_data_sets") as helper,)),)):
                        rows = self._rows(helper)
                        self.settings |= {"batch_size": rows, "epochs": math.prod(map(_passes, run.loops))}
                        return
        raise Unread(NOT_FED, self.event.node)

    def _rows(self, helper: Node) -> int:
        """Set data and validation rows; return the number of training rows."""
        if "source_url" in helper.keywords:
            raise Unread(NO_DATA, helper)
        validation = number(argument(helper, "validation_size", 5, 5000), helper)
        self.settings |= {"data": "mnist", "validation_size": validation}
        return ROWS - int(validation)

    def looped(self, inputs: Node) -> None:
        """Read a script that loops over a tf.data.Dataset: data, order, batch size and epochs.

        Raises:
            Unread: if these are not all training rows of a dataset of descenso.
        """
        whole = dataset = _given(node_of(whole_of(inputs), inputs))
        options: dict[str, Any] = {}
        while dataset.op in (*SIZES, ".prefetch", ".cache"):
            options.setdefault(dataset.op, argument(dataset, SIZES.get(dataset.op, ""), 1))
            dataset = _given(dataset)
        if dataset.op != "from_tensor_slices" or not dataset.args or not isinstance(dataset.args[0], tuple):
            raise Unread(NO_DATA, dataset)
        self.settings["data"] = self._origin(dataset.args[0][0], dataset)
        buffer = f"buffer:{number(options['.shuffle'], dataset)}" if ".shuffle" in options else ""
        self.settings["order"] = buffer or "sequential"
        self.settings["batch_size"] = number(options.get(".batch"), dataset)
        others = [loop for loop in self.event.loops if loop is not whole]
        if len(others) == len(self.event.loops):
            raise Unread(NO_LOOP, self.event.node)
        self.settings["epochs"] = math.prod(map(_passes, others)) * number(options.get(".repeat", 1), dataset)

    def _origin(self, value: Any, at: Node) -> str:
        """Return the name of the dataset of which `value` is all the training inputs."""
        scaled, node = False, node_of(value, at)
        while node.op in SAME_ROWS or (node.op == "[]" and node.args[1] == 0):
            scaled = scaled or (node.op, node.args[1:]) in SCALINGS
            node = _given(node)
        if node.symbol not in DATASETS:
            raise Unread(NO_DATA, node)
        if not scaled:
            self.notes.append(_("descenso scales pixels to [0, 1], the script does not"))
        return DATASETS[node.symbol]


def node_of(value: Any, at: Node) -> Node:
    """Return `value` if it is a node, else an unknown node at the place of `at`."""
    return value if isinstance(value, Node) else Node("?", at.place, written=at.written)


def _given(node: Node) -> Node:
    """Return what `node` was given first, by position or by name; an unknown node for nothing."""
    return node_of(next(iter((*node.args, *node.keywords.values())), None), node)


def number(value: Any, at: Node) -> Any:
    """Return `value` if it is a number.

    Raises:
        Unread: if it is none.
    """
    if not is_number(value):
        raise Unread(NO_NUMBER, node_of(value, at))
    return value


def _helper(node: Node) -> Node | None:
    """Return the tutorials' helper if `node` takes the next training batch from it."""
    match node:
        case Node(op=".next_batch", args=(Node(op=".train", args=(Node(op="read_data_sets") as helper,)), *_)):
            return helper
    return None


def _fed(event: Event) -> tuple[Any, ...]:
    """Return the values that a session's run, or a tensor's, feeds to placeholders."""
    if event.node.op != ".run":
        return ()
    fed = event.node.keywords.get("feed_dict", event.node.args[-1] if event.node.args else ())
    return fed if isinstance(fed, tuple) else ()


def whole_of(value: Any) -> Any:
    """Return what `value` is a part of, or a part of a part; `value` itself if it is none."""
    while isinstance(value, Node) and value.op == "[]":
        value = value.args[0]
    return value


def _passes(loop: Any) -> int:
    """Return the number of passes of a loop."""
    numbers = loop.args if isinstance(loop, Node) and loop.op == "range" else ()
    if not numbers or not all(isinstance(value, int) and is_number(value) for value in numbers) or 0 in numbers[2:]:
        raise Unread(NO_LOOP, loop)
    return len(range(*numbers))
