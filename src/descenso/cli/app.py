"""The commands, gathered."""

import sys
from collections.abc import Callable
from importlib import import_module
from typing import Annotated

import typer

from descenso._version import __version__
from descenso.text import _

app = typer.Typer(
    help=_("The laboratory of gradient descent: one descent, every way TensorFlow can run it, the same numbers."),
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode="rich",
    context_settings={"help_option_names": ["-h", "--help"]},
)


def _version(wanted: bool) -> None:
    if wanted:
        typer.echo(__version__)
        raise typer.Exit


@app.callback()
def root(
    lang: Annotated[str | None, typer.Option(help=_("Language: en or es; by default that of LANG."))] = None,
    version: Annotated[
        bool, typer.Option("--version", help=_("Print the version."), callback=_version, is_eager=True)
    ] = False,
) -> None:
    """Nothing to do: `--lang` is taken out of the arguments before any help text is made."""


COMMANDS = {
    "train": _("Train by gradient descent, and keep the run in a directory of its own."),
    "resume": _("Go on with a run from its newest checkpoint, to the same bits as if it had never stopped."),
    "models": _("List the models, and the settings that each brings; any flag overrides them."),
    "rules": _("List the update rules: formula, source, options with their defaults and ranges, a rate that suits."),
    "schedules": _("List the schedules of the learning rate: formula, source, options with their defaults and ranges."),
    "evaluate": _("Measure a run on test rows: accuracy, cost, accuracy per class, confusion matrix."),
    "predict": _("Say what a run's model takes images or rows for, with probabilities."),
    "export": _("Write a run's model for other libraries: it reads rows as stored, and gives probabilities."),
    "compare": _("Walk descents side by side: engines (one path?), rules, rates, batch sizes or datasets."),
    "reproduce": _("Run the tutorial's two programs as published, and again compiled; say whether its claims hold."),
    "gradcheck": _("Take a model's gradient in every way, side by side, and name the component they disagree on."),
    "doctor": _("Find the mistakes that beginners make: in data, in a run, or in one that is being written."),
    "plot": _("Draw the training loss of one or several runs on one axis; or schedules of the learning rate."),
    "runs": _("List the runs in a folder."),
    "data": _("Look at a dataset: shapes, type, range, rows per class; and write a sheet of samples."),
    "explain": _("Say what a message of TensorFlow means, why it comes, and the lines that mend it; offline."),
    "port": _("Find what is gone from a TensorFlow 1 script or notebook, and write the command that runs its descent."),
    "env": _("Show versions, processor and platform, as runs record them."),
}


def _unused() -> None:
    """Stand for a command in the list of them."""


def _command(name: str) -> Callable[..., None]:
    """The command called `name`, imported only if that name was typed: `descenso --help` wants none of them."""
    return getattr(import_module(f"descenso.cli.{name}"), name) if name in sys.argv else _unused


for name, text in COMMANDS.items():
    app.command(name, help=text)(_command(name))
