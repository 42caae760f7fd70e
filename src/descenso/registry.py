"""The family: every rule, schedule and model by name, with its formula, source, options and defaults.

Tables only, so that what lists or checks names need not wait for TensorFlow; `descent/` holds the mathematics.
A member is asked for as `name` or `name:option=value,option=value`.
"""

import math
import re
from typing import Any, NamedTuple

from descenso.text import _, closest, mark


class Option(NamedTuple):
    """A number that a member takes.

    Attributes:
        default: what it is when not given.
        interval: where it may lie, as mathematics writes it: "[0, 1)".
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


class Member(NamedTuple):
    """A rule or a schedule.

    Attributes:
        formula: what it does, in one line.
        source: where it was published.
        options: what it takes, by name.
        learning_rate: one that suits a rule; 0 for a schedule.
    """

    formula: str
    source: str
    options: dict[str, Option]
    learning_rate: float = 0.0

    @property
    def told_options(self) -> str:
        """The options as a person reads them: default, and where they may lie."""
        return ", ".join(f"{name}={option.default:g} {option.interval}" for name, option in self.options.items())

    def as_json(self) -> dict[str, Any]:
        """As plain values."""
        return {**self._asdict(), "options": {name: option._asdict() for name, option in self.options.items()}}


class ModelMember(NamedTuple):
    """A model.

    Attributes:
        text: what it is, marked for the catalogue.
        reads: the settings that shape it; of `SHAPES`, others would do nothing.
        settings: those that suit it.
        presets: others in their place, by the name of what they are for.
    """

    text: str
    reads: tuple[str, ...]
    settings: dict[str, Any]
    presets: dict[str, dict[str, Any]]


MOMENTUM = Option(0.9, "[0, 1)")
BETA_1, BETA_2 = Option(0.9, "[0, 1)"), Option(0.999, "[0, 1)")
EPSILON = Option(1e-7, "(0, inf)")
ADAM = {"beta_1": BETA_1, "beta_2": BETA_2, "epsilon": EPSILON}

RULES = {
    "sgd": Member("θ ← θ − η g", "Robbins and Monro (1951)", {}, 0.01),
    "momentum": Member("v ← μ v − η g;  θ ← θ + v", "Polyak (1964); Sutskever et al. (2013)",
                       {"momentum": MOMENTUM}, 0.01),
    "nesterov": Member("v ← μ v − η g;  θ ← θ + μ v − η g", "Nesterov (1983); Sutskever et al. (2013)",
                       {"momentum": MOMENTUM}, 0.01),
    "adagrad": Member("s ← s + g²;  θ ← θ − η g / (√s + ε)", "Duchi, Hazan and Singer (2011)",
                      {"epsilon": EPSILON}, 0.01),
    "rmsprop": Member("s ← ρ s + (1 − ρ) g²;  θ ← θ − η g / (√s + ε)", "Tieleman and Hinton (2012)",
                      {"rho": Option(0.9, "[0, 1)"), "epsilon": EPSILON}, 0.001),
    "adadelta": Member("s ← ρ s + (1 − ρ) g²;  d = g √(u + ε) / √(s + ε);  u ← ρ u + (1 − ρ) d²;  θ ← θ − η d",
                       "Zeiler (2012)", {"rho": Option(0.95, "[0, 1)"), "epsilon": Option(1e-6, "(0, inf)")}, 1.0),
    "adam": Member("m ← β₁ m + (1 − β₁) g;  s ← β₂ s + (1 − β₂) g²;  θ ← θ − η m̂ / (√ŝ + ε)",
                   "Kingma and Ba (2015)", ADAM, 0.001),
    "adamw": Member("as adam, and θ ← θ − η λ θ", "Loshchilov and Hutter (2019)",
                    {**ADAM, "weight_decay": Option(0.004, "[0, inf)")}, 0.001),
    "nadam": Member("as adam, with μₜ for β₁ and μₜ₊₁ m̂ + (1 − μₜ) ĝ for m̂", "Dozat (2016)", ADAM, 0.001),
    "lion": Member("θ ← θ − η sign(β₁ m + (1 − β₁) g);  m ← β₂ m + (1 − β₂) g", "Chen et al. (2023)",
                   {"beta_1": BETA_1, "beta_2": Option(0.99, "[0, 1)")}, 0.0001),
}  # fmt: skip

SHARE = "[0, 1]"
SCHEDULES = {  # of t, the steps taken, and T, the steps in all
    "constant": Member("η", "–", {}),
    "step": Member("η · factor ^ ⌊t / (every · T)⌋", "He et al. (2016), section 3.4",
                   {"factor": Option(0.1, "(0, 1]"), "every": Option(0.3, "(0, 1]")}),
    "exponential": Member("η · final ^ (t / T)", "–", {"final": Option(0.01, "(0, 1]")}),
    "cosine": Member("η · (final + (1 − final) · (1 + cos(π t / T)) / 2)", "Loshchilov and Hutter (2017), section 3",
                     {"final": Option(0.0, SHARE)}),
    "one-cycle": Member("from η · start up to η over rise · T, then down to η · final, both along a cosine",
                        "Smith and Topin (2018), section 4",
                        {"rise": Option(0.3, "(0, 1)"), "start": Option(0.04, SHARE), "final": Option(4e-6, SHARE)}),
    "warm-up": Member("η · min(1, (t + 1) / (rise · T))", "Goyal et al. (2017), section 2.2",
                      {"rise": Option(0.1, "(0, 1]")}),
}  # fmt: skip

ARTICLE = {
    "rule": "sgd",
    "learning_rate": 0.01,
    "schedule": "constant",
    "batch_size": 100,
    "epochs": 100,
    "hidden": "",
    "dropout": 0.0,
}
MODELS = {
    "softmax": ModelMember(mark("softmax regression, a weight for each pair of input and class"), (), ARTICLE, {}),
    "mlp": ModelMember(
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
    "cnn": ModelMember(
        mark("a convolutional network: a block for each of --filters, with batch normalisation, then a dense layer"),
        ("filters", "hidden", "activation", "dropout", "augment"),
        {
            "rule": "adam",
            "learning_rate": 0.004,
            "schedule": "one-cycle",
            "batch_size": 64,
            "epochs": 3,
            "hidden": "128",
            "dropout": 0.2,
        },
        {
            "accurate": {
                "filters": "20,40,80",
                "augment": 0.6,
                "dropout": 0.4,
                "learning_rate": 0.006,
                "batch_size": 128,
                "average": 0.999,
                "epochs": 22,
            }
        },
    ),
}
OWN = {
    "rule": "adam",
    "learning_rate": 0.001,
    "schedule": "constant",
    "batch_size": 64,
    "epochs": 10,
    "hidden": "",
    "dropout": 0.0,
}
SHAPES = ("hidden", "filters", "activation", "dropout", "augment")  # settings that shape a model
FACTORY = re.compile(r"[A-Za-z_][\w.]*:[A-Za-z_]\w*")  # package.module:factory


def defaults(model: str) -> dict[str, Any]:
    """The settings that suit `model`, a key of `MODELS` or the name of a model of one's own."""
    return MODELS[model].settings if model in MODELS else OWN


