"""`descenso train`."""

from pathlib import Path
from typing import Annotated, Any

from descenso.cli.display import Display, finish, quiet
from descenso.cli.options import DataDirOption, Json, LimitOption, TensorBoardOption, option, with_settings
from descenso.config import TrainConfig
from descenso.files import read_settings
from descenso.setting import RUN
from descenso.text import _

CONFIG = _("Read settings from a TOML file, or from a run's config.json; flags override them.")
OUT = _("Directory of the run, which must be new or empty. Default: a new one in runs/.")


@with_settings()
def train(
    config: Annotated[Path | None, option(CONFIG, panel=_(RUN), metavar="FILE")] = None,
    out: Annotated[Path | None, option(OUT, "--out", "-o", metavar="DIR")] = None,
    limit: LimitOption = None,
    data_dir: DataDirOption = None,
    tensorboard: TensorBoardOption = None,
    as_json: Json = False,
    **settings: Any,
) -> None:
    """Train a model by gradient descent and save the run in a directory."""
    given = {**(read_settings(config) if config else {}), **settings}
    TrainConfig.of(**given)  # refuse before TensorFlow is imported, which takes seconds
    with quiet():
        from descenso.api import train as api
        from descenso.data.sources import Sources

        sources = Sources.of(limit, data_dir)
        with Display(to_stderr=as_json) as display:
            callbacks: dict[str, Any] = {"callbacks": [display], "tensorboard": tensorboard}
            run = api.train(out=out, sources=sources, **callbacks, **given)
    finish(run, as_json)
