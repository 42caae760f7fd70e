"""Train many runs over the same batches, and rank them."""

from collections.abc import Callable, Mapping, Sequence
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING, Any

from descenso.api.train import import_tensorflow, own_of, resume, rows_of, train
from descenso.config import TrainConfig
from descenso.data.catalog import NAMES
from descenso.data.checks import check_dataset, check_fit
from descenso.data.dataset import Dataset
from descenso.data.sources import Sources
from descenso.errors import CheckpointError, ConfigError, stopped_by
from descenso.runs.directory import open_directory
from descenso.text import _, printable
from descenso.training.control import Control
from descenso.training.display import starting

if TYPE_CHECKING:
    from typing_extensions import Unpack

    from descenso.hints import Settings
    from descenso.studies.sweep.directory import SweepDirectory
    from descenso.studies.sweep.find_rate import FoundRate
    from descenso.studies.sweep.grid import Lane
    from descenso.studies.sweep.result import Sweep
    from descenso.studies.sweep.run import Told

FIND_STEPS, FIND_SEEDS = 300, 3
VERIFY, KEEP = ("2", "all", "none"), ("none", "best", "all")
Values = Sequence[Any] | str | float | None


def sweep(
    data: Any = "mnist",
    *,
    learning_rates: Values = None,
    rules: Values = None,
    schedules: Values = None,
    weight_decays: Values = None,
    batch_sizes: Values = None,
    seeds: Values = None,
    verify: str | int = "2",
    keep: str = "none",
    out: str | Path | None = None,
    told: "Callable[[Told], None] | None" = None,
    control: Control | None = None,
    sources: Sources | None = None,
    **settings: "Unpack[Settings]",
) -> "Sweep":
    """Train one run for each combination of settings, and rank them. Test rows choose nothing.

    Lanes of softmax regression on the same batches are trained as one program, whose products are as wide as all lanes
    together; other models lane after lane, without compiling again. A lane is the run that `train` would make of the
    same settings, up to rounding, which is shown on lanes that are walked again alone.

    Args:
        data: as of `train`.
        learning_rates, rules, schedules, weight_decays, batch_sizes: values to try, a list or text such as
            "1e-3..1:64", evenly spaced in the logarithm, or "0.01,0.1"; by default 16 learning rates around the rule's.
        seeds: seeds, or their number. They are repetitions: points are ranked by the median over them.
        verify: which lanes to walk again alone: "2", the best and the one next to divergence; "all"; or "none".
        keep: whether to train "best", the best lane, or "all" lanes alone as runs in the sweep's directory.
        out: the sweep's directory; by default a new one below `runs/`.
        told: called after each epoch with how far the sweep is.
        control: stops the sweep from another thread.
        sources, **settings: as of `train`, for all lanes.

    Returns:
        The result: `best`, `points`, `lanes`, `records`, `tables()`, `as_json()`, `plot()`; its `repr` is a table.

    Raises:
        ConfigError, DataError, DiskError: as of `train`, and for values that are none.
        KeyboardInterrupt: after Ctrl-C has stopped it and what is done is saved; `resume_sweep` goes on.
    """
    from descenso.studies.sweep import grid

    verify = _checked("verify", str(verify), VERIFY)
    _checked("keep", keep, KEEP)
    values = {
        "learning_rates": learning_rates, "rules": rules, "schedules": schedules,
        "weight_decays": weight_decays, "batch_sizes": batch_sizes, "seeds": seeds,
    }  # fmt: skip
    if own_of(dict(settings))[1] is not None:
        raise ConfigError(_("a sweep takes rules, schedules, losses and models by name; try package.module:name"))
    name = data.name if isinstance(data, Dataset) else _full(data)
    lanes = grid.lanes_of({**settings, "data": name}, values)
    rows = _Rows(data if isinstance(data, Dataset) else None, sources)
    lanes = tuple(_fitted(lane, rows.of(lane.config), settings) for lane in lanes)
    with starting():
        import_tensorflow()
        from descenso.studies.sweep import directory as directories
        from descenso.studies.sweep.run import Training, groups_of
        from descenso.training.plan import Plan
        from descenso.training.session import circumstances, make_deterministic

    if lanes[0].config.deterministic:
        make_deterministic()
    groups = groups_of(lanes, lambda number: Plan.of(lanes[number].config, rows.of(lanes[number].config)))
    about = circumstances(lanes[0].config, rows.of(lanes[0].config))
    with closing(directories.create(lanes, groups, about, None if out is None else Path(out))) as directory:
        training = Training(
            directory, lambda n: rows.of(directory.lanes[n].config), verify, told or (lambda _told: None)
        )
        return _carry_out(training, control or Control(), keep, rows)


