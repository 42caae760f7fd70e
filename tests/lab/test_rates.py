"""The panel of learning rates: its choices, what it shows, and the recorded path of the landscape."""

import json
import math
from itertools import count

import numpy as np
import pytest

from descenso.errors import ConfigError
from descenso.lab.desk import Desk
from descenso.lab.graded import by_logarithm, graded
from descenso.lab.page import Page
from descenso.lab.protocol import Settings, View
from descenso.lab.rates import RateLane, Rates, Span
from descenso.lab.recorded import FEWEST, MOST, MOST_BYTES, Recorded
from fake_rates import surveyed, swept

NUMBER = count()


class Still:
    """A lab that only records its commands."""

    def __init__(self, view):
        self.view, self.called = view, []

    def __getattr__(self, name):
        return lambda *given: self.called.append((name, *given))


@pytest.fixture
def page(tmp_path):
    view = View(state="paused", settings=Settings.of(data="mnist", learning_rate=0.03), run=tmp_path / "run-001")
    return Page(Desk(Still(view), ["mnist"]), "en", lambda *given: None)


def send(page, action, value=""):
    page.receive(json.dumps([next(NUMBER), action, value]))


def shown(page, **changed):
    page.desk.lab.view = page.desk.lab.view._replace(**changed)
    page._sent = {}
    return {(name, key): value for name, key, value in page.changes(page.desk.lab.view)}


@pytest.fixture
def opened(page):
    send(page, "tab", "tab-rates")
    return page


def test_the_default_range_is_around_the_rate_that_is_set(page):
    assert page.desk.span == Span(0.0003, 3.0, 9, 3)
    assert 0.03 in page.desk.span.rates()
    send(page, "rate", "0.5")
    assert page.desk.span == Span(0.005, 50.0, 9, 3)
    send(page, "span-last", "1,5")
    assert page.desk.span.last == 1.5
    send(page, "span-last", "")
    assert page.desk.span.last == 50.0


@pytest.mark.parametrize(("first", "last", "lanes"), [(1e-4, 1.0, 9), (0.07, 0.09, 2), (1e-30, 1e30, 16)])
def test_the_rates_are_those_of_the_sweep(first, last, lanes):
    rates = Span(first, last, lanes).rates()
    assert (len(rates), rates[0], rates[-1]) == (lanes, first, pytest.approx(last, rel=1e-5))
    assert np.ptp(np.diff(np.log(rates))) < 1e-4


@pytest.mark.parametrize(
    ("name", "value", "said"),
    [
        ("lanes", "1", r"rates must be a whole number in \[2, 16\], got '1'"),
        ("lanes", "17", r"rates must be a whole number in \[2, 16\], got '17'"),
        ("lanes", "9" * 99, r"rates must be a whole number in \[2, 16\], got '9{40}'"),
        ("lanes", "²", r"rates must be a whole number in \[2, 16\], got '²'"),
        ("epochs", "11", r"epochs must be a whole number in \[1, 10\], got '11'"),
        ("first", "0", r"learning_rate must be a number in \(0, inf\), got '?0"),
        ("last", "nan", r"learning_rate must be a number in \(0, inf\), got '?nan"),
    ],
)
def test_a_choice_is_checked(page, name, value, said):
    with pytest.raises(ConfigError, match=f"^{said}"):
        page.desk.set_span(name, value)
    assert page.desk.span == Span.around(0.03)
    send(page, f"span-{name}", value)
    assert page.notice


@pytest.mark.parametrize(
    ("span", "least"), [(Span(5.0, 3.0, 2), "5.05"), (Span(1.0, 1.00001, 16), "1.16097"), (Span(2.0, 2.0, 3), "2.0402")]
)
def test_a_range_too_small_for_its_rates_is_refused(span, least):
    said = f"^the highest rate must be at least {least} for {span.lanes} rates from {span.first:g}, got {span.last:g}$"
    with pytest.raises(ConfigError, match=said):
        span.rates()
    assert len(set(span._replace(last=float(least)).rates())) == span.lanes


def test_what_is_no_choice_is_ignored(page):
    for name in ("span-", "span-x", "span-count", "landscape-x", "stop_landscape_", "sweep-stop"):
        send(page, name, "1")
    assert page.desk.span == Span.around(0.03)
    assert {call[0] for call in page.desk.lab.called} == {"speak"}