def reads(model: str) -> tuple[str, ...]:
    """The settings of `SHAPES` that `model` reads; one of one's own reads none."""
    return MODELS[model].reads if model in MODELS else ()


def parse(spec: str, members: dict[str, Member]) -> tuple[str, dict[str, float]]:
    """The name in `spec`, and all of that member's options, those given over the defaults.

    Raises:
        ValueError: saying what is wrong with it.

    >>> parse("momentum:momentum=0.5", RULES)
    ('momentum', {'momentum': 0.5})
    """
    name, _colon, rest = spec.partition(":")
    if name not in members:
        raise ValueError(_("there is no {name!r}{hint}").format(name=name, hint=closest(name, members)))
    options = members[name].options
    values = {key: option.default for key, option in options.items()}
    for word in rest.split(",") if rest else []:
        key, _equals, written = word.partition("=")
        if key not in options:
            taken = ", ".join(options) or _("none")
            raise ValueError(_("{name} takes {options}, not {key!r}").format(name=name, options=taken, key=key))
        values[key] = _number(key, written, options[key])
    return name, values


def _number(key: str, written: str, option: Option) -> float:
    try:
        value = float(written)
    except ValueError:
        value = math.nan
    if not option.holds(value) or math.isinf(value):
        raise ValueError(
            _("{key} must be a number in {interval}, got {value!r}").format(
                key=key, interval=option.interval, value=written
            )
        )
    return value
