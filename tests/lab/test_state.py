"""State that pages share, and state of one page, without Bokeh and without a browser."""

import base64
import json
from itertools import count

import numpy as np
import pytest

from descenso.errors import ConfigError
from descenso.lab.desk import Desk, datasets_of
from descenso.lab.downloads import zipped
from descenso.lab.page import SIDE, Page
from descenso.lab.shapes import diverging, escaped, grey, table
from descenso.text import SPACE
from fake import FakeLab

NUMBER = count()


@pytest.fixture
def desk(tmp_path):
    lab = FakeLab(tmp_path / "fake-001")
    yield Desk(lab, datasets_of("own.csv", "own.csv"))
    lab.close()


def at_once(function, given, answered):
    answered(function(given))


def send(page, action, value=""):
    page.receive(json.dumps([next(NUMBER), action, value]))


def shown(page):
    return {(name, key): value for name, key, value in page.changes(page.desk.lab.view)}


@pytest.mark.parametrize(
    ("name", "value", "said"),
    [
        ("data", "/etc/passwd", "data must be one of own.csv, mnist, got '/etc/passwd'"),
        ("model", "os:system", "model must be one of softmax, mlp, cnn, got 'os:system'"),
        ("rule", "os:system", "rule must be one of sgd, "),
        ("hidden", "9", "there is no such setting in the lab"),
        ("epochs", "9" * 1000, "there is no such setting in the lab"),
        ("batch_size", "0", "batch_size must be"),
        ("seed", "-1", "seed must be"),
    ],
)
def test_what_a_page_may_not_set(desk, name, value, said):
    before = desk.settings
    with pytest.raises(ConfigError, match=said):
        desk.set(name, value)
    assert desk.settings == before


def test_another_model_brings_its_defaults_and_keeps_the_rest(desk):
    desk.set("seed", "5")
    desk.set("learning_rate", "0,25")
    assert desk.settings.learning_rate == 0.25
    desk.set("model", "mlp")
    assert desk.settings[:8] == ("mnist", "mlp", "compiled", "adam", 0.003, 100, 12, 5)
    desk.set("epochs", "4")
    desk.set("rule", "sgd")
    assert (desk.settings.epochs, desk.settings.learning_rate) == (4, 0.01)


def test_only_what_has_changed_is_sent(desk):
    page = Page(desk, "en", at_once)
    first = shown(page)
    assert first["state", "textContent"] == "Ready"
    assert shown(page) == {}
    send(page, "set-epochs", "7")
    assert shown(page) == {("set-epochs", "value"): "7"}
    send(page, "set-epochs", "many")
    again = shown(page)
    assert "epochs must be a whole number" in again["notice", "textContent"]
    assert again["set-epochs", "value"] == "7", "what holds is shown in place of what was typed"
    send(page, "hello")
    assert len(shown(page)) > 30, "a page that was loaded again gets everything"


def test_pages_speak_each_their_language(desk):
    spoken = {language: shown(Page(desk, language, at_once)) for language in ("en", "es")}
    assert spoken["en"]["state", "textContent"] == "Ready"
    assert spoken["es"]["state", "textContent"] == "Listo"
    assert spoken["es"]["seconds", "textContent"] == "0,0 s"


@pytest.mark.parametrize(
    "text", ["", "no JSON", "[1]", "[1, 2, 3]", '{"a": 1}', "[" * 100_000, '[1, "rate", {}]', "null"]
)
def test_what_is_no_message_is_ignored(desk, text):
    page = Page(desk, "en", at_once)
    page.receive(text)
    assert page.notice == ""
    assert {call[0] for call in desk.lab.called} <= {"watched", "speak"}


def test_an_empty_canvas_is_not_predicted(desk):
    page = Page(desk, "en", at_once)
    ink = np.zeros((SIDE, SIDE), np.uint8)
    send(page, "drawn", base64.b64encode(ink.tobytes()).decode())
    assert desk.lab.calls("recognise") == []
    ink[20:90, 50:60] = 255
    send(page, "drawn", base64.b64encode(ink.tobytes()).decode())
    assert page.recognised.image.shape == (28, 28)
    send(page, "drawn", base64.b64encode(bytes(SIDE * SIDE)).decode())
    assert page.recognised is None


def test_the_newest_of_the_pictures_is_recognised(desk):
    """While one drawing is recognised, only the last of the following is kept; a cleared one is not shown."""
    waiting = []
    page = Page(desk, "en", lambda function, given, answered: waiting.append((function, given, answered)))
    for column in (10, 40, 70):
        ink = np.zeros((SIDE, SIDE), np.uint8)
        ink[20:90, column : column + 9] = 255
        send(page, "drawn", base64.b64encode(ink.tobytes()).decode())
    assert len(waiting) == 1
    function, given, answered = waiting.pop()
    answered(function(given))
    assert waiting[0][1][50, 75] == 255
    send(page, "drawn", base64.b64encode(bytes(SIDE * SIDE)).decode())
    function, given, answered = waiting.pop()
    answered(function(given))
    assert page.recognised is None