def test_each_command_is_sent(page):
    send(page, "span-lanes", "4")
    send(page, "sweep")
    send(page, "landscape")
    send(page, "stop_landscape")
    _speak, sweep, *rest = page.desk.lab.called
    assert sweep == ("sweep", page.desk.settings, Span(0.0003, 3.0, 4, 3))
    assert rest == [("landscape",), ("stop_landscape",)]


def test_what_is_shown_of_a_sweep(opened):
    before = shown(opened)
    assert (before["sweep", "disabled"], before["sweep-stop", "disabled"]) == (False, True)
    assert before["sweep-take", "hidden"]
    for table in ("sweep-curves", "sweep-ends"):
        send(opened, "table", [table, True])
    rates = swept(Span(0.001, 10.0, 9, 3))
    after = shown(opened, rates=rates)
    assert (after["sweep-take", "value"], after["sweep-take", "hidden"]) == ("1", False)
    assert after["sweep-best", "textContent"].startswith("Best: 1, cost 0.012")
    assert after["sweep-diverged", "textContent"] == (
        "3.16 diverged at epoch 1, step 24; 10 diverged at epoch 1, step 25"
    )
    assert after["sweep-command", "textContent"] == rates.command
    assert after["sweep-templates", "innerHTML"].count("<img") == 5
    assert after["sweep-curves-table", "innerHTML"].count("<tr>") == 10
    assert after["sweep-ends-table", "innerHTML"].count("∞") == 2
    send(opened, "rate", after["sweep-take", "value"])
    assert opened.desk.settings.learning_rate == 1.0
    assert ("change_rate", 1.0) in opened.desk.lab.called


def test_one_sweep_at_a_time(opened):
    for state, off in (("waiting", True), ("running", True), ("done", False), ("stopped", False), ("failed", False)):
        seen = shown(opened, rates=swept(Span(0.1, 1.0, 4), state=state))
        assert (seen["sweep", "disabled"], seen["sweep-stop", "disabled"]) == (off, not off), state
        assert seen["landscape-begin", "disabled"] == off
        assert seen["sweep-says", "textContent"]
    assert shown(opened, state="failed", rates=swept(Span(0.1, 1.0, 4), state="running"))["sweep-stop", "disabled"]


def test_the_edge_of_divergence_lies_above_every_sound_rate():
    def lane(rate, diverged):
        return RateLane(rate, (1.0,), (), (0, 3) if diverged else None)

    lanes = [lane(0.1, False), lane(1.0, True), lane(10.0, False), lane(100.0, True), lane(1000.0, True)]
    assert Rates(Span(0.1, 1000.0), lanes=tuple(lanes)).edge == (10.0, 100.0)
    assert Rates(Span(0.1, 10.0), lanes=tuple(lanes[:3])).edge is None
    assert Rates(Span(0.1, 10.0), lanes=(lane(0.1, True),)).edge is None


def test_the_score_of_a_lane_is_the_newest_cost_that_ranks():
    assert math.isnan(RateLane(0.1).score)
    assert RateLane(0.1, (2.0, 1.0)).score == 1.0
    assert RateLane(0.1, (2.0, 1.0), (3.0, 2.5)).score == 2.5
    assert RateLane(0.1, (2.0, math.nan), (3.0,), (1, 4)).score == math.inf


def test_what_is_shown_of_a_landscape(opened):
    assert shown(opened)["landscape-command-box", "hidden"]
    run = opened.desk.lab.view.run
    send(opened, "table", ["landscape", True])
    seen = shown(opened, plane=surveyed(run))
    assert seen["landscape-says", "textContent"] == (
        "Variance of the path that the plane explains: 90.0 %. Largest distance of the path from it: 0.7."
    )
    assert seen["landscape-warns", "hidden"]
    assert seen["landscape-about", "textContent"].startswith("run-001, 1000 training rows; plane of the path up to step"
                                                             " 57, now step 87. ")  # fmt: skip
    assert seen["landscape-command", "textContent"].startswith("descenso landscape ")
    assert seen["landscape-table", "innerHTML"].count("<tr>") == 31
    warned = shown(opened, plane=surveyed(run, explained=0.79))
    assert not warned["landscape-warns", "hidden"]
    assert "80 %" in warned["landscape-warns", "textContent"]
    steered = shown(opened, plane=surveyed(run)._replace(steered=True))
    assert steered["landscape-command-box", "hidden"]
    assert "steered" in steered["landscape-about", "textContent"]
    assert "Another run is open now." in shown(opened, run=run / "x")["landscape-about", "textContent"]


