"""Write symbols.txt: the names of tf.compat.v1 that tf does not have, from the installed TensorFlow.

After a new TensorFlow: python tests/tf1/gone.py > src/descenso/tf1/symbols.txt
"""

import types

import tensorflow as tf

LAZY = ("compat", "estimator", "keras", "layers")  # not to be walked: Keras 3 refuses them, or they are all their own


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
    """As `symbols.txt` has them: the old name, and the new one where the very same object has one."""
    old, new = names(tf.compat.v1), names(tf)
    shortest = sorted(new, key=lambda name: (-name.count("."), -len(name), name))
    same = {id(new[name]): name for name in shortest if callable(new[name])}  # the last one wins: the shortest
    return [f"{name} {same.get(id(old[name]), '')}".rstrip() for name in sorted(old) if name not in new]


if __name__ == "__main__":
    print("\n".join(lines()))  # noqa: T201
