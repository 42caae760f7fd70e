"""`descenso lab`."""

import os
import webbrowser
from pathlib import Path
from typing import Annotated, Any

import typer

from descenso.cli.options import (
    READ_DATA,
    SourcesOptions,
    completing,
    datasets,
    option,
    run_directories,
    say,
    with_settings,
)
from descenso.config import TrainConfig
from descenso.errors import ConfigError
from descenso.runs.files import is_sweep, no_run
from descenso.settings import DATA
from descenso.text import _, language

SERVER = _("Server")  # title of the help panel
PORT = _("Port to listen at; 0 for a free one.")
ADDRESS = _("Address to listen at. With any but the default, other machines that have the token can reach the lab.")
BROWSER = _("Open no browser; print the address alone on the first line of standard output.")
LESSON = _("Begin with the lesson: nine stops from the data to the engines.")
OUT = _("Folder of the runs.")
FRAMED = _("Allow pages of notebooks on this machine to show the lab in a frame.")
WHAT = _("Run directory to look at, or data as `descenso train` takes it. Default: mnist.")
EXPOSED = _(
    "descenso: warning: at {address}, all machines of its networks reach the lab. With the token of its address, they "
    "can watch and steer training here and download its runs. Nothing is encrypted: others can read the token."
)


def _runs_and_data(incomplete: str) -> list[str]:
    """Return what a shell completes a run or data to."""
    return run_directories(incomplete) + completing(datasets)(incomplete)


@with_settings(READ_DATA, show_defaults=False, panel=DATA)
def lab(
    what: Annotated[
        str, typer.Argument(help=WHAT, metavar=_("RUN|DATA"), autocompletion=_runs_and_data, show_default=False)
    ] = "mnist",
    lesson: Annotated[bool, option(LESSON, "--lesson")] = False,
    port: Annotated[int, option(PORT, "--port", panel=SERVER, min=0, max=65535, metavar=_("NUMBER"))] = 5006,
    address: Annotated[str, option(ADDRESS, "--address", panel=SERVER, metavar=_("TEXT"))] = "127.0.0.1",
    no_browser: Annotated[bool, option(BROWSER, "--no-browser", panel=SERVER)] = False,
    framed: Annotated[bool, option(FRAMED, "--framed", panel=SERVER)] = False,
    out: Annotated[Path, option(OUT, "--out", "-o", metavar=_("DIR"))] = Path("runs"),
    sources: SourcesOptions = None,
    **settings: Any,
) -> None:
    """Watch and steer training in the browser: change the rate, draw digits, see one step, race the engines."""
    TrainConfig.of(**settings)  # refuse before anything starts
    ignore_bokeh_variables()
    check_installed()
    from descenso.lab.lab import Lab
    from descenso.lab.protocol import Source

    run = run_of(what)
    source = Source(None if run else what, run, tuple(settings.items()), sources)
    with Lab(source, out) as training:
        from descenso.lab.desk import Desk, datasets_of
        from descenso.lab.gate import is_loopback
        from descenso.lab.server import Serving, run_until_interrupted  # Bokeh, while the data is read

        training.check()
        if not is_loopback(address):
            say(EXPOSED.format(address=address), err=True)
        desk = Desk(training, datasets_of(source.data, training.view.settings.data), language(), lesson)

        def ready(first: str) -> None:
            typer.echo(first)
            if not no_browser and not webbrowser.open(first):
                say(_("No browser opened; open this address yourself. Ctrl-C ends the lab."), err=True)

        run_until_interrupted(desk, Serving(address, port, framed), ready)
    say(_("The lab has ended; the runs are in {folder}").format(folder=out), err=True)


def run_of(what: str) -> Path | None:
    """Return the run directory `what`; None for data.

    Raises:
        DataError: for the directory of a sweep.
    """
    if is_sweep(Path(what)):
        raise no_run(Path(what))
    return Path(what) if os.path.isfile(f"{what}/status.json") else None  # noqa: PTH113 - pathlib raises for long names


def ignore_bokeh_variables() -> None:
    """Remove the environment variables of Bokeh, which could let other pages reach the lab."""
    for name in [name for name in os.environ if name.startswith("BOKEH_")]:
        del os.environ[name]


def check_installed() -> None:
    """Check that Bokeh is installed.

    Raises:
        ConfigError: with the command that installs it.
    """
    try:
        import bokeh  # noqa: F401
    except ImportError:
        message = _("lab needs Bokeh, which is not installed; try {command}")
        raise ConfigError(message.format(command="pip install 'descenso[lab]'")) from None