def test_in_spanish_no_english_is_left(opened):
    """Each sentence differs between the languages."""
    other = Page(opened.desk, "es", lambda *given: None)
    send(other, "tab", "tab-rates")
    run, words = opened.desk.lab.view.run, ("textContent", "innerHTML")
    for table in ("sweep-curves", "sweep-ends", "landscape"):
        for each in (opened, other):
            send(each, "table", [table, True])
    same = {"sweep-command", "landscape-command", "sweep-key", "landscape-key", "run", "formula"}
    for state in ("waiting", "running", "done", "stopped", "failed"):
        plane = surveyed(run, explained=0.5)
        changed = {"rates": swept(Span(0.1, 10.0, 5), state=state), "plane": plane}
        english, spanish = (shown(each, **changed) for each in (opened, other))
        for key, value in english.items():
            told = key[0].startswith(("sweep", "landscape")) and key[1] in words and key[0] not in same and value
            assert not told or spanish[key] != value, (key, value)


def test_colours_keep_the_order_of_the_rates():
    colours = [by_logarithm(rate, 1e-4, 1.0) for rate in np.geomspace(1e-4, 1.0, 9)]
    light = [sum(weight * int(each[place : place + 2], 16) for weight, place in ((3, 1), (6, 3), (1, 5)))
             for each in colours]  # fmt: skip
    assert light == sorted(light)
    assert len(set(colours)) == 9
    assert by_logarithm(2.0, 2.0, 2.0) == graded(0)


@pytest.mark.parametrize("size", [10, MOST_BYTES // 8 // 30, MOST_BYTES])
def test_a_recorded_path_stays_even_and_small(size):
    recorded = Recorded()
    array = np.zeros(min(size, 1000))
    big = np.lib.stride_tricks.as_strided(array, (size,), (0,)) if size > 1000 else array
    for step in range(0, 40_000, 7):
        recorded.add(step, lambda: {"W": big})
    steps = [step for step, _params in recorded.points]
    gaps = np.diff(steps)
    assert FEWEST // 2 <= len(steps) <= max(min(MOST, MOST_BYTES // (8 * size)), FEWEST)
    assert steps[0] == 0
    assert gaps.max() <= 4 * gaps.min()
    recorded.cut(steps[3])
    assert [step for step, _params in recorded.points] == steps[:4]


def test_parameters_that_are_not_finite_are_no_point_of_a_path():
    recorded = Recorded()
    recorded.add(0, lambda: {"W": np.zeros(3), "b": np.zeros(1)})
    recorded.add(1, lambda: {"W": np.zeros(3), "b": np.array([np.inf])})
    assert [step for step, _params in recorded.finite()] == [0]


def test_the_command_trains_the_same_lanes(tiny):
    """The flags of the command, read as the settings of a sweep, give the same lanes."""
    import shlex

    from descenso.lab import wording
    from descenso.lab.protocol import Source
    from descenso.studies.sweep.grid import lanes_of

    span = Span(0.001, 10.0, 5, 2)
    given = wording.arguments(Settings.of(data="mnist", rule="momentum", batch_size=50, seed=3), Source(), tiny)
    for name in ("engine", "learning_rate", "checkpoint_every"):
        del given[name]
    given["epochs"] = span.epochs
    program, verb, *flags = shlex.split(wording.command({**given, "learning_rates": span.text}, "sweep"))
    assert (program, verb) == ("descenso", "sweep")
    read = {name[2:].replace("-", "_"): value for name, value in zip(flags[::2], flags[1::2], strict=True)}
    axes = {"learning_rates": read.pop("learning_rates")}
    assert [lane.name for lane in lanes_of({"data": "mnist", **read}, axes)] == [
        lane.name for lane in lanes_of(given, {"learning_rates": list(span.rates())})
    ]
