"""The registry of rules, schedules and models: formula, source, options and defaults of each, by name.

Tables only, so that commands that list or check names do not import TensorFlow; the mathematics is in `descent/`. Rules
and schedules are written as `name` or `name:option=value,option=value`.
"""

import math
import re
from collections.abc import Mapping
from typing import Any, NamedTuple

from descenso.text import _, closest, mark


class Option(NamedTuple):
    """A numeric option of a rule or a schedule.

    Attributes:
        default: its default value.
        interval: its range in interval notation: "[0, 1)".
    """

    default: float
    interval: str

    def holds(self, value: float) -> bool:
        """Whether `value` lies in the interval.

        >>> Option(0.9, "[0, 1)").holds(1.0)
        False
        """
        low, high = (float(end) for end in self.interval[1:-1].split(","))
        above = value >= low if self.interval[0] == "[" else value > low
        return above and (value <= high if self.interval[-1] == "]" else value < high)


class RuleInfo(NamedTuple):
    """An update rule: formula, source (paper), options by name, and default learning rate.

    Words in formula and source are marked for the catalogue.
    """

    formula: str
    source: str
    options: dict[str, Option]
    learning_rate: float


class ScheduleInfo(NamedTuple):
    """A learning rate schedule: formula, source (paper and section), and options by name."""

    formula: str
    source: str
    options: dict[str, Option]


class ModelInfo(NamedTuple):
    """A model.

    Attributes:
        text: one-line description, marked for the catalogue.
        reads: the settings that shape it; other models' would have no effect.
        settings: its defaults.
        presets: settings that replace its defaults, by the name of the preset.
    """

    text: str
    reads: tuple[str, ...]
    settings: dict[str, Any]
    presets: dict[str, dict[str, Any]]


MOMENTUM, BETA_1, BETA_2 = Option(0.9, "[0, 1)"), Option(0.9, "[0, 1)"), Option(0.999, "[0, 1)")
EPSILON = Option(1e-7, "(0, inf)")
ADAM = {"beta_1": BETA_1, "beta_2": BETA_2, "epsilon": EPSILON}

RULES = {
    "sgd": RuleInfo("θ ← θ − η g", mark("Robbins and Monro (1951)"), {}, 0.01),
    "momentum": RuleInfo("v ← μ v − η g;  θ ← θ + v", "Polyak (1964); Sutskever et al. (2013)",
                         {"momentum": MOMENTUM}, 0.01),
    "nesterov": RuleInfo("v ← μ v − η g;  θ ← θ + μ v − η g", "Nesterov (1983); Sutskever et al. (2013)",
                         {"momentum": MOMENTUM}, 0.01),
    "adagrad": RuleInfo("s ← s + g²;  θ ← θ − η g / (√s + ε)", mark("Duchi, Hazan and Singer (2011)"),
                        {"epsilon": EPSILON}, 0.01),
    "rmsprop": RuleInfo("s ← ρ s + (1 − ρ) g²;  θ ← θ − η g / (√s + ε)", mark("Tieleman and Hinton (2012)"),
                        {"rho": Option(0.9, "[0, 1)"), "epsilon": EPSILON}, 0.001),
    "adadelta": RuleInfo("s ← ρ s + (1 − ρ) g²;  d = g √(u + ε) / √(s + ε);  u ← ρ u + (1 − ρ) d²;  θ ← θ − η d",
                         "Zeiler (2012)", {"rho": Option(0.95, "[0, 1)"), "epsilon": Option(1e-6, "(0, inf)")}, 1.0),
    "adam": RuleInfo("m ← β₁ m + (1 − β₁) g;  s ← β₂ s + (1 − β₂) g²;  θ ← θ − η m̂ / (√ŝ + ε)",
                     mark("Kingma and Ba (2015)"), ADAM, 0.001),
    "adamw": RuleInfo(mark("as adam, and θ ← θ − η λ θ"), mark("Loshchilov and Hutter (2019)"),
                      {**ADAM, "weight_decay": Option(0.004, "[0, inf)")}, 0.001),
    "nadam": RuleInfo(mark("as adam, with μₜ for β₁ and μₜ₊₁ m̂ + (1 − μₜ) ĝ for m̂"), "Dozat (2016)", ADAM, 0.001),
    "lion": RuleInfo("θ ← θ − η sign(β₁ m + (1 − β₁) g);  m ← β₂ m + (1 − β₂) g", "Chen et al. (2023)",
                     {"beta_1": BETA_1, "beta_2": Option(0.99, "[0, 1)")}, 0.0001),
}  # fmt: skip

