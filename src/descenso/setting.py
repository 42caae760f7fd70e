"""A row of the table of settings in `descenso.config`."""

from typing import Any, Literal, NamedTuple

from pydantic import Field

from descenso.text import mark

Trait = Literal["reads data", "cost", "free", "saved"]
DATA, MODEL, OPTIMISATION, RUN = mark("Data"), mark("Model"), mark("Optimisation"), mark("Run")


class Setting(NamedTuple):
    """A row of the table of settings, without its type, default and bounds, which pydantic holds.

    Attributes:
        help: one sentence for the help text, marked for the catalogue.
        expected: the valid values in words, marked for the catalogue; empty where the type lists them.
        example: a valid value as a user types it; empty for a flag.
        panel: title of the help panel.
        traits: "reads data": it says how the dataset is read; "cost": the cost of a batch at given parameters depends
            on it; "free": a resumed run may change it; "saved": it has a meaning for saved runs only.
        short: one-letter flag.
    """

    help: str
    expected: str
    example: str
    panel: str
    traits: tuple[Trait, ...]
    short: str


def setting(
    default: Any, help: str, expected: str, example: str, panel: str, *traits: Trait,
    short: str = "", pattern: str | None = None, **bounds: Any,
) -> Any:  # fmt: skip
    """Make a field of `TrainConfig` from its default, the columns of its row, and pydantic's bounds."""
    row = Setting(help, expected, example, panel, traits, short)
    whole = None if pattern is None else rf"\A(?:{pattern})\Z"
    return Field(default, pattern=whole, json_schema_extra=row._asdict(), **bounds)