def resume_sweep(
    path: str | Path,
    *,
    data: Dataset | None = None,
    verify: str | int = "2",
    keep: str = "none",
    force: bool = False,
    told: "Callable[[Told], None] | None" = None,
    control: Control | None = None,
    sources: Sources | None = None,
) -> "Sweep":
    """Go on with a sweep that was stopped or killed: no lane that has ended is trained again.

    Args:
        path: its directory.
        data: the dataset, where the sweep was of one made in Python.
        verify, keep, told, control, sources: as of `sweep`.
        force: go on although data or versions changed; lanes are then no longer those of one machine.

    Raises:
        CheckpointError: where something changed; the difference is named.
        RunInUse: where another process is training it.
    """
    verify = _checked("verify", str(verify), VERIFY)
    _checked("keep", keep, KEEP)
    with starting():
        import_tensorflow()
        from descenso.studies.sweep import directory as directories
        from descenso.studies.sweep.run import Training
        from descenso.training.session import circumstances, differences

    rows = _Rows(data, sources)
    with closing(directories.reopen(Path(path))) as directory:
        config = directory.lanes[0].config
        changed = differences(directory.about, circumstances(config, rows.of(config)))
        if changed and not force:
            message = _(
                "{run}: it cannot go on exactly, for this changed: {changed}; try --force to go on all the same"
            )
            raise CheckpointError(message.format(run=path, changed="; ".join(changed)))
        training = Training(
            directory, lambda n: rows.of(directory.lanes[n].config), verify, told or (lambda _told: None)
        )
        return _carry_out(training, control or Control(), keep, rows)


def find_rate(
    data: Any = "mnist",
    *,
    steps: int = FIND_STEPS,
    seeds: int = FIND_SEEDS,
    told: Callable[[float], None] | None = None,
    sources: Sources | None = None,
    **settings: "Unpack[Settings]",
) -> "FoundRate":
    """Find the learning rate: train many short runs, each at a constant rate, and say which is fastest and safe.

    Unlike a range test, whose rate grows from step to step, each run begins anew. Nothing is saved.

    Args:
        data, sources: as of `train`.
        steps: of each run, at least 2.
        seeds: how many starts and orders of the rows each rate is tried with.
        told: called with the share that is done.
        **settings: those of `TrainConfig`; `learning_rate` is the middle of the grid.

    Returns:
        The result: `best`, `by_seed`, `edge`, `theory`, `settled`, `tables()`, `plot()`; its `repr` is a table.

    Raises:
        ConfigError, DataError: as of `train`.
    """
    for name, value, least in (("steps", steps, 2), ("seeds", seeds, 1)):
        if value < least:
            message = _("{name} must be at least {least}, got {value}; try --{name} {least}")
            raise ConfigError(message.format(name=name, least=least, value=value))
    named = data.name if isinstance(data, Dataset) else _full(data)
    config = TrainConfig.of(**{"schedule": "constant", **settings, "data": named})
    if config.schedule != "constant":
        raise ConfigError(_("schedule: rates are found with a constant one; leave --schedule out"))
    rows = _Rows(data if isinstance(data, Dataset) else None, sources)
    config = check_fit(rows.of(config), config, settings)
    with starting():
        import_tensorflow()
        from descenso.studies.sweep.find_rate import grid_around, search
        from descenso.training.plan import Plan

    def plan_of(rate: float, seed: int) -> Plan:
        changed = config.model_copy(update={"learning_rate": rate, "seed": seed})
        return Plan.of(changed, rows.of(changed))

    numbers = [config.seed + place for place in range(seeds)]
    return search(plan_of, grid_around(config.learning_rate), numbers, steps, told or (lambda share: None))


