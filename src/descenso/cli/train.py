"""`descenso train` and `descenso resume`."""

from contextlib import suppress
from pathlib import Path
from typing import Annotated, Any

from descenso.cli.display import Display, finish, quiet
from descenso.cli.options import (
    OWN_CODE,
    Json,
    ModelOption,
    RunArgument,
    SourcesOptions,
    TensorBoardOption,
    option,
    say,
    with_settings,
)
from descenso.config import FREE, TrainConfig
from descenso.errors import DescensoError
from descenso.files import read_settings
from descenso.registry import RUN
from descenso.text import _

CONFIG = _("Read settings from a TOML file, or from a run's config.json; flags override them.")
OUT = _("Directory of the run, which must be new or empty. Default: a new one in runs/.")
FORCE = _("Resume although config, data or versions have changed; the result is then not exact.")


@with_settings()
def train(
    config: Annotated[Path | None, option(CONFIG, panel=_(RUN), metavar="FILE")] = None,
    out: Annotated[Path | None, option(OUT, "--out", "-o", metavar="DIR")] = None,
    sources: SourcesOptions = None,
    tensorboard: TensorBoardOption = None,
    as_json: Json = False,
    **settings: Any,
) -> None:
    """Train a model by gradient descent and save the run in a directory."""
    settings = {**(read_settings(config) if config else {}), **settings}
    TrainConfig.of(**settings)  # refuse before TensorFlow is imported, which takes seconds
    with quiet():
        from descenso.api import train as api

        with Display(to_stderr=as_json) as display:
            callbacks: dict[str, Any] = {"callbacks": [display], "tensorboard": tensorboard}
            run = api.train(out=out, sources=sources, **callbacks, **settings)
    finish(run, as_json)


@with_settings((*FREE, *OWN_CODE), show_defaults=False)
def resume(
    run: RunArgument,
    force: Annotated[bool, option(FORCE, "--force", panel=_(RUN))] = False,
    model: ModelOption = None,
    sources: SourcesOptions = None,
    tensorboard: TensorBoardOption = None,
    as_json: Json = False,
    **settings: Any,
) -> None:
    """Resume a run from its newest checkpoint, to the same bits as without a stop; --epochs N extends it."""
    with quiet():
        from descenso.api import train as api

        done = not settings and _is_complete(run)
        with Display(to_stderr=as_json) as display:
            callbacks: dict[str, Any] = {"callbacks": [display], "tensorboard": tensorboard, "warn": display.warn}
            resumed = api.resume(run, sources=sources, model=model, force=force, **callbacks, **settings)
    if done:
        hint = _("The run was complete already; to extend it: descenso resume {path} --epochs {epochs}")
        say(hint.format(path=run, epochs=2 * resumed.config.epochs), err=True)
    finish(resumed, as_json)


def _is_complete(run: Path) -> bool:
    from descenso.runs.directory import open_directory

    with suppress(DescensoError):  # `resume` itself reports what cannot be read
        return open_directory(run).outcome == "completed"
    return False
