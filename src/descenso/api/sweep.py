"""Train many runs over the same batches, and rank them."""

from collections.abc import Callable, Collection, Mapping, Sequence
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
from descenso.studies.sweep.grid import divided
from descenso.text import _, printable
from descenso.training.control import Control
from descenso.training.display import starting
from descenso.training.waiting import telling

if TYPE_CHECKING:
    from typing_extensions import Unpack

    from descenso.hints import Swept
    from descenso.studies.sweep.directory import SweepDirectory
    from descenso.studies.sweep.grid import Lane
    from descenso.studies.sweep.progress import Told
    from descenso.studies.sweep.result import Sweep

VERIFY, KEEP = ("2", "all", "none"), ("none", "best", "all")


def sweep(
    data: Any = "mnist",
    labels: Any = None,
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

    A lane is the run that `train` would make, up to rounding; softmax regression trains them together (docs/sweep.md).

    Args:
        data, labels, sources, out: as of `train`; `out` is a directory.
        verify: lanes to train again alone: "2", the best and the one next to divergence; "all"; or "none".
        keep: whether to train "best", the best lane, or "all" but dropped lanes alone, as runs in that directory.
        halving: whether to drop the worse half of the settings, each with all of its seeds, at rungs that are known
            before training: after 1/2 of the epochs, 1/4 and so on. The others go on; a dropped one is never the best.
        audit: whether to train the lanes that halving drops to the end all the same, and compare.
        told, control: called before training and after each epoch, by default a bar; stops it from another thread.
        **settings: those of `train`, and what varies: `learning_rates`, `rules`, `schedules`, `weight_decays`,
            `batch_sizes`, a list or text such as "1e-3..1:64"; `seeds`, a list or their number; `rule=[...]` and so on.

    Raises:
        ConfigError, DataError, DiskError: as of `train`, for invalid lists, and for too few settings to halve.
        KeyboardInterrupt: after Ctrl-C has stopped it and what is done is saved; `resume_sweep` goes on.
    """
    how = _How.of(verify, keep, told, control)
    axes, common = divided(settings)
    data, how_read = in_memory(data if labels is None else (data, labels), common)
    rows = Rows(data, sources)
    rules = {"halving": halving, "audit": audit, "how_read": how_read, "verify": how.verify, "keep": how.keep}
    with closing(_created({**common, "data": source_of(data)}, axes, rows, rules, out)) as directory:
        return _carry_out(directory, how, rows)


def resume_sweep(
    path: str | Path,
    *,
    data: Any = None,
    verify: str | int | None = None,
    keep: str | None = None,
    force: bool = False,
    told: "Callable[[Told], None] | None" = None,
    control: Control | None = None,
    sources: Sources | None = None,
) -> "Sweep":
    """Go on with a sweep that was stopped or killed: no lane that has ended is trained again.

    Args:
        path: its directory.
        data: as of `sweep`, where it was in memory.
        verify, keep: as of `sweep`; by default as the sweep was begun.
        told, control, sources: as of `sweep`.
        force: go on although data or versions changed.

    Raises:
        CheckpointError: where something changed; the difference is named.
        RunInUse: where another process is training it.
    """
    with starting():
        import_tensorflow()
        from descenso.studies.sweep import directory as directories
        from descenso.training.session import circumstances, differences

    with closing(directories.reopen(Path(path))) as directory:
        how = _How.of(verify or directory.verify, keep or directory.keep, told, control)
        config = directory.lanes[0].config
        rows = Rows(in_memory(data, {**directory.how_read})[0], sources)
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
    told: "Callable[[Told], None] | None"
    control: Control

    @classmethod
    def of(cls, verify: str | int, keep: str, told: "Callable[[Told], None] | None", control: Control | None) -> "_How":
        """Check the choices, and fill in what was left out."""
        for name, value, choices in (("verify", str(verify), VERIFY), ("keep", keep, KEEP)):
            if value not in choices:
                message = _("{name} must be {choices}, got {value!r}; try --{name} {first}")
                words = {"name": name, "choices": ", ".join(choices), "value": value, "first": choices[0]}
                raise ConfigError(message.format(**words))
        return cls(str(verify), keep, told, control or Control())


def _created(
    settings: dict[str, Any], axes: dict[str, Any], rows: "Rows", rules: dict[str, Any], out: str | Path | None
) -> "SweepDirectory":
    """Make the lanes, divide them into groups, and make the directory of the sweep."""
    from descenso.studies.sweep import halving
    from descenso.studies.sweep.grid import advising_lists, lanes_of

    if own_of(dict(settings))[1] is not None:
        raise ConfigError(_("a sweep takes rules, schedules, losses and models by name; try package.module:name"))
    settings, data = with_model(settings, rows.of(TrainConfig.of(**before_data(settings))))
    lanes = lanes_of(settings, axes)
    values = {name: [*dict.fromkeys(lane.varied[name] for lane in lanes)] for name in lanes[0].varied}
    lanes = tuple(_fitted(lane, rows.of(lane.config), {*settings, *axes}, values) for lane in lanes)
    rungs = halving.rungs_of(lanes, rules.pop("halving"), rules["audit"])
    with starting():
        import_tensorflow()
        from descenso.studies.sweep import directory as directories
        from descenso.studies.sweep.at_once import tried
        from descenso.studies.sweep.groups import groups_of
        from descenso.training.plan import Plan
        from descenso.training.session import circumstances, make_deterministic

    first = lanes[0].config
    if first.deterministic:
        make_deterministic()

    def plan_of(number: int) -> Plan:
        with advising_lists(lanes[number].varied, values):
            return Plan.of(lanes[number].config, rows.of(lanes[number].config))

    groups = groups_of(lanes, plan_of)
    trial = tried(plan_of(0), len(groups)) if all(len(group) == 1 for group in groups) else None
    notes = (*data.notes, *([trial.sentence] if trial else ()))
    rules |= {"at_once": trial.runs} if trial else {}
    about = {"about": circumstances(first, rows.of(first)), "notes": notes, "rungs": rungs, **rules}
    return directories.create(lanes, groups, about, None if out is None else Path(out))


def open_sweep(path: str | Path) -> "Sweep":
    """Open the result of a sweep, also of one that has not ended.

    Raises:
        DataError: if there is none, or it is damaged.
    """
    from descenso.studies.sweep.directory import SweepDirectory
    from descenso.studies.sweep.result import result_of

    return result_of(SweepDirectory(Path(path)))


def rows_of_sweep(path: Path, data: Any, sources: Sources | None) -> "Rows":
    """Return the datasets of the lanes of a sweep again: `data` if it was in memory, else what their configs name."""
    from descenso.studies.sweep.directory import SweepDirectory

    return Rows(in_memory(data, {**SweepDirectory(path).how_read})[0], sources)


class Rows:
    """The datasets of lanes, each read once. Rows to test on are drawn by a lane's seed where the data has none."""

    def __init__(self, given: Any, sources: Sources | None) -> None:
        self.given = check_dataset(given) if isinstance(given, Dataset) else None
        self.sources, self._read = sources, dict[tuple[str, int], Dataset]()

    def of(self, config: TrainConfig) -> Dataset:
        """Return the dataset of a lane."""
        if self.given is not None:
            return self.given
        key = config.data, 0 if config.data in NAMES else config.seed
        if key not in self._read:
            self._read[key] = rows_of(config, self.sources)
        return self._read[key]


def _fitted(lane: "Lane", data: Dataset, settings: Collection[str], values: Mapping[str, Sequence[Any]]) -> "Lane":
    """Adapt the settings of a lane that were not given to few rows, as `train` does; `values`: of all lanes."""
    from descenso.studies.sweep.grid import advising_lists, digest

    with advising_lists(lane.varied, values):
        config = check_fit(data, lane.config, {*settings, *lane.varied})
    return lane._replace(config=config, name=digest(config.model_dump()))


def in_memory(data: Any, settings: dict[str, Any]) -> tuple[Any, dict[str, Any]]:
    """Return a dataset of rows in memory, whose settings are taken out, and those settings; else `data`."""
    if isinstance(data, Dataset | str | Path | None):
        return data, {}
    from descenso.data.memory import dataset_of

    how_read = {name: settings[name] for name in HOW_READ if name in settings}
    return dataset_of(data, None, settings), how_read


def _carry_out(directory: "SweepDirectory", how: _How, rows: Rows) -> "Sweep":
    from descenso.studies.sweep.report import write_report
    from descenso.studies.sweep.run import Training, run

    def data_of(number: int) -> Dataset:
        return rows.of(directory.lanes[number].config)

    with telling(_("Sweep"), (lambda share: None) if how.told else None) as tell:
        found = run(Training(directory, data_of, how.verify, how.told or (lambda now: tell(now.share))), how.control)
    if found.records:
        write_report(found, directory)
    if how.control.signal:
        message = _("interrupted after {done} of {lanes} lanes, and saved; to go on: descenso resume {path}")
        done = message.format(done=len(found.records), lanes=len(found.lanes), path=printable(str(found.path)))
        raise stopped_by(how.control.signal, done, found.path)
    every: list[int | None] = [number for number in sorted(found.records) if number not in found.drops]
    wanted = {"none": [], "best": [found.best], "all": every}
    for number in wanted[how.keep]:
        if number is not None and not how.control.stopped:
            path = directory.path / ("best" if how.keep == "best" else f"lanes/{number}")
            _keep(path, directory.lanes[number].config, rows, how.control)
    return found


def _keep(path: Path, config: TrainConfig, rows: Rows, control: Control) -> None:
    """Train a lane alone, as a run in the directory of the sweep; one that is complete already stays."""
    if (path / "status.json").is_file():
        if open_directory(path).outcome in ("interrupted", "killed"):
            resume(path, data=rows.given, control=control, progress=False)
        return
    settings = config.model_dump(exclude={"data"})
    train(rows.given or config.data, out=path, control=control, progress=False, sources=rows.sources, **settings)
