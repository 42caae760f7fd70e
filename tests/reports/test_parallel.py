"""Parallel coordinates of a sweep: heights on the axes, gaps, special ticks, and the order of drawing."""

import itertools
import math

import numpy as np
import pytest

from descenso.reports.figures import png
from descenso.reports.parallel import INFINITE, OVER, parallel_figure
from descenso.reports.sweep import Line


def drawn(lines):
    (axes,) = parallel_figure(lines, "cost (nats)").axes
    curves = [line for line in axes.lines if line.get_marker() == "o"]
    words = {text.get_text(): text.get_position() for text in axes.texts}
    return curves, words


def line(score, accuracy=0.5, **varied):
    costs = [1.0, score if score < math.inf else math.nan]
    return Line(varied, costs, score, {"test accuracy": accuracy})


def test_numbers_are_logarithmic_and_words_evenly_spaced():
    rates, rules = (0.001, 0.01, 1.0), ("sgd", "adam", "own.module:règle")
    curves, words = drawn([line(1 + k, learning_rate=rates[k], rule=rules[k]) for k in range(3)])
    heights = {tuple(curve.get_ydata()[:2].round(9)) for curve in curves}
    assert heights == {(0, round(1 / 6, 9)), (round(1 / 3, 9), 0.5), (1, round(5 / 6, 9))}
    assert words["0.01"][1] == pytest.approx(1 / 3)
    assert words["own.module:règle"][1] == pytest.approx(5 / 6)
    assert "test accuracy" in words


def test_zero_has_a_tick_below_a_logarithmic_axis():
    decays = (0.0, 1e-4, 1e-2)
    curves, words = drawn([line(1 + k, weight_decay=decay, rule="abc"[k]) for k, decay in enumerate(decays)])
    assert words["0"][1] == 0 < words["0.0001"][1] < words["0.01"][1] == 1
    assert {curve.get_ydata()[0] for curve in curves} == {0.0, words["0.0001"][1], 1.0}


def test_lanes_that_diverged_and_huge_costs_flatten_nothing():
    scores = [0.3, 0.5, 3.0, 1e30, math.inf]
    lines = [line(score, None if score == math.inf else 0.9, learning_rate=k + 1, rule=str(k))
             for k, score in enumerate(scores)]  # fmt: skip
    curves, words = drawn(lines)
    heights = [float(curve.get_ydata()[2]) for curve in curves]  # the best lane is drawn last
    np.testing.assert_allclose(heights, [INFINITE, OVER, 1, math.log(5 / 3) / math.log(10), 0])
    assert words["∞ diverged"][1] == INFINITE
    assert words["> 30"][1] == OVER
    assert math.isnan(curves[0].get_ydata()[3])


def test_a_missing_value_is_a_gap():
    lines = [line(0.3, learning_rate=0.1, rule="sgd"), line(0.4, None, learning_rate=1.0, rule="adam")]
    curves, _words = drawn(lines)
    assert [math.isnan(curve.get_ydata()[-1]) for curve in curves] == [True, False]


def test_seeds_are_thin_lines_and_one_that_diverged_makes_the_median_infinite():
    settings = [{"learning_rate": 0.1, "rule": "sgd"}, {"learning_rate": 1.0, "rule": "adam"}]
    scores = [[0.3, 0.4, 0.8], [0.2, 0.25, math.inf]]
    lines = [line(score, **varied, seed=k) for varied, three in zip(settings, scores, strict=True)
             for k, score in enumerate(three)]  # fmt: skip
    curves, _words = drawn(lines)
    thin = [curve for curve in curves if curve.get_linewidth() < 1]
    thick = [curve for curve in curves if curve.get_linewidth() > 1]
    assert (len(thin), len(thick)) == (6, 2)
    assert thick[0].get_ydata()[2] == INFINITE
    assert curves[-1] is thick[1]
    assert thick[1].get_ydata()[2] == pytest.approx(math.log(2) / math.log(4))  # 0.4 between 0.2 and 0.8
    assert list(thin[0].get_xdata()) == [1, 2, 3]  # seeds of equal settings differ only beyond the settings


def test_64_lanes_of_4_settings_are_all_told_apart():
    grid = itertools.product((0.01, 0.1, 1.0, 10.0), (32, "full"), ("sgd", "adam"), (0.0, 0.1, 0.2, 0.3))
    names = ("learning_rate", "batch_size", "rule", "weight_decay")
    random = np.random.default_rng(0)
    curves, _words = drawn([line(float(random.random()) + 0.1, **dict(zip(names, each, strict=True))) for each in grid])
    assert len(curves) == 64
    for place in range(4):
        assert len({round(float(curve.get_ydata()[place]), 9) for curve in curves}) == 64
    heights = [float(curve.get_ydata()[4]) for curve in curves]
    assert heights[-1] == min(heights) == 0


def test_letters_of_any_script_are_drawn():
    lines = [line(0.1 + k, learning_rate=k + 1, rule=rule) for k, rule in enumerate(("m:规则", "m:قاعدة", "m:$x_"))]
    assert png(parallel_figure(lines, "cost")).startswith(b"\x89PNG")  # a missing letter would warn, and fail


@pytest.mark.parametrize("scores", [[math.inf] * 2, [0.3, 0.3], [0.0, 1.0], [-1.0, 1.0]], ids=str)
def test_any_scores_can_be_drawn(scores):
    lines = [line(score, None, learning_rate=k + 1, rule=f"rule-{k}") for k, score in enumerate(scores)]
    curves, _words = drawn(lines)
    heights = [float(curve.get_ydata()[2]) for curve in curves]
    assert heights == sorted(heights, reverse=True)
