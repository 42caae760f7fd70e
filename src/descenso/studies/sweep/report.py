"""Write the pictures of a sweep, and a page that contains all that is known of it."""

import shlex
from collections.abc import Iterator, Mapping
from contextlib import suppress
from typing import Any

from descenso.config import SETTINGS, TrainConfig, flag
from descenso.data.memory import was_in_memory
from descenso.errors import ConfigError
from descenso.files import write_file
from descenso.registry import SHAPES, reads
from descenso.reports.document import Part, Picture, Table, Text, as_html
from descenso.studies.sweep.directory import SweepDirectory
from descenso.studies.sweep.grid import AXES, lanes_of, shown
from descenso.studies.sweep.halving import sentences, told
from descenso.studies.sweep.ledger import Verified
from descenso.studies.sweep.result import Sweep
from descenso.text import _, language, prose, spelled

PAGE = "report.html"
MOST_ROWS = 500  # of a table of the page; table.csv has all lanes
MOST_VALUES = 12  # of a setting, that are listed
RANGES = ("learning_rates", "weight_decays")  # options that take FIRST..LAST:COUNT


def write_report(sweep: Sweep, directory: SweepDirectory) -> None:
    """Draw the pictures of a sweep into its directory, and write its page; some lanes have ended.

    Raises:
        DiskError: if one cannot be written.
    """
    pictures = list(_pictures(sweep))
    for picture in pictures:
        write_file(directory.plot_path(picture.name), picture.png)
    title = _("Sweep: {data}, {model}").format(data=_data(directory), model=directory.lanes[0].config.model)
    parts = [Text("h1", title), *_parts(sweep, directory, pictures)]
    write_file(directory.path / PAGE, as_html(parts, title, language()).encode())


def command(directory: SweepDirectory) -> str:
    """Return the command that makes the lanes of a sweep again, or the call in Python where its data was in memory."""
    lanes, data = directory.lanes, directory.lanes[0].config.data
    options = {setting: axis for axis, setting in AXES.items()}
    axes = {options[name]: list(dict.fromkeys(lane.varied[name] for lane in lanes)) for name in lanes[0].varied}
    given = _telling({"data": data, "model": lanes[0].config.model}, _common(directory), lanes[0].varied)
    given |= {name: True for name, on in (("halving", directory.rungs), ("audit", directory.audit)) if on}
    if was_in_memory(data):
        keywords = [f"{name}={value!r}" for name, value in {**axes, **given}.items() if name != "data"]
        return f"descenso.sweep({', '.join(['frame' if data == 'frame' else '(X, y)', *keywords])})"
    words = [word for name, values in axes.items() for word in (flag(name), _typed(name, values))]
    for name, value in given.items():
        if name != "data":
            words += [flag(name)] if value is True else [flag(name), str(value)]
    return shlex.join(["descenso", "sweep", data, *words])


def _common(directory: SweepDirectory) -> dict[str, Any]:
    """Return the settings that all lanes have in common, in the order of the table; no lane writes checkpoints."""
    first = directory.lanes[0].config
    return {
        name: getattr(first, name)
        for name in SETTINGS
        if name not in {*directory.lanes[0].varied, "checkpoint_every"}
        and all(getattr(lane.config, name) == getattr(first, name) for lane in directory.lanes)
    }


def _telling(given: dict[str, Any], common: Mapping[str, Any], varied: Mapping[str, Any]) -> dict[str, Any]:
    """Add to `given` the settings of `common` that are not the default beside the others: a rule has its own rate."""
    while True:
        made = TrainConfig.of(**{**given, **varied})
        missing = next((name for name, value in common.items() if getattr(made, name) != value), None)
        if missing is None:
            return given
        given = {**given, missing: common[missing]}


def _typed(name: str, values: list[Any]) -> str:
    """Write the values of an axis as they are typed: as a range, or as a number of seeds, where that is the same."""
    if name == "seeds" and values == list(range(len(values))):
        return str(len(values))
    if name in RANGES and len(values) > 2:
        short = f"{values[0]}..{values[-1]}:{len(values)}"
        with suppress(ConfigError):
            if [lane.varied[AXES[name]] for lane in lanes_of({}, {name: short})] == values:
                return short
    comma = "," if name == "seeds" and len(values) == 1 else ""  # without, one number is that of the seeds
    return ",".join(map(str, values)) + comma


def _data(directory: SweepDirectory) -> str:
    return directory.lanes[0].config.data


