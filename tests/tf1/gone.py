"""Write symbols.txt: names and arguments of TensorFlow 1 that TensorFlow 2 does not have, from the installed version.

A removed name is followed by its new name, if there is one: that of the same object, or else that in TensorFlow's
upgrade tables (`tensorflow.tools.compatibility`). A function that remains but takes other arguments is followed by its
old arguments in parentheses, in their old order: `old:new` if the name changed, `old:` if it was removed, and `|` after
those in an unchanged position.

Run after an upgrade of TensorFlow: python tests/tf1/gone.py > src/descenso/tf1/symbols.txt
"""

import inspect
import types

import tensorflow as tf
from tensorflow.tools.compatibility.tf_upgrade_v2 import TFAPIChangeSpec

LAZY = ("compat", "estimator", "keras", "layers")  # not visited: Keras 3 refuses them, or they differ entirely
BY_NAME = [f"nn.{costs}_cross_entropy_with_logits" for costs in ("softmax", "sparse_softmax", "sigmoid")]
# From version 1.0 on these took arguments by name only; before, logits came first.
# Renamed, and missing in the tables:
UNNAMED = {"device": {"device_name_or_function": "device_name"}, "summary": {"tensor": "data", "values": "data"}}
TABLES = TFAPIChangeSpec()


def names(module, prefix=""):
    """Return the objects below `module`, packages included, by dotted name."""
    found = {}
    for name in dir(module):
        if not name.startswith("_") and name not in LAZY:
            value = getattr(module, name)
            found[prefix + name] = value
            if isinstance(value, types.ModuleType) and "_api" in vars(value).get("__name__", ""):
                found |= names(value, f"{prefix}{name}.")
    return found


def there(name):
    """Return whether tf has this name, also where `names` does not look, as in packages that are loaded when used."""
    value = tf
    for part in name.split("."):
        value = value if part == "__version__" else getattr(value, part, None)
    return value is not None


def lines():
    """Yield the lines of `symbols.txt`."""
    old, new = names(tf.compat.v1), names(tf)
    shortest = sorted(new, key=lambda name: (-name.count("."), -len(name), name))
    same = {id(new[name]): name for name in shortest if callable(new[name])}  # the last one is kept, the shortest
    renamed = {name.removeprefix("tf."): now.removeprefix("tf.") for name, now in TABLES.symbol_renames.items()}
    gone = set(old) - set(new) | {name for name in renamed if name.startswith("contrib.") and renamed[name] in new}
    for name in sorted(name for name in gone if not there(name)):
        now = same.get(id(old.get(name))) or renamed.get(name, "")
        yield f"{name} {now if now in new else ''}".rstrip()
    for name in sorted(set(old) & set(new)):
        if old[name] is not new[name] and (listed := arguments(name, old[name], new[name])):
            yield f"{name}({listed})"


def arguments(name, old, new):
    """Return one function's arguments as in `symbols.txt`; "" if all old calls still mean the same."""
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
    """Return the positional arguments of a function, in order; none if it has no signature."""
    try:
        parameters = inspect.signature(function).parameters.values()
    except (TypeError, ValueError):
        return []
    return [one.name for one in parameters if one.kind is one.POSITIONAL_OR_KEYWORD]


if __name__ == "__main__":
    print("\n".join(lines()))  # noqa: T201
