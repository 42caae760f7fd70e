"""Write symbols.txt: names and arguments of TensorFlow 1 that TensorFlow 2 does not have, from the installed version.

A name that is gone is followed by its new name, if there is one: that of the very same object, or else what
TensorFlow's own upgrade tables (`tensorflow.tools.compatibility`) say. A function that stayed and takes its arguments
otherwise has the old ones in parentheses, in their old order: `old:new` for one that has another name, `old:` for one
that is gone, and `|` after those that still have the same position.

After a new TensorFlow: python tests/tf1/gone.py > src/descenso/tf1/symbols.txt
"""

import inspect
import types

import tensorflow as tf
from tensorflow.tools.compatibility.tf_upgrade_v2 import TFAPIChangeSpec

LAZY = ("compat", "estimator", "keras", "layers")  # not to be walked: Keras 3 refuses them, or they are all their own
BY_NAME = [f"nn.{costs}_cross_entropy_with_logits" for costs in ("softmax", "sparse_softmax", "sigmoid")]
# Version 1.0 and later took these by name only; before, logits came first.
# renamed, and not in the tables
UNNAMED = {"device": {"device_name_or_function": "device_name"}, "summary": {"tensor": "data", "values": "data"}}
TABLES = TFAPIChangeSpec()


def names(module, prefix=""):
    """Each dotted name below `module`, packages included, with what it is."""
    found = {}
    for name in dir(module):
        if not name.startswith("_") and name not in LAZY:
            value = getattr(module, name)
            found[prefix + name] = value
            if isinstance(value, types.ModuleType) and "_api" in vars(value).get("__name__", ""):
                found |= names(value, f"{prefix}{name}.")
    return found


def lines():
    """As `symbols.txt` has them."""
    old, new = names(tf.compat.v1), names(tf)
    shortest = sorted(new, key=lambda name: (-name.count("."), -len(name), name))
    same = {id(new[name]): name for name in shortest if callable(new[name])}  # the last one wins: the shortest
    renamed = {name.removeprefix("tf."): now.removeprefix("tf.") for name, now in TABLES.symbol_renames.items()}
    gone = set(old) - set(new) | {name for name in renamed if name.startswith("contrib.") and renamed[name] in new}
    for name in sorted(gone):
        now = same.get(id(old.get(name))) or renamed.get(name, "")
        yield f"{name} {now if now in new else ''}".rstrip()
    for name in sorted(set(old) & set(new)):
        if old[name] is not new[name] and (listed := arguments(name, old[name], new[name])):
            yield f"{name}({listed})"


def arguments(name, old, new):
    """As `symbols.txt` has those of one function; "" if all old calls mean the same today."""
    before, after = positional(old), positional(new)
    if name in BY_NAME:
        before[:2] = "logits", "labels"
    renames = TABLES.function_keyword_renames.get(f"tf.{name}", {})
    renames = renames | UNNAMED.get(name, {}) | UNNAMED.get(name.partition(".")[0], {})
    now = {one: one if one in after else renames.get(one) for one in before}
    now = {one: other if other in after else "" for one, other in now.items()}
    same = next((k for k, one in enumerate(before) if [now[one]] != after[k : k + 1]), None)
    if all(one == now[one] for one in before) and same is None:
        return ""
    listed = [one if one == now[one] else f"{one}:{now[one]}" for one in before]
    same = len(listed) if same is None else same
    return " ".join([*listed[:same], "|", *listed[same:]])


def positional(function):
    """Its arguments that may be given by position, in order; none for what says nothing of them."""
    try:
        parameters = inspect.signature(function).parameters.values()
    except (TypeError, ValueError):
        return []
    return [one.name for one in parameters if one.kind is one.POSITIONAL_OR_KEYWORD]


if __name__ == "__main__":
    print("\n".join(lines()))  # noqa: T201
