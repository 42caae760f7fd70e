"""`descenso models`."""

from typing import Any

from rich.box import SIMPLE
from rich.console import Console
from rich.table import Table

from descenso.cli.options import Json, cell, say_json
from descenso.registry import MODELS
from descenso.text import _


def models(as_json: Json = False) -> None:
    """List the models, and the settings that each brings; any flag overrides them."""
    if as_json:
        say_json({"models": {name: {**model.settings, "presets": model.presets} for name, model in MODELS.items()}})
        return
    table = Table(_("model"), _("what it is"), _("settings"), box=SIMPLE)
    for name, model in MODELS.items():
        table.add_row(name, cell(_(model.text)), _flags(model.settings))
        for preset, settings in model.presets.items():
            table.add_row("", cell(f"--preset {preset}"), _flags(settings))
    Console().print(table)


def _flags(settings: dict[str, Any]) -> str:
    return " ".join(f"--{key.replace('_', '-')} {value}" for key, value in settings.items() if value)
