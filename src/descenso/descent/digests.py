"""Digests of the user's own code: by these a resumed run knows whether a function is the one that it began with."""

import hashlib
import inspect
import json
import re
import textwrap
from collections.abc import Callable, Iterator
from functools import partial
from types import CodeType, FunctionType
from typing import Any

PLAIN = (str, bytes, bool, int, float, complex, type(None))  # types whose repr determines the value
DIGITS = 16  # of a digest


def digest(value: Any) -> str:
    """Digest the source of `value`, and the values that it reads as far as these are known.

    Known are the source of functions, classes and methods, values that a function closes over, its default arguments,
    and the numbers, texts and functions of its own module that it names; of a Keras model its layers, of which the
    weights are no part. Unknown remains what other modules do, what objects hold, and what is read from files.
    """
    parts = list(_parts(value, set()))
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()[:DIGITS]


def _parts(value: Any, seen: set[int]) -> Iterator[str]:
    """Yield what is known of `value`, as texts that are the same in every process."""
    if isinstance(value, PLAIN):
        yield repr(value)
        return
    if isinstance(value, tuple | list | dict):  # a rule is a tuple of functions
        for each in value.items() if isinstance(value, dict) else value:
            yield from _parts(each, seen)
    elif isinstance(value, partial):
        yield from _parts((value.func, value.args, value.keywords), seen)
    elif inspect.ismethod(value):
        yield from _parts((value.__func__, value.__self__), seen)
    elif id(value) not in seen:
        seen.add(id(value))
        yield from _function(value, seen) if isinstance(value, FunctionType) else _object(value, seen)


def _function(function: FunctionType, seen: set[int]) -> Iterator[str]:
    yield _source(function)
    yield from _parts(function.__defaults__, seen)
    yield from _parts(function.__kwdefaults__, seen)
    for cell in function.__closure__ or ():
        try:
            yield from _parts(cell.cell_contents, seen)
        except ValueError:  # a name that is not bound yet
            yield "unbound"
    for name in sorted(_names(function.__code__)):
        named = function.__globals__.get(name)
        if isinstance(named, PLAIN) or getattr(named, "__module__", None) == function.__module__:
            yield name
            yield from _parts(named, seen)


def _names(code: CodeType) -> set[str]:
    """Return the names that `code` reads, and the functions within it."""
    inner = (_names(each) for each in code.co_consts if isinstance(each, CodeType))
    return set(code.co_names).union(*inner)


def _object(value: Any, seen: set[int]) -> Iterator[str]:
    if inspect.isclass(value):
        yield _source(value)
        return
    yield type(value).__qualname__
    configured: Callable[[], Any] | None = getattr(value, "get_config", None)  # of a Keras model
    if configured:
        try:
            written = json.dumps(configured(), default=lambda each: type(each).__name__, sort_keys=True)
        except Exception:  # the user's get_config may raise anything, and need not return plain values
            yield _source(type(value))
        else:
            yield re.sub(r"_\d+", "", re.sub(r'"(seed|registered_name)": [^,}]*', "", written))  # counted in a process
    elif hasattr(value, "__dict__") and type(value).__module__ != "builtins":
        yield _source(type(value))
        for name, each in vars(value).items():
            if isinstance(each, (*PLAIN, tuple, FunctionType)):
                yield name
                yield from _parts(each, seen)


def _source(code: Any) -> str:
    """Return the source, or where there is none, as of what a console ran, the operations."""
    try:
        return textwrap.dedent(inspect.getsource(code)).strip()
    except (OSError, TypeError):
        compiled = getattr(code, "__code__", None)
        if compiled is None:
            return str(getattr(code, "__qualname__", type(code).__qualname__))
        constants = [each for each in compiled.co_consts if isinstance(each, PLAIN)]
        return f"{compiled.co_code.hex()} {constants!r} {compiled.co_names!r}"
