"""`descenso gradcheck`."""

from collections.abc import Collection
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from descenso.cli.options import DataDirOption, Json, LimitOption, say, say_json, say_table, with_settings
from descenso.cli.quiet import quiet
from descenso.config import TrainConfig
from descenso.text import _

if TYPE_CHECKING:
    from descenso.studies.gradcheck.check import GradCheck

IDLE = (  # settings that no gradient hangs on, and the precision, which is float64
    "engine", "xla", "rule", "learning_rate", "schedule", "weight_decay", "clip_value", "clip_norm", "average",
    "epochs", "validation_size", "patience", "dtype", "checkpoint_every", "deterministic",
)  # fmt: skip


@with_settings(without=IDLE)
def gradcheck(
    components: Annotated[
        int, typer.Option(min=1, help=_("Take central differences of so many components of each parameter."))
    ] = 50,
    tolerance: Annotated[
        float, typer.Option(min=0.0, help=_("Relative difference beyond which two ways disagree."))
    ] = 1e-6,
    limit: LimitOption = None,
    data_dir: DataDirOption = None,
    as_json: Json = False,
    **settings: Any,
) -> None:
    """Take a model's gradient in every way, side by side, and name the component they disagree on."""
    given = {name: value for name, value in settings.items() if value is not None}
    config = TrainConfig.of(**given, dtype="float64")
    with quiet():
        found = _checked(config, given, components, tolerance, limit, data_dir)
    if as_json:
        say_json(found.as_json())
    else:
        _tell(found, config.model)
    if not found.passed:
        raise typer.Exit(1)


def _checked(
    config: TrainConfig,
    given: Collection[str],
    components: int,
    tolerance: float,
    limit: list[str] | None,
    data_dir: Path | None,
) -> "GradCheck":
    from descenso.api.train import rows_of
    from descenso.data.checks import check_fit
    from descenso.data.limits import Sources
    from descenso.studies.gradcheck.model import gradcheck_model
    from descenso.training.plan import Plan

    data = rows_of(config, Sources.of(limit, data_dir))
    config = check_fit(data, config, given)
    plan = Plan.of(config, data)
    batch = plan.train.rows(next(iter(plan.order(0))))
    return gradcheck_model(plan.problem, batch, components, tolerance, config.seed)


def _tell(found: "GradCheck", model: str) -> None:
    say_table(found.rows())
    if "by hand" not in found.ways:
        say(_("{model} has no formula by hand here, so that column is left out.").format(model=model))
    say(found.extent)
    say(found.verdict)