def test_a_run_that_is_being_prepared_is_not_called_training(desk):
    from descenso.lab.panel_training import state_of

    view = desk.lab.view._replace(state="running")
    assert state_of(view) == "Training"
    assert state_of(view._replace(progress="words of the training process")) == "Being prepared"


def test_the_code_of_a_fault_without_a_flag_says_so(desk):
    page = Page(desk, "en", at_once)
    send(page, "tab", "tab-code")
    for fault, silent in (("", True), ("rate-too-high", True), ("labels-shifted", False), ("zero-start", False)):
        view = desk.lab.view._replace(settings=desk.lab.view.settings._replace(fault=fault), command="descenso train")
        shown = {(name, key): value for name, key, value in page._entries(view)}
        assert shown["fault-note", "hidden"] is silent
        assert shown["command", "textContent"] == "descenso train"


def test_a_plot_is_sent_again_only_where_a_line_has_changed(desk):
    from descenso.lab.protocol import Curve

    page, steps = Page(desk, "en", at_once), np.arange(5)

    def sent(costs):  # each view has arrays of its own
        curve = Curve("fake-001", steps.copy(), np.array(costs, np.float32), (1.0,), (), (), 5)
        changes = page.changes(desk.lab.view._replace(curves=(curve,)))
        return {(name, key): value for name, key, value in changes}.get(("cost-lines", "data"))

    assert sent([5, 4, 3, 2, 1])["ys"] == [[5, 4, 3, 2, 1], [1], []]
    assert sent([5, 4, 3, 2, 1]) is None
    assert sent([5, 4, 3, 2, 2])["ys"][0] == [5, 4, 3, 2, 2]
    assert sent([1 / 3, np.nan, np.inf, 1e-9, 0])["ys"][0] == [0.33333, 1e-9, 0]


def test_the_numbers_of_the_lesson_are_those_of_the_data(desk):
    desk.lesson = True
    page, view = Page(desk, "en", at_once), desk.lab.view._replace(class_names=("setosa", "versicolor", "virginica"))
    send(page, "lesson", "4")
    shown = {name: value for name, _key, value in page._entries(view)}
    assert "1/3, and the cost is ln 3 = 1.0986" in shown["stop-answer"]
    for stop in range(9):
        send(page, "lesson", str(stop))
        assert "{" not in {name: value for name, _key, value in page._entries(view)}["stop-answer"]


def test_the_reason_of_a_race_is_written_as_all_numbers_are():
    from descenso.lab.desk import speaking
    from descenso.lab.panel_race import _reason
    from descenso.lab.protocol import Race

    race = Race((), 1, reason=(("what costs", "µs/step"), ("calls", "-29461.5", "57.5%", "–", "k_1.2")))
    with speaking("es"):
        row = _reason(race).replace(SPACE, " ")
    assert "<td>-29461,5</td><td>57,5 %</td><td>–</td><td>k_1.2</td>" in row


@pytest.mark.parametrize("formula", ["x = (inputs − shift) · scale", "h = max of each 2×2", "θ ← θ − η g"])
def test_formulas_are_in_the_language_of_the_page(formula):
    from descenso.lab.answers import Stage
    from descenso.lab.desk import speaking
    from descenso.lab.panel_step import _stage

    with speaking("es"):
        shown = _stage(Stage("inputs", formula, (3,), "float64", np.zeros(3)))
    words = [word for word in ("inputs", "shift", "scale", "each") if word in shown]
    assert words == []


def test_html_holds_no_name_as_it_is():
    made = table(["<b>"], [["<script>", 'x"']], "a&b\x1b[0m")
    assert "<script>" not in made
    assert "&lt;script&gt;" in made
    assert escaped("\x1b") == "\\x1b"


def test_colours_of_weights():
    colours = diverging(np.array([-1.0, 0.0, 1.0, np.nan, 9.0]))
    assert colours.tolist() == [[0, 114, 178, 255], [255] * 4, [213, 94, 0, 255], [255] * 4, [213, 94, 0, 255]]
    assert grey(np.array([[-1.0, 0.0], [1.0, np.nan]])).tolist() == [[0, 128], [255, 128]]


def test_links_of_a_run_lead_nowhere(tmp_path):
    import io
    import zipfile

    run = tmp_path / "run"
    run.mkdir()
    (run / "config.json").write_text("{}")
    (tmp_path / "secret").write_text("x")
    (run / "link").symlink_to(tmp_path / "secret")
    (run / "folder").symlink_to(tmp_path)
    assert zipfile.ZipFile(io.BytesIO(zipped(run))).namelist() == ["run/config.json"]


def test_a_page_is_told_of_commands_of_another_one_until_that_is_closed(desk):
    one, other = (Page(desk, "en", at_once) for _page in range(2))
    one.receive(json.dumps([next(NUMBER), "hello", ""]))
    one.receive(json.dumps([next(NUMBER), "start", ""]))
    assert (one.steered_by(), other.steered_by()[:35]) == ("", "Another page steers this run, too. ")
    one.receive(json.dumps([next(NUMBER), "visible", ""]))
    assert (one.seen, one.connected) == (False, True)
    one.close()  # as when its language is changed, which opens another one
    assert (other.steered_by(), one.connected, desk.pages) == ("", False, {other.number})