SHARE = "[0, 1]"
SCHEDULES = {  # functions of t, the steps taken, and T, the steps of the whole training run
    "constant": ScheduleInfo("η", "–", {}),
    "step": ScheduleInfo("η · factor ^ ⌊t / (every · T)⌋", mark("He et al. (2016), section 3.4"),
                         {"factor": Option(0.1, "(0, 1]"), "every": Option(0.3, "(0, 1]")}),
    "exponential": ScheduleInfo("η · final ^ (t / T)", "–", {"final": Option(0.01, "(0, 1]")}),
    "cosine": ScheduleInfo("η · (final + (1 − final) · (1 + cos(π t / T)) / 2)",
                           mark("Loshchilov and Hutter (2017), section 3"), {"final": Option(0.0, SHARE)}),
    "one-cycle": ScheduleInfo(mark("from η · start up to η over rise · T, then down to η · final, both along a cosine"),
                              mark("Smith and Topin (2018), section 4"),
                              {"rise": Option(0.3, "(0, 1)"), "start": Option(0.04, SHARE),
                               "final": Option(4e-6, SHARE)}),
    "warm-up": ScheduleInfo("η · min(1, (t + 1) / (rise · T))", mark("Goyal et al. (2017), section 2.2"),
                            {"rise": Option(0.1, "(0, 1]")}),
}  # fmt: skip

LOSSES: dict[str, Any] = dict.fromkeys(("cross_entropy", "naive"))

SOFTMAX = {
    "rule": "sgd",
    "learning_rate": 0.01,
    "schedule": "constant",
    "batch_size": 100,
    "epochs": 100,
    "hidden": "",
    "dropout": 0.0,
}
MODELS = {
    "softmax": ModelInfo(mark("softmax regression, a weight for each pair of input and class"), (), SOFTMAX, {}),
    "mlp": ModelInfo(
        mark("a multilayer perceptron: dense layers as --hidden says, an activation between them, and --dropout"),
        ("hidden", "activation", "dropout"),
        {
            "rule": "adam",
            "learning_rate": 0.003,
            "schedule": "one-cycle",
            "batch_size": 100,
            "epochs": 12,
            "hidden": "256",
            "dropout": 0.1,
        },
        {},
    ),
    "cnn": ModelInfo(
        mark("a convolutional network: a block for each of --filters, with batch normalisation, then a dense layer"),
        ("filters", "padding", "hidden", "activation", "dropout", "augment"),
        {
            "rule": "adam",
            "learning_rate": 0.004,
            "schedule": "one-cycle",
            "batch_size": 64,
            "epochs": 3,
            "padding": "auto",
            "hidden": "128",
            "dropout": 0.2,
        },
        {
            "accurate": {
                "filters": "32,64",
                "augment": 0.6,
                "dropout": 0.4,
                "learning_rate": 0.006,
                "batch_size": 128,
                "average": 0.999,
                "epochs": 20,
            }
        },
    ),
}
CUSTOM = {**SOFTMAX, "rule": "adam", "learning_rate": 0.001, "batch_size": 64, "epochs": 10}
SHAPES = tuple(dict.fromkeys(name for model in MODELS.values() for name in model.reads))  # settings that shape a model
FACTORY = re.compile(r"[A-Za-z_][\w.]*:[A-Za-z_]\w*")  # package.module:factory
MADE_IN_PYTHON = "python:"  # before the name of what no module holds, and cannot be found again
OWN: dict[str, Mapping[str, Any]] = {
    "model": MODELS,
    "rule": RULES,
    "schedule": SCHEDULES,
    "loss": LOSSES,
}  # what may be the user's own code


