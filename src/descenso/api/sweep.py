"""Train many runs over the same batches, and rank them."""

from collections.abc import Callable, Mapping
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from descenso.api.again import HOW_READ
from descenso.api.resume import resume
from descenso.api.train import import_tensorflow, own_of, rows_of, source_of, train
from descenso.config import TrainConfig
from descenso.data.catalog import NAMES, before_data, with_model
from descenso.data.checks import check_dataset, check_fit
from descenso.data.dataset import Dataset
from descenso.data.sources import Sources
from descenso.errors import CheckpointError, ConfigError, stopped_by
from descenso.runs.directory import open_directory
from descenso.studies.sweep.grid import FIND_SEEDS, FIND_STEPS
from descenso.text import _, printable
from descenso.training.control import Control
from descenso.training.display import starting

if TYPE_CHECKING:
    from typing_extensions import Unpack

    from descenso.hints import Settings, Swept
    from descenso.studies.sweep.directory import SweepDirectory
    from descenso.studies.sweep.find_rate import FoundRate
    from descenso.studies.sweep.grid import Lane
    from descenso.studies.sweep.result import Sweep
    from descenso.studies.sweep.run import Told

VERIFY, KEEP = ("2", "all", "none"), ("none", "best", "all")


def sweep(
    data: Any = "mnist",
    *,
    verify: str | int = "2",
    keep: str = "none",
    halving: bool = False,
    audit: bool = False,
    out: str | Path | None = None,
    told: "Callable[[Told], None] | None" = None,
    control: Control | None = None,
    sources: Sources | None = None,
    **settings: "Unpack[Swept]",
) -> "Sweep":
    """Train one run, a lane, for each combination of settings, and rank them. Test rows choose nothing.

    Lanes of softmax regression on the same batches are trained as one program, whose products are as wide as all lanes
    together; other models lane after lane, without compiling again. A lane is the run that `train` would make with the
    same settings, up to rounding; some lanes are trained again alone, to show it.

    Args:
        data, sources: as of `train`.
        verify: lanes to train again alone: "2", the best and the one next to divergence; "all"; or "none".
        keep: whether to train "best", the best lane, or "all" lanes that were not dropped alone, as runs in the sweep's
            directory.
        halving: whether to drop the worse half of the settings, each with all of its seeds, at rungs that are known
            before training: after 1/2 of the epochs, after 1/4, and so on. The others go on where they are. A setting
            that is dropped is never the best. (Synchronous successive halving; Jamieson and Talwalkar 2016.)
        audit: whether to train the lanes that halving drops to the end all the same, and compare.
        out: the sweep's directory; by default a new one below `runs/`.
        told: called before training and after each epoch with how far the sweep is.
        control: stops the sweep from another thread.
        **settings: what varies, `learning_rates`, `rules`, `schedules`, `weight_decays`, `batch_sizes`, a list or text
            such as "1e-3..1:64" or "0.01,0.1", and `seeds`, a list or their number; and for all lanes those of `train`.

    Raises:
        ConfigError, DataError, DiskError: as of `train`, for invalid lists, and for too few settings to halve.
        KeyboardInterrupt: after Ctrl-C has stopped it and what is done is saved; `resume_sweep` goes on.
    """
    from descenso.studies.sweep.grid import AXES

    how = _How.of(verify, keep, told, control)
    axes = {name: value for name, value in settings.items() if name in AXES}
    common = {name: value for name, value in settings.items() if name not in AXES}
    data, how_read = _in_memory(data, common)
    rows = _Rows(data if isinstance(data, Dataset) else None, sources)
    rules = {"halving": halving, "audit": audit, "how_read": how_read}
    with closing(_created({**common, "data": source_of(data)}, axes, rows, rules, out)) as directory:
        return _carry_out(directory, how, rows)