def open_sweep(path: str | Path) -> "Sweep":
    """Open the result of a sweep, as far as it is.

    Raises:
        DataError: if there is none, or it is damaged.
    """
    from descenso.studies.sweep.directory import SweepDirectory
    from descenso.studies.sweep.result import result_of

    return result_of(SweepDirectory(Path(path)))


class _Rows:
    """The datasets of lanes, each read once. Rows to test on are drawn by a lane's seed where the data has none."""

    def __init__(self, given: Dataset | None, sources: Sources | None) -> None:
        self.given = None if given is None else check_dataset(given)
        self.sources, self._read = sources, dict[tuple[str, int], Dataset]()

    def of(self, config: TrainConfig) -> Dataset:
        """Return the dataset of a lane."""
        if self.given is not None:
            return self.given
        key = config.data, 0 if config.data in NAMES else config.seed
        if key not in self._read:
            self._read[key] = rows_of(config, self.sources)
        return self._read[key]


def _fitted(lane: "Lane", data: Dataset, settings: Mapping[str, Any]) -> "Lane":
    """Adapt the settings of a lane that were not given to few rows, as `train` does."""
    from descenso.studies.sweep.grid import digest

    config = check_fit(data, lane.config, {*settings, *lane.varied})
    return lane._replace(config=config, name=digest(config))


def _full(data: Any) -> str:
    if not isinstance(data, str | Path):
        message = _("data must be a Dataset, a name or a path, got {kind}; try data=descenso.from_arrays(X, y)")
        raise ConfigError(message.format(kind=type(data).__name__))
    data = str(data)
    return str(Path(data).resolve()) if data not in NAMES and Path(data).exists() else data


def _checked(name: str, value: str, choices: Sequence[str]) -> str:
    if value not in choices:
        message = _("{name} must be {choices}, got {value!r}; try --{name} {first}")
        raise ConfigError(message.format(name=name, choices=", ".join(choices), value=value, first=choices[0]))
    return value


def _carry_out(training: Any, control: Control, keep: str, rows: _Rows) -> "Sweep":
    from descenso.studies.sweep.run import draw, run

    found = run(training, control)
    if found.records:
        draw(found, training.directory)
    if control.signal:
        message = _("interrupted after {done} of {lanes} lanes, and saved; to go on: descenso resume {path}")
        told = message.format(done=len(found.records), lanes=len(found.lanes), path=printable(str(found.path)))
        raise stopped_by(control.signal, told, found.path)
    _keep(training.directory, found, keep, rows, control)
    return found


def _keep(directory: "SweepDirectory", found: "Sweep", keep: str, rows: _Rows, control: Control) -> None:
    """Train lanes alone, as runs in the directory of the sweep; those that are complete already stay."""
    wanted = {"none": [], "best": [found.best], "all": sorted(found.records)}[keep]
    for number in wanted:
        if number is None:
            continue
        path = directory.path / ("best" if keep == "best" else f"lanes/{number}")
        config = directory.lanes[number].config
        if (path / "status.json").is_file():
            if open_directory(path).outcome in ("interrupted", "killed"):
                resume(path, control=control, progress=False)
            continue
        settings = config.model_dump(exclude={"data"})
        train(rows.given or config.data, out=path, control=control, progress=False, sources=rows.sources, **settings)