def is_own(kind: str, value: str) -> bool:
    """Whether `value` names code of the user's own, and no entry of the table of this kind.

    >>> is_own("rule", "my_rules:yogi"), is_own("rule", "momentum:momentum=0.5")
    (True, False)
    """
    return FACTORY.fullmatch(value) is not None and value.partition(":")[0] not in OWN[kind]


def defaults(model: str, preset: str = "") -> dict[str, Any]:
    """Return the default settings of `model`, a key of `MODELS` or the name of a custom model, with `preset`.

    Raises:
        ValueError: for a preset that the model does not have.
    """
    if not preset:
        return MODELS[model].settings if model in MODELS else CUSTOM
    presets = MODELS[model].presets if model in MODELS else {}
    if preset not in presets:
        reason = _("{model} has no preset {preset!r}{hint}; it has {names}")
        hint, names = closest(preset, presets), ", ".join(presets) or _("none")
        raise ValueError(reason.format(model=model, preset=preset, hint=hint, names=names))
    return {**defaults(model), **presets[preset]}


def smaller_rate(rule: str, learning_rate: float) -> float:
    """Return a learning rate to try where `learning_rate` was too large for `rule`: its default, or a tenth.

    >>> smaller_rate("sgd", 50.0), smaller_rate("momentum:momentum=0.5", 0.01)
    (0.01, 0.001)
    """
    info = RULES.get(rule.partition(":")[0])
    return info.learning_rate if info and info.learning_rate < learning_rate else learning_rate / 10


def reads(model: str) -> tuple[str, ...]:
    """Return the settings of `SHAPES` that `model` reads; a custom model reads none."""
    return MODELS[model].reads if model in MODELS else ()


def describe_options(options: Mapping[str, Option]) -> str:
    """Return the options in one line, with default and range.

    >>> describe_options(RULES["momentum"].options)
    'momentum=0.9 [0, 1)'
    """
    return ", ".join(f"{name}={option.default:g} {option.interval}" for name, option in options.items())


def to_json(info: RuleInfo | ScheduleInfo) -> dict[str, Any]:
    """Return `info` as plain values."""
    return {**info._asdict(), "options": {name: option._asdict() for name, option in info.options.items()}}


def parse(spec: str, entries: Mapping[str, RuleInfo | ScheduleInfo]) -> tuple[str, dict[str, float]]:
    """Split `spec` into a name of `entries` and the values of all its options, defaults included.

    Raises:
        ValueError: for an unknown name or option, and for a value out of range.

    >>> parse("momentum:momentum=0.5", RULES)
    ('momentum', {'momentum': 0.5})
    """
    name, _colon, rest = spec.partition(":")
    if name not in entries:
        raise ValueError(_("there is no {name!r}{hint}").format(name=name, hint=closest(name, entries)))
    options = entries[name].options
    values = {key: option.default for key, option in options.items()}
    for word in rest.split(",") if rest else []:
        key, _equals, text = word.partition("=")
        if key not in options:
            known = ", ".join(options) or _("none")
            raise ValueError(_("{name} takes {options}, not {key!r}").format(name=name, options=known, key=key))
        values[key] = _number(key, text, options[key])
    return name, values


def _number(key: str, text: str, option: Option) -> float:
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    if not option.holds(value) or math.isinf(value):
        reason = _("{key} must be a number in {interval}, got {value!r}")
        raise ValueError(reason.format(key=key, interval=option.interval, value=text))
    return value