def resume_sweep(
    path: str | Path,
    *,
    data: Any = None,
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
        data: as of `sweep`, where it was in memory.
        verify, keep, told, control, sources: as of `sweep`.
        force: go on although data or versions changed.

    Raises:
        CheckpointError: where something changed; the difference is named.
        RunInUse: where another process is training it.
    """
    how = _How.of(verify, keep, told, control)
    with starting():
        import_tensorflow()
        from descenso.studies.sweep import directory as directories
        from descenso.training.session import circumstances, differences

    with closing(directories.reopen(Path(path))) as directory:
        config = directory.lanes[0].config
        rows = _Rows(_in_memory(data, {**directory.how_read})[0], sources)
        changed = differences(directory.about, circumstances(config, rows.of(config)))
        if changed and not force:
            message = _(
                "{run}: it cannot go on exactly, for this changed: {changed}; try --force to go on all the same"
            )
            raise CheckpointError(message.format(run=path, changed="; ".join(changed)))
        return _carry_out(directory, how, rows)


class _How(NamedTuple):
    """How a sweep is carried out; see `sweep`."""

    verify: str
    keep: str
    told: "Callable[[Told], None]"
    control: Control

    @classmethod
    def of(cls, verify: str | int, keep: str, told: "Callable[[Told], None] | None", control: Control | None) -> "_How":
        """Check the choices, and fill in what was left out."""
        for name, value, choices in (("verify", str(verify), VERIFY), ("keep", keep, KEEP)):
            if value not in choices:
                message = _("{name} must be {choices}, got {value!r}; try --{name} {first}")
                words = {"name": name, "choices": ", ".join(choices), "value": value, "first": choices[0]}
                raise ConfigError(message.format(**words))
        return cls(str(verify), keep, told or (lambda now: None), control or Control())


def _created(
    settings: dict[str, Any], axes: dict[str, Any], rows: "_Rows", rules: dict[str, Any], out: str | Path | None
) -> "SweepDirectory":
    """Make the lanes, divide them into groups, and make the directory of the sweep."""
    from descenso.studies.sweep import halving
    from descenso.studies.sweep.grid import lanes_of

    if own_of(dict(settings))[1] is not None:
        raise ConfigError(_("a sweep takes rules, schedules, losses and models by name; try package.module:name"))
    settings, data = with_model(settings, rows.of(TrainConfig.of(**before_data(settings))))
    lanes = tuple(_fitted(lane, rows.of(lane.config), settings) for lane in lanes_of(settings, axes))
    rungs = halving.rungs_of(lanes, rules.pop("halving"), rules["audit"])
    with starting():
        import_tensorflow()
        from descenso.studies.sweep import directory as directories
        from descenso.studies.sweep.run import groups_of
        from descenso.training.plan import Plan
        from descenso.training.session import circumstances, make_deterministic

    first = lanes[0].config
    if first.deterministic:
        make_deterministic()
    groups = groups_of(lanes, lambda number: Plan.of(lanes[number].config, rows.of(lanes[number].config)))
    about = {"about": circumstances(first, rows.of(first)), "notes": data.notes, "rungs": rungs, **rules}
    return directories.create(lanes, groups, about, None if out is None else Path(out))


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

    Raises:
        ConfigError, DataError: as of `train`.
    """
    common: dict[str, Any] = {**settings}
    data, _how_read = _in_memory(data, common)
    rows = _Rows(data if isinstance(data, Dataset) else None, sources)
    config = _searched({**common, "data": source_of(data)}, {"steps": (steps, 2), "seeds": (seeds, 1)}, rows)
    with starting():
        import_tensorflow()
        from descenso.studies.sweep.find_rate import grid_around, search
        from descenso.training.plan import Plan

    def plan_of(rate: float, seed: int) -> Plan:
        changed = config.model_copy(update={"learning_rate": rate, "seed": seed})
        return Plan.of(changed, rows.of(changed))

    numbers = [config.seed + place for place in range(seeds)]
    return search(plan_of, grid_around(config.learning_rate), numbers, steps, told or (lambda share: None))


def _searched(settings: dict[str, Any], counts: dict[str, tuple[int, int]], rows: "_Rows") -> TrainConfig:
    """Check the settings of a search for the learning rate; `counts` are numbers by name, and their least values."""
    for name, (value, least) in counts.items():
        if value < least:
            message = _("{name} must be at least {least}, got {value}; try --{name} {least}")
            raise ConfigError(message.format(name=name, least=least, value=value))
    settings = {"schedule": "constant", **settings}
    settings, _data = with_model(settings, rows.of(TrainConfig.of(**before_data(settings))))
    config = TrainConfig.of(**settings)
    if config.schedule != "constant":
        raise ConfigError(_("schedule: rates are found with a constant one; leave --schedule out"))
    return check_fit(rows.of(config), config, settings)


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


def _in_memory(data: Any, settings: dict[str, Any]) -> tuple[Any, dict[str, Any]]:
    """Return a dataset of rows in memory, whose settings are taken out, and those settings; else `data`."""
    if isinstance(data, Dataset | str | Path | None):
        return data, {}
    from descenso.data.memory import dataset_of

    how_read = {name: settings[name] for name in HOW_READ if name in settings}
    return dataset_of(data, None, settings), how_read


def _carry_out(directory: "SweepDirectory", how: _How, rows: _Rows) -> "Sweep":
    from descenso.studies.sweep.run import Training, draw, run

    training = Training(directory, lambda number: rows.of(directory.lanes[number].config), how.verify, how.told)
    found = run(training, how.control)
    if found.records:
        draw(found, directory)
    if how.control.signal:
        message = _("interrupted after {done} of {lanes} lanes, and saved; to go on: descenso resume {path}")
        told = message.format(done=len(found.records), lanes=len(found.lanes), path=printable(str(found.path)))
        raise stopped_by(how.control.signal, told, found.path)
    every: list[int | None] = [number for number in sorted(found.records) if number not in found.drops]
    wanted = {"none": [], "best": [found.best], "all": every}
    for number in wanted[how.keep]:
        if number is not None and not how.control.stopped:
            path = directory.path / ("best" if how.keep == "best" else f"lanes/{number}")
            _keep(path, directory.lanes[number].config, rows, how.control)
    return found


def _keep(path: Path, config: TrainConfig, rows: _Rows, control: Control) -> None:
    """Train a lane alone, as a run in the directory of the sweep; one that is complete already stays."""
    if (path / "status.json").is_file():
        if open_directory(path).outcome in ("interrupted", "killed"):
            resume(path, data=rows.given, control=control, progress=False)
        return
    settings = config.model_dump(exclude={"data"})
    train(rows.given or config.data, out=path, control=control, progress=False, sources=rows.sources, **settings)
