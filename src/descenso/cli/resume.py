"""`descenso resume`."""

from contextlib import suppress
from pathlib import Path
from typing import Annotated, Any

from descenso.cli.display import Display, finish, quiet
from descenso.cli.options import (
    DataDirOption,
    Json,
    LimitOption,
    ModelOption,
    RunArgument,
    TensorBoardOption,
    option,
    say,
    with_settings,
)
from descenso.config import FREE
from descenso.errors import DescensoError
from descenso.setting import RUN
from descenso.text import _

FORCE = _("Resume although config, data or versions have changed; the result is then not exact.")


@with_settings(FREE, show_defaults=False)
def resume(
    run: RunArgument,
    force: Annotated[bool, option(FORCE, "--force", panel=_(RUN))] = False,
    model: ModelOption = None,
    limit: LimitOption = None,
    data_dir: DataDirOption = None,
    tensorboard: TensorBoardOption = None,
    as_json: Json = False,
    **settings: Any,
) -> None:
    """Resume a run from its newest checkpoint, to the same bits as without a stop; --epochs N extends it."""
    with quiet():
        from descenso.api import train as api
        from descenso.data.sources import Sources

        done = not settings and _is_complete(run)
        with Display(to_stderr=as_json) as display:
            callbacks: dict[str, Any] = {"callbacks": [display], "tensorboard": tensorboard, "warn": display.warn}
            sources = Sources.of(limit, data_dir)
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
