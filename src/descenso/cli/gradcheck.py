"""`descenso gradcheck`."""

from typing import Annotated, Any

import typer

from descenso.cli.display import quiet
from descenso.cli.options import DataDirOption, Json, LimitOption, option, say, say_json, say_table, with_settings
from descenso.config import TrainConfig, having
from descenso.text import _

PANEL = _("Gradient check")
COMPONENTS = _("Number of components of each parameter for central differences.")
TOLERANCE = _("Largest relative difference at which two ways agree.")


@with_settings(having("cost"))
def gradcheck(
    components: Annotated[int, option(COMPONENTS, panel=PANEL, min=1)] = 50,
    tolerance: Annotated[float, option(TOLERANCE, panel=PANEL, min=0.0)] = 1e-6,
    limit: LimitOption = None,
    data_dir: DataDirOption = None,
    as_json: Json = False,
    **settings: Any,
) -> None:
    """Compute a model's gradient in several ways, compare them, and name the worst component."""
    config = TrainConfig.of(**settings, dtype="float64")
    with quiet():
        from descenso.api.train import rows_of
        from descenso.data.sources import Sources
        from descenso.studies.gradcheck.model import check_model

        data = rows_of(config, Sources.of(limit, data_dir))
        result = check_model(config, data, components, tolerance, settings)
    if as_json:
        say_json(result.as_json())
    else:
        say_table(result.rows())
        if "by hand" not in result.ways:
            say(_("{model} has no formula by hand here, so there is no such column.").format(model=config.model))
        say(result.extent)
        say(result.verdict)
    if not result.passed:
        raise typer.Exit(1)