def _pictures(sweep: Sweep) -> Iterator[Picture]:
    from descenso.reports.figures import png  # half a second

    shows = _("Cost of each epoch of {lanes} lanes, and {score} by the settings that vary")
    told = shows.format(lanes=len(sweep.records), score=sweep.scored_by)
    yield Picture("sweep.png", told, png(sweep.plot()))
    if sweep.has_parallel_coordinates:
        shows = _("Parallel coordinates of {lanes} lanes: settings that vary, {score}, accuracies")
        told = shows.format(lanes=len(sweep.records), score=sweep.scored_by)
        yield Picture("parallel.png", told, png(sweep.parallel_coordinates()))


def _parts(sweep: Sweep, directory: SweepDirectory, pictures: list[Picture]) -> Iterator[Part]:
    yield Text("h2", _("Settings that vary"))
    yield Table([[_("setting"), _("values"), _("number")], *_varied(directory)], text_columns=2)
    rungs = sentences(sweep.lanes, sweep.rungs, sweep.audit)
    yield from (Text("p", line) for line in [*sweep.notes, *rungs])
    yield Text("h2", _("Ranking"))
    yield from (Text("p", line) for line in [*sweep.ranking(), *told(sweep.audited)])
    (table,) = sweep.tables(MOST_ROWS)
    if len(table) > 1:
        yield Table(table, text_columns=len(sweep.points[0].varied) + 1)
    if len(sweep.points) > MOST_ROWS:
        yield Text("p", prose(_("Rows shown: {most} of {count}; table.csv has all lanes."), most=MOST_ROWS,
                              count=len(sweep.points)))  # fmt: skip
    yield Text("h2", _("Pictures"))
    yield from pictures
    yield from _comparisons(sweep)
    yield from _diverged(sweep)
    yield Text("h2", _("To repeat it"))
    if was_in_memory(_data(directory)):
        yield Text("p", _("The data was in memory, and has to be given again; in Python:"))
    yield Text("code", command(directory))
    times = {"train": sweep.seconds, "compile": sweep.compile_seconds, "lanes": len(sweep.records)}
    yield Text("p", prose(_("{lanes} lanes trained in {train:.2f} s, compiled in {compile:.2f} s"), **times))
    yield Text("h2", _("Settings of all lanes"))
    read = reads(directory.lanes[0].config.model)
    rows = [
        [spelled(name), shown(value)]
        for name, value in _common(directory).items()
        if value not in ("", False, 0) and (name in read or name not in SHAPES)
    ]
    yield Table([[_("setting"), _("value")], *rows], text_columns=2)
    yield Text("h2", _("Versions"))
    about = directory.about
    versions = {**about.get("versions", {}), _("SHA-256 of the data"): about.get("data", "")}
    known = [[name, str(value)] for name, value in versions.items() if value not in (None, "")]
    yield Table([[_("name"), _("value")], *known], text_columns=2)


def _varied(directory: SweepDirectory) -> list[list[str]]:
    rows = list[list[str]]()
    for name in directory.lanes[0].varied:
        values = [shown(value) for value in dict.fromkeys(lane.varied[name] for lane in directory.lanes)]
        few = values if len(values) <= MOST_VALUES else [*values[: MOST_VALUES // 2], "…", *values[-MOST_VALUES // 2 :]]
        rows.append([spelled(name), ", ".join(few), str(len(values))])
    return rows


def _comparisons(sweep: Sweep) -> Iterator[Part]:
    """Show the lanes that were trained again alone."""
    if sweep.verified:
        yield Text("h2", _("Lanes trained again alone"))
        yield Text("p", _("Differences are relative to the largest value."))
        head = [_("lane"), _("settings"), _("outcome"), _("costs differ by"), _("weights differ by"), _("allowed")]
        rows = [
            [str(each.lane), sweep.lanes[each.lane].title, _verdict(each),
             *(f"{number:.1e}" for number in (each.cost_difference, each.weight_difference, each.limit))]
            for each in sweep.verified[:MOST_ROWS]
        ]  # fmt: skip
        yield Table([head, *rows], text_columns=3)


def _verdict(each: Verified) -> str:
    if each.holds is None:
        return _("float32 cannot tell")
    return _("the same run") if each.holds else _("ANOTHER run")


def _diverged(sweep: Sweep) -> Iterator[Part]:
    """Show the lanes that diverged, each with the epoch and the step, from 0."""
    found = [(n, record.diverged_at) for n, record in sorted(sweep.records.items()) if record.diverged_at]
    if found:
        yield Text("h2", _("Lanes that diverged"))
        rows = [[str(n), sweep.lanes[n].title, *map(str, at)] for n, at in found[:MOST_ROWS]]
        yield Table([[_("lane"), _("settings"), _("epoch"), _("step")], *rows], text_columns=2)
        if len(found) > MOST_ROWS:
            yield Text("p", prose(_("Rows shown: {most} of {count}; table.csv has all lanes."), most=MOST_ROWS,
                                  count=len(found)))  # fmt: skip
