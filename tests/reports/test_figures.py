"""Contents of figures, checked in matplotlib's artists and the bounding boxes of their texts."""

import warnings

import numpy as np
import pytest
from matplotlib.backends.backend_agg import FigureCanvasAgg

from descenso import text
from descenso.data.dataset import Split
from descenso.reports import letters
from descenso.reports.comparison import comparison_figure, ladder_figure, number
from descenso.reports.figures import loss_figure, templates_figure
from descenso.reports.pictures import confusion_figure, contact_sheet, mistakes_figure, predictions_figure
from descenso.reports.sweep import Line, sweep_figure

RULES = ["sgd", "adam:beta_1=0.8,beta_2=0.99", "lion", *(f"my_rules:rule_{i}" for i in range(9))]
SECONDS = {name: [0.02 * (1 + (7 * i) % 12), 0.03 * (1 + (7 * i) % 12)] for i, name in enumerate(RULES)}
COSTS = {name: [2.0, 1.0 / (i + 1)] for i, name in enumerate(RULES)}
NAN = float("nan")


def drawn(figure):
    """Draw a figure as for a file, with matplotlib's warnings about missing letters as errors; return it."""
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        FigureCanvasAgg(figure).draw()
    return figure


def texts(figure):
    return [each.get_text() for each in figure.findobj(lambda artist: hasattr(artist, "get_text"))]


def outside(figure):
    """Return whether anything is drawn more than 0.01 inches outside the figure."""
    box, (width, height) = figure.get_tightbbox(figure.canvas.get_renderer()), figure.get_size_inches()
    return max(0.0, -box.x0, -box.y0, box.x1 - width, box.y1 - height) > 0.01


@pytest.mark.parametrize("language", ["en", "es"])
def test_bars_are_sorted_and_measured_from_one_base(language):
    text.use(language)
    figure = drawn(comparison_figure(COSTS, SECONDS, {}, (), ()))
    _curves, bars, beside = figure.axes
    widths = [patch.get_width() for patch in bars.patches]
    assert widths == sorted(widths)
    names = [label.get_text() for label in bars.get_yticklabels()]
    assert [SECONDS[name] for name in names] == sorted(SECONDS.values())
    labels = [label.get_text() for label in beside.get_yticklabels()]
    ratios = [float(label.rpartition("× ")[2]) for label in labels]
    np.testing.assert_allclose(ratios, np.array(widths) / widths[0], rtol=0.006)
    renderer, frame = figure.canvas.get_renderer(), bars.get_window_extent()
    assert all(label.get_window_extent(renderer).x0 > frame.x1 for label in beside.get_yticklabels())
    assert not outside(figure)


def test_curves_of_many_runs_differ_and_their_legend_stands_beside():
    figure = drawn(loss_figure({f"run-{i}": [2.0, 1.0 / (i + 1), 0.1] for i in range(30)}))
    (axes,) = figure.axes
    assert len({(line.get_color(), line.get_linestyle()) for line in axes.lines}) == 30
    (legend,) = figure.legends
    assert len(legend.get_texts()) == 30
    assert legend.get_window_extent().x0 >= axes.get_window_extent().x1
    assert not outside(figure)


@pytest.mark.parametrize(
    ("costs", "said"),
    [
        ({"a": [NAN]}, "diverged: no cost of an epoch is finite"),
        ({"a": [2.0, 3.0, NAN]}, "a: diverged in epoch 2"),
        ({"a": [2.0, float("inf")], "b": [1.0, 0.5]}, "a: diverged in epoch 1"),
    ],
)
def test_a_picture_says_that_a_run_diverged(costs, said):
    figure = drawn(loss_figure(costs))
    assert said in texts(figure)
    assert not outside(figure)
    assert "diverged" not in "".join(texts(drawn(loss_figure({"a": [2.0, 1.0]}))))


def test_a_ladder_writes_milliseconds_without_exponents():
    seconds = {"pipeline": 29.0, "eager": 12.0, "traced": 0.15, "loop": 0.1, "fed": 0.3, "held": 0.28}
    items = [("input", 16.0, 18.0), ("dispatch", 11.0, 12.0), ("Python", 0.04, 0.06), ("feed", 0.01, 0.03)]
    figure = drawn(ladder_figure(seconds, items))
    labels = [label.get_text() for label in figure.axes[1].get_yticklabels()]
    assert labels == ["input: 17000 ms", "dispatch: 11850 ms", "Python: 50 ms", "feed: 20 ms"]
    assert not outside(figure)


