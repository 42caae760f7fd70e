"""A film of the templates of softmax regression as they form."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from descenso.api.again import rows_again
from descenso.api.sweep import open_sweep, rows_of_sweep
from descenso.api.train import import_tensorflow
from descenso.config import TrainConfig
from descenso.data.dataset import Dataset
from descenso.data.sources import Sources
from descenso.errors import ConfigError
from descenso.files import write_file
from descenso.runs.directory import open_directory
from descenso.runs.files import is_sweep
from descenso.studies.sweep.grid import titled
from descenso.text import _
from descenso.training.display import starting
from descenso.training.waiting import telling

if TYPE_CHECKING:
    from descenso.hints import RunPath
    from descenso.studies.sweep.result import Sweep

MOST_RUNS = 6  # side by side
OF_A_SWEEP = 4  # lanes
NAME = "templates.gif"


def film(
    *runs: "RunPath",
    out: "RunPath | None" = None,
    data: Any = None,
    told: Callable[[float], None] | None = None,
    sources: Sources | None = None,
) -> Path:
    """Train runs again, write a GIF of their templates as they form, and return its path.

    Frames are evenly spaced in the logarithm of the steps, and say step and cost. The file has at most 3 MB.

    Args:
        runs: up to 6 runs of softmax regression on pictures, or their directories, side by side; of a sweep, 4 lanes
            with learning rates from the smallest to the largest, and settings that are otherwise those of the best.
        out: the file; by default `plots/templates.gif` in the run or the sweep, or `templates.gif` for several.
        data: what `train` was given, where it was in memory.
        told: called with the share that is done; by default a bar is shown in a terminal or a notebook.
        sources: as of `train`.

    Raises:
        ConfigError: for no runs or more than 6, other models, rows that are no grey pictures, pictures of different
            shape or classes, fewer than three states, a sweep without an ended lane, a rate changed by hand.
    """
    found = [each for run in runs for each in _posed(Path(run), data, sources)]
    if not 1 <= len(found) <= MOST_RUNS:
        message = _("film: it shows one run or more, up to {most}, got {count}")
        raise ConfigError(message.format(most=MOST_RUNS, count=len(found)))
    shape, names = _checked(found)
    with starting():
        import_tensorflow()
        from descenso.reports.film import film_of
        from descenso.studies.film import Take, record
        from descenso.training.plan import Plan

    plans = [(name, Plan.of(config, rows), epochs) for name, config, rows, epochs in found]
    takes = [Take(name, plan, epochs * plan.steps_per_epoch) for name, plan, epochs in plans]
    path = _place([*map(Path, runs)]) if out is None else Path(out)
    with telling(_("Film"), told) as tell:
        write_file(path, film_of(record(takes, tell), shape, names))
    return path


_Posed = tuple[str, TrainConfig, Dataset, int]  # name, settings, rows, epochs that were begun


def _posed(path: Path, data: Any, sources: Sources | None) -> Iterator[_Posed]:
    """Yield what is to be recorded of a run, or of lanes of a sweep."""
    if is_sweep(path):
        sweep = open_sweep(path)
        along, numbers = chosen(sweep)
        lanes = rows_of_sweep(path, data, sources)
        for number in numbers:
            lane, epochs = sweep.lanes[number], len(sweep.records[number].costs)
            yield titled([(along, lane.varied[along])]), lane.config, lanes.of(lane.config), epochs
        return
    directory = open_directory(path)
    if directory.history.changes:
        message = _("{run}: its learning rate was changed by hand, and a film would train it without that")
        raise ConfigError(message.format(run=path))
    rows = rows_again(directory, data, "film", sources)
    yield path.name, directory.config, rows, len(directory.history.epochs)


def chosen(sweep: "Sweep") -> tuple[str, list[int]]:
    """Return a setting, and the numbers of up to four lanes of a sweep: the best, and others that differ from it in
    that setting alone; the learning rate, or where all have one, the first that varies.

    Raises:
        ConfigError: if no lane has ended.
    """
    if not sweep.records:
        raise ConfigError(_("{run}: no lane has ended yet; to go on: descenso resume {run}").format(run=sweep.path))
    best = min(sweep.records) if sweep.best is None else sweep.best
    varied = sweep.lanes[best].varied
    names = sorted(varied, key=lambda name: (name == "seed", name != "learning_rate"))
    along = next((n for n in names if len({lane.varied[n] for lane in sweep.lanes}) > 1), names[0])

    def others(number: int) -> dict[str, Any]:
        return {name: value for name, value in sweep.lanes[number].varied.items() if name != along}

    alike = [number for number in sorted(sweep.records) if others(number) == others(best)]
    if along == "learning_rate":
        alike.sort(key=lambda number: sweep.lanes[number].config.learning_rate)
    most = min(OF_A_SWEEP, len(alike))
    places = [round(place * (len(alike) - 1) / max(most - 1, 1)) for place in range(most)]
    nearest = min(range(most), key=lambda k: abs(places[k] - alike.index(best)))
    places[nearest] = alike.index(best)
    return along, [alike[place] for place in places]


def _checked(found: list[_Posed]) -> tuple[tuple[int, int], tuple[str, ...]]:
    """Return the shape of the pictures and the names of the classes, which all runs have in common."""
    shape, names = found[0][2].input_shape, found[0][2].class_names
    for name, config, rows, _epochs in found:
        if config.model != "softmax" or len(rows.input_shape) != 2:
            message = _(
                "film: {run} trained {model} on inputs of shape {shape}, expected softmax on grey pictures, whose "
                "weights are a template of each class; to train such a run: descenso train mnist --model softmax"
            )
            raise ConfigError(message.format(run=name, model=config.model, shape=rows.input_shape))
        if (rows.input_shape, rows.class_names) != (shape, names):
            message = _("film: {run} and {other} have pictures of different shape, or other classes; film each alone")
            raise ConfigError(message.format(run=found[0][0], other=name))
    height, width = shape
    return (height, width), names


def _place(paths: list[Path]) -> Path:
    if len(paths) > 1:
        return Path(NAME)
    (path,) = paths
    folder = path / "plots"
    folder.mkdir(exist_ok=True)
    return folder / NAME
