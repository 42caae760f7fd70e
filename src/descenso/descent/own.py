"""The user's own rule, schedule, loss and model: taken from settings, or found by the names that a config holds."""

import importlib
import inspect
import re
import sys
from collections.abc import Callable, Collection, Mapping
from functools import partial
from pathlib import Path
from types import ModuleType
from typing import Any

from descenso.config import TrainConfig
from descenso.descent import checked
from descenso.descent.digests import digest
from descenso.descent.problem import Model, Own, Rule
from descenso.errors import ConfigError
from descenso.registry import FACTORY, MADE_IN_PYTHON, OWN, is_own
from descenso.text import _, nearest

KINDS = tuple(OWN)


def taken_from(settings: Mapping[str, Any]) -> tuple[dict[str, Any], Own]:
    """Take the user's own code out of settings, and leave names in its place, as a config holds them.

    Raises:
        ConfigError: for a value that is neither a name nor such code.
    """
    given = {kind: settings[kind] for kind in KINDS if not isinstance(settings.get(kind), str | None)}
    dtype = TrainConfig.of(dtype=settings["dtype"]).dtype if settings.get("dtype") else "float32"
    names = {kind: name_of(kind, value) for kind, value in given.items()}
    made = {kind: _made(kind, value, names[kind], dtype) for kind, value in given.items()}
    return {**settings, **names}, Own(**made, sources={kind: digest(value) for kind, value in given.items()})


def completed(config: TrainConfig, own: Own | None = None) -> Own:
    """Add to `own` what `config` names of the user's own code and `own` lacks, from the modules that hold it.

    Raises:
        ConfigError: where a module does not hold it, or holds something else.
    """
    own = own or Own()
    for kind in KINDS:
        name = getattr(config, kind)
        if is_own(kind, name) and getattr(own, kind) is None:
            value = _found(kind, name)
            sources = {**own.sources, kind: digest(value)}
            own = own._replace(**{kind: _made(kind, value, name, config.dtype)}, sources=sources)
    return own


def given_again(
    config: TrainConfig, given: Mapping[str, Any], kinds: Collection[str] = KINDS, own: Own | None = None
) -> Own:
    """Convert what is given to use the run of `config` again.

    Args:
        config: of the run.
        given: by kind the code, or its name; None or missing where none is given.
        kinds: what is needed of it: to predict, the model alone.
        own: to which it is added.

    Raises:
        ConfigError: where the run needs code that is not given: a run may come from others, and nothing that its files
            name is imported unasked.
    """
    own = own or Own()
    for kind in kinds:
        name, value = getattr(config, kind), given.get(kind)
        if not is_own(kind, name):
            continue
        if value is None:
            raise ConfigError(_missing(kind, name))
        value = _found(kind, value) if isinstance(value, str) else value
        sources = {**own.sources, kind: digest(value)}
        own = own._replace(**{kind: _made(kind, value, name, config.dtype)}, sources=sources)
    return own


def own_model(config: TrainConfig, given: Any) -> Model | None:
    """Convert the user's model of a run to a `Model`; None for a model of descenso.

    Raises:
        ConfigError: as `given_again`.
    """
    if given is not None and not is_own("model", config.model):
        model: Model = _made("model", _found("model", given) if isinstance(given, str) else given, "", config.dtype)
        return model
    return given_again(config, {"model": given}, ["model"]).model


def _missing(kind: str, name: str) -> str:
    if not name.startswith(MADE_IN_PYTHON):
        message = _("{kind}: the run was trained with {name}, which is code, and not run unasked; try --{kind} {name}")
        return message.format(kind=kind, name=name)
    message = _(
        "{kind}: the run was trained with {name}, which a Python program made and no module holds: give it again in "
        "Python, {kind}=…; or put its definition into FILE.py, and try --{kind} FILE:NAME"
    )
    return message.format(kind=kind, name=name.removeprefix(MADE_IN_PYTHON))


def _made(kind: str, value: Any, name: str, dtype: str) -> Any:
    if kind == "model":
        from descenso.descent.keras_models import as_model  # of Keras, which takes a second to import

        return as_model(value, dtype)
    make: Callable[[str, Any], Any] = {"rule": checked.rule, "schedule": checked.schedule, "loss": checked.loss}[kind]
    return make(name.removeprefix(MADE_IN_PYTHON), value)


def _found(kind: str, name: str) -> Any:
    """Import what `name`, "package.module:name", names; modules of the working directory are found, too."""
    path, _colon, attribute = name.partition(":")
    module: Any = None
    if name.startswith(MADE_IN_PYTHON) or not FACTORY.fullmatch(name):
        raise ConfigError(_missing(kind, name))
    try:
        module = _imported(path)
        return getattr(module, attribute)
    except Exception as error:  # the user's module may raise anything when it is imported
        reason = (str(error).splitlines() or [""])[0] or type(error).__name__
        stem = path.removesuffix(".py")
        if module is not None:
            near = nearest(attribute, [each for each in vars(module) if not each.startswith("_")])
            mend = _("try --{kind} {name}").format(kind=kind, name=f"{path}:{near or 'NAME'}")
        elif stem != path:
            mend = _("try --{kind} {name}").format(kind=kind, name=f"{stem}:{attribute}")
        elif kind == "model":
            mend = _("try --model package.module:factory, or give model=")
        else:
            mend = _("its module must be installed, or lie in the working directory")
        message = _("{kind}: {path} cannot be imported ({reason}); {mend}")
        raise ConfigError(message.format(kind=kind, path=name, reason=reason, mend=mend)) from error


def _imported(path: str) -> ModuleType:
    here = str(Path.cwd())
    if here not in sys.path and "" not in sys.path:  # an installed command lacks it; `python` adds it
        sys.path.append(here)
    importlib.invalidate_caches()
    return importlib.import_module(path)


def name_of(kind: str, value: Any) -> str:
    """Name the user's code for a config: "module:name" where a module holds it under a name, else "python:name"."""
    code = value.update if isinstance(value, Rule) else value
    while isinstance(code, partial):
        code = code.func
    module, own = getattr(code, "__module__", None), str(getattr(code, "__qualname__", type(code).__name__))
    holder = sys.modules.get(str(module))
    names = [own] if not isinstance(value, Rule) else []
    names += [name for name, held in list(vars(holder).items()) if held is value] if holder else []
    for name in names:
        path = f"{module}:{name}"
        held = getattr(holder, name, None)
        if module != "__main__" and held is value and is_own(kind, path):
            return path
    maker = own.partition(".<locals>")[0].rpartition(".")[2] if isinstance(value, Rule) else own.rpartition(".")[2]
    label = next((name for name in names if name.isidentifier()), maker)
    label = kind if label == "<lambda>" else label
    label = getattr(value, "name", label) if kind == "model" and not inspect.isroutine(value) else label
    label = re.sub(r"\W|^(?=\d)", "_", str(label), flags=re.ASCII).strip("_")
    return MADE_IN_PYTHON + (label or kind)
