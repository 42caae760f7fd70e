"""`descenso models`."""

from typing import Any

from descenso.cli.options import Json, say_json, say_table
from descenso.config import flag
from descenso.registry import MODELS
from descenso.text import _


def models(as_json: Json = False) -> None:
    """List the models and their default settings, which flags override."""
    if as_json:
        say_json({"models": {name: {**model.settings, "presets": model.presets} for name, model in MODELS.items()}})
        return
    head = [_("model"), _("what it is"), _("settings")]
    rows = []
    for name, model in MODELS.items():
        rows.append([name, _(model.text), _flags(model.settings)])
        rows += [["", f"--preset {preset}", _flags(settings)] for preset, settings in model.presets.items()]
    say_table([head, *rows], text_columns=len(head))


def _flags(settings: dict[str, Any]) -> str:
    return " ".join(f"{flag(name)} {value}" for name, value in settings.items() if value)
