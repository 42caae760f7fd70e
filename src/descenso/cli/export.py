"""`descenso export`."""

from pathlib import Path
from typing import Annotated

import typer

from descenso.cli.display import quiet
from descenso.cli.options import Json, ModelOption, RunArgument, say, say_json
from descenso.text import _


def export(
    run: RunArgument,
    to: Annotated[
        str,
        typer.Option(
            help=_("Format: keras, savedmodel, onnx, litert, npz, numpy-script (see docs/export.md)."),
            metavar="keras|savedmodel|onnx|litert|npz|numpy-script",
        ),
    ],
    out: Annotated[
        Path | None,
        typer.Option("--out", "-o", help=_("File to write, or folder for savedmodel; it must not exist.")),
    ] = None,
    model: ModelOption = None,
    as_json: Json = False,
) -> None:
    """Export a run's model to another library's format, with input scaling and softmax included."""
    with quiet():
        from descenso import exporting

        path = exporting.export(run, to, out, model)
    if as_json:
        say_json({"run": str(run), "format": to, "path": str(path)})
    else:
        say(_("Exported: {path}").format(path=path))