def test_a_ladder_says_what_takes_longer_without():
    seconds = {"pipeline": 2.0, "eager": 1.0, "traced": 0.9, "loop": 0.5, "compiled": 0.4, "fed": 0.3, "held": 0.5}
    items = [
        ("input", 0.9, 1.1),
        ("dispatch", -0.1, 0.3),
        ("Python", 0.3, 0.5),
        ("xla", 0.09, 0.11),
        ("feed", -0.3, -0.1),
    ]
    figure = drawn(ladder_figure(seconds, items))
    labels = [label.get_text() for label in figure.axes[1].get_yticklabels()]
    assert labels[1] == "dispatch: not distinguishable"
    assert labels[4] == "without feed: 200 ms longer"
    assert "in orange what it costs" in figure.axes[0].get_xlabel()
    assert not outside(figure)


def test_one_epoch_is_points_with_their_values():
    figure = drawn(loss_figure({"a": [0.5], "a, validation": [0.4]}))
    (axes,) = figure.axes
    assert list(axes.get_xticks()) == [0]
    assert axes.get_ylim()[0] == 0
    assert {"0.5", "0.4"} <= set(texts(figure))
    assert not outside(figure)


@pytest.mark.parametrize(
    ("wrong", "title"),
    [(0, "No mistakes in 16 rows"), (1, "1 mistake in 16 rows"), (3, "The worst 2 of 3 mistakes in 16 rows")],
)
def test_mistakes_say_how_many_and_in_which_order(wrong, title):
    guesses = LABELS.astype(np.int64)
    guesses[:wrong] += 1
    costs = np.arange(16.0)
    figure = drawn(mistakes_figure(Split(IMAGES, LABELS), costs, guesses, np.full(16, 0.75), list("abcdefghi"), most=2))
    written = texts(figure)
    assert title in written
    drawn_ones = [text for text in written if "taken for" in text]
    assert drawn_ones == [f"{'abc'[row]}, taken for {'bcd'[row]} (75%)" for row in range(wrong - 1, -1, -1)][:2]
    assert any("that of the predicted class" in " ".join(text.split()) for text in written) == (wrong > 0)
    assert not outside(figure)


@pytest.mark.parametrize("value", [1e-7, 0.000123456, 0.5, 1.0, 99.95, 1234.5, 1e6, -3e-5])
def test_numbers_have_no_exponent(value):
    assert "e" not in number(value)
    assert float(number(value)) == pytest.approx(value, rel=0.006)


NAMES = ["cat", "猫と犬", "قطة", "Ελλάδα", "שלום", "$x_1$", "ñandú", "\x1b[31m"]
IMAGES = np.zeros((16, 8, 8), np.uint8)
LABELS = np.arange(16, dtype=np.int32) % 8


def pictures(names):
    guesses, ones = ((LABELS + 1) % 8).astype(np.int64), np.ones(16)
    yield confusion_figure(np.ones((8, 8), np.int64), names)
    yield contact_sheet(Split(IMAGES, LABELS), names)
    yield mistakes_figure(Split(IMAGES, LABELS), ones, guesses, ones, names)
    yield templates_figure(np.ones((64, 8)), (8, 8), names)


def test_names_in_any_script_are_written_or_numbered(monkeypatch):
    for chinese in (False, True):  # whether a font has these letters
        known = {
            "/one.ttf": frozenset(map(ord, "catÑñandúΕλάδαقطةשלום$x_1# ")),
            "/two.ttf": frozenset(map(ord, "猫と犬")),
        }
        with monkeypatch.context() as patched:
            if not chinese:
                patched.setattr(letters, "_fonts", lambda: (("DejaVu Sans", "/one.ttf"),))
                patched.setattr(letters, "letters_of", known.__getitem__)
                letters.drawn.cache_clear()
                for figure in pictures(NAMES):
                    written = "\n".join(texts(drawn(figure)))
                    assert "猫" not in written
                    assert "#1" in written
                    assert r"#1: \u732b\u3068\u72ac" in written
            else:
                patched.setattr(letters, "_fonts", lambda: (("DejaVu Sans", "/one.ttf"), ("Cats", "/two.ttf")))
                patched.setattr(letters, "letters_of", known.__getitem__)
                letters.drawn.cache_clear()
                assert letters.drawn("cat 猫") == ("cat 猫", ("DejaVu Sans", "Cats"), True)
                assert letters.named(NAMES[:2]) == (NAMES[:2], "")
    letters.drawn.cache_clear()


def test_predictions_escape_what_no_font_can_write(monkeypatch):
    monkeypatch.setattr(letters, "_fonts", lambda: ())
    letters.drawn.cache_clear()
    figure = predictions_figure(IMAGES[:2], ["猫", "cat"])
    assert [each for each in texts(figure) if each] == [r"\u732b", "cat"]
    letters.drawn.cache_clear()


def test_a_sweep_of_one_epoch_has_no_fractions_of_epochs():
    curves = sweep_figure([Line({"learning_rate": rate}, [rate], rate) for rate in (0.1, 1.0)], "cost").axes[0]
    assert [curves.get_xticks().tolist(), curves.get_xlim()] == [[1], (0, 2)]
