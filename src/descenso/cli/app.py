"""The commands of `descenso`."""

import os
import sys
from collections.abc import Callable
from importlib import import_module
from typing import Annotated, Any

import typer
from typer.core import TyperCommand, TyperGroup

from descenso._version import __version__
from descenso.errors import ConfigError
from descenso.text import LANGUAGES, _, closest


class Translated:
    """A command whose line of usage and types of values are translated; Typer writes these in English only."""

    def get_params(self, ctx: Any) -> list[Any]:
        """Return the parameters, without Typer's words for the types of flags and arguments, `<bool>` and `<path>`."""
        params: list[Any] = super().get_params(ctx)  # type: ignore[misc]
        for param in params:
            if getattr(param, "is_flag", False) and param.metavar is None:
                param.metavar = ""
            if param.param_type_name == "argument":  # Typer shows its metavar and its type
                param.display_type_rich = lambda ctx: None
        return params

    def format_usage(self, ctx: Any, formatter: Any) -> None:
        """Write the line of usage."""
        pieces = self.collect_usage_pieces(ctx)  # type: ignore[attr-defined]
        formatter.write_usage(ctx.command_path, " ".join(pieces), prefix=_("Usage: "))


class Commands(Translated, TyperGroup):
    """The group of all commands."""

    def get_params(self, ctx: Any) -> list[Any]:
        """Return the options, with the help texts of Typer's own ones translated."""
        options = super().get_params(ctx)
        for option in options:
            if option.help:
                option.help = _(option.help)
        return options

    def resolve_command(self, ctx: Any, args: list[str]) -> Any:
        """Find the command that the first word of `args` names."""
        name = args[0]
        if name not in COMMANDS and not name.startswith("-") and not ctx.resilient_parsing:
            message = _("there is no command {name!r}{hint}; see descenso --help")
            raise ConfigError(message.format(name=name, hint=closest(name, COMMANDS)))
        return super().resolve_command(ctx, args)


app = typer.Typer(
    cls=Commands,
    options_metavar=_("[OPTIONS]"),
    subcommand_metavar=_("COMMAND [ARGS]..."),
    help=_("A laboratory of gradient descent: every way TensorFlow can run it, with the same numbers."),
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
    lang: Annotated[
        str | None,
        typer.Option(
            help=_("Language: en or es. Default: that of LANG."), metavar="en|es", autocompletion=lambda: LANGUAGES
        ),
    ] = None,
    version: Annotated[
        bool, typer.Option("--version", help=_("Print the version."), callback=_version, is_eager=True)
    ] = False,
) -> None:
    """Do nothing: `--lang` is taken out of the arguments before any help text is made."""


COMMANDS = {
    "train": _("Train a model by gradient descent and save the run in a directory."),
    "resume": _("Resume a run from its newest checkpoint, to the same bits as without a stop; --epochs N extends it."),
    "replay": _("Train a run again, with the same changes of its learning rate, and compare the weights."),
    "launch": _(
        "Train in several processes on this machine, with one log; exit with the code of the first that fails."
    ),
    "sweep": _("Train a run for each combination of settings, many as one program, and rank them."),
    "find-rate": _("Find the learning rate by short training runs: the fastest safe one, and the edge of divergence."),
    "models": _("List the models and their default settings, which flags override."),
    "rules": _("List the update rules: formula, source, options with defaults and ranges, default learning rate."),
    "schedules": _("List the learning rate schedules: formula, source, options with defaults and ranges."),
    "evaluate": _("Evaluate a run on test rows: accuracy, cost, precision and recall per class, confusion matrix."),
    "predict": _("Predict classes and probabilities for images or rows."),
    "export": _("Export a run's model to another library's format, with input scaling and softmax included."),
    "compare": _("Compare training runs: engines (do they agree?), rules, learning rates, batch sizes or datasets."),
    "reproduce": _("Run the tutorial's two programs as published and compiled, and report whether its claims hold."),
    "gradcheck": _("Compute a model's gradient in several ways, compare them, and name the worst component."),
    "doctor": _("Find common mistakes in data, in a run, or in a run while it trains."),
    "lab": _("Watch and steer training in the browser: change the rate, draw digits, see one step, race the engines."),
    "plot": _("Plot the training loss of one or more runs on one axis, or learning rate schedules."),
    "landscape": _("Draw the cost over the plane in which runs move, with their paths."),
    "runs": _("List the runs in a folder."),
    "data": _("Describe a dataset: shapes, type, range, rows per class; and write a sheet of samples."),
    "env": _("Show versions, processor and platform, as runs record them."),
    "explain": _("Explain a message of TensorFlow or a word of gradient descent; offline."),
    "port": _("List the removed calls of a TensorFlow 1 program, print the command that trains it, run or rewrite it."),
}
PANELS = {  # of `descenso --help`, in the order of `COMMANDS`
    _("Train"): ("train", "resume", "replay", "launch", "sweep", "find-rate", "models", "rules", "schedules"),
    _("Use a run"): ("evaluate", "predict", "export"),
    _("Find out why"): ("compare", "reproduce", "gradcheck", "doctor"),
    _("Look"): ("lab", "plot", "landscape", "runs", "data", "env"),
    _("Programs of TensorFlow 1"): ("explain", "port"),
}
MODULES = {  # commands that share a module
    "train": ("train", "resume", "replay"),
    "sweep": ("sweep", "find-rate", "landscape"),
    "lists": ("models", "rules", "schedules", "runs", "env", "plot"),
    "inference": ("evaluate", "predict", "export"),
    "studies": ("compare", "reproduce", "gradcheck"),
    "tf1": ("explain", "port"),
}


def _unused() -> None:
    """Placeholder of a command in the list of commands."""


def find_command(name: str) -> Callable[..., None]:
    """Import the function of the command `name`."""
    module = next((module for module, names in MODULES.items() if name in names), name)
    return getattr(import_module(f"descenso.cli.{module}"), name.replace("-", "_"))  # type: ignore[no-any-return]


class Command(Translated, TyperCommand):
    """A command whose `--help` is translated and in the panel of output options, and that says when Ctrl-C ends it."""

    def invoke(self, ctx: Any) -> Any:
        """Run the command; typer would end without a word after Ctrl-C."""
        try:
            return super().invoke(ctx)
        except KeyboardInterrupt:
            typer.echo(_("descenso: interrupted"), err=True)
            raise typer.Exit(130) from None

    def get_help_option(self, ctx: Any) -> Any:
        """Return the option `--help`."""
        option = super().get_help_option(ctx)
        if option is not None:
            option.help, option.rich_help_panel = _("Show this message and exit."), _("Output")
        return option

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """Parse the arguments; words that no argument takes are refused here, since Typer would do so in English."""
        rest = super().parse_args(ctx, args)
        if rest and not ctx.resilient_parsing:
            message = _("{command} takes no further argument, got {words}; see descenso {command} --help")
            raise ConfigError(message.format(command=ctx.info_name, words=" ".join(rest)))
        return rest


TYPED = {*sys.argv, *os.environ.get("COMP_WORDS", os.environ.get("_TYPER_COMPLETE_ARGS", "")).split()}
for name, text in COMMANDS.items():  # only what was typed is imported: `descenso --help` needs no command
    panel = next(title for title, names in PANELS.items() if name in names)
    app.command(
        name, help=text, cls=Command, rich_help_panel=panel, options_metavar=_("[OPTIONS]"),
        context_settings={"allow_extra_args": True},
    )(find_command(name) if name in TYPED else _unused)  # fmt: skip
