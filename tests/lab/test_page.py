"""The page in a browser, with a stand-in for the training process: controls, drawing, languages, several pages."""

import re
import time
import urllib.error
import urllib.request

import pytest

from browser import LAPTOP, PROJECTOR, SLOW, Watched, browser, need_chromium
from conftest import served
from descenso.lab import page as pages
from descenso.lab import server as serving
from descenso.lab.protocol import Lane, Race
from descenso.lab.rates import Span
from fake import FakeLab
from fake_rates import surveyed, swept

pytestmark = [pytest.mark.slow, pytest.mark.browser]
ONE = [[(0.5, 0.15), (0.5, 0.85)]]
ENDLESS = 100_000  # epochs: the run lasts until the test ends, so that a slow page still finds it in training
TABS = {  # and an element that shows that the panel has loaded
    "training": "#mistakes img",
    "step": "#step-maps li",
    "draw": "#drawn-says:not(:empty)",
    "race": "#race-lanes td",
    "rates": "#sweep-says:not(:empty)",
    "faults": "#findings-none:not(:empty)",
    "code": "#command:not(:empty)",
}


@pytest.fixture(scope="module")
def chromium(tmp_path_factory):
    with browser(tmp_path_factory.mktemp("profile")) as context:
        yield context


@pytest.fixture
def lab(tmp_path, chromium):
    run = tmp_path / "fake-001"
    (run / "plots").mkdir(parents=True)
    (run / "config.json").write_text("{}")
    (run / "plots" / "loss.png").write_bytes(b"\x89PNG\r\n\x1a\n")
    with served(FakeLab(run, pace=0.005, epochs=ENDLESS)) as server:
        yield server
        for page in chromium.pages[1:]:
            page.close()


@pytest.fixture
def expect():
    need_chromium()
    from playwright.sync_api import expect

    expect.set_options(timeout=SLOW)
    return expect


@pytest.fixture
def watched(lab, chromium):
    made = Watched(chromium)
    made.open(lab.address)
    yield made
    assert made.errors == []
    own = re.compile(rf"(http|ws)://127\.0\.0\.1:{lab.port}/|data:|blob:")
    assert [url for url in made.requests if not own.match(url)] == [], "a request to another host"


@pytest.fixture
def page(watched):
    return watched.page


def wait_until(holds):
    end = time.monotonic() + SLOW / 1000
    while not holds():
        assert time.monotonic() < end
        time.sleep(0.02)


def wait_for(lab, name, count=1):
    """Wait until the page has called a method of the lab; return the arguments of each call."""
    wait_until(lambda: len(lab.lab.calls(name)) >= count)
    return lab.lab.calls(name)


def fill(page, name, value):
    page.fill(name, value)
    if page.input_value(name) != value:  # the page has written its own value in between
        page.fill(name, value)
    page.press(name, "Tab")


def trained(page, expect):
    """Train a run to its end, so that its weights no longer change."""
    fill(page, "#set-epochs", "12")
    expect(page.locator("#set-epochs")).to_have_value("12")
    page.click("#start")
    expect(page.locator("#epoch")).to_have_text("12 / 12")


def test_each_button_steers(lab, page, expect):
    expect(page.locator("#state")).to_have_text("Ready")
    page.click("#start")
    assert wait_for(lab, "start")[0][0].model == "softmax"
    expect(page.locator("#state")).to_have_text("Training")
    expect(page.locator("#one_step")).to_be_disabled()
    page.click("#toggle")
    wait_for(lab, "pause")
    expect(page.locator("#toggle")).to_have_text("Continue")
    before = lab.lab.total
    page.click("#one_step")
    wait_for(lab, "one_step")
    expect(page.locator("#step")).to_have_text(re.compile(rf"^{(before + 1) % 20} / 20$"))
    page.click("#one_epoch")
    wait_for(lab, "one_epoch")
    expect(page.locator("#accuracy")).to_have_text(re.compile(r"^0\.\d{4}$"))
    page.click("#undo")
    wait_for(lab, "undo")
    page.click("#toggle")
    wait_for(lab, "go_on")
    page.click("#reset")
    wait_for(lab, "reset")
    expect(page.locator("#epoch")).to_have_text(f"0 / {ENDLESS}")


def test_settings_are_checked_and_sent(lab, page, expect):
    page.select_option("#set-engine", "eager")
    page.select_option("#set-model", "mlp")
    expect(page.locator("#set-rule")).to_have_value("adam")
    expect(page.locator("#rate-typed")).to_have_value("0.003")
    expect(page.locator("#set-epochs")).to_have_value("12")
    page.select_option("#set-rule", "momentum")
    expect(page.locator("#formula")).to_have_text("v ← μ v − η g;  θ ← θ + v")
    fill(page, "#set-batch_size", "50")
    fill(page, "#set-seed", "7")
    fill(page, "#set-epochs", "-3")
    expect(page.locator("#notice")).to_contain_text("epochs must be a whole number in [1, inf), got")
    expect(page.locator("#set-epochs")).to_have_value("12")
    fill(page, "#set-epochs", "3")
    expect(page.locator("#notice")).to_be_hidden()
    fill(page, "#rate-typed", "0,25")  # a comma, as on a Spanish keyboard
    expect(page.locator("#rate-typed")).to_have_value("0.25")
    page.click("#start")
    settings = wait_for(lab, "start")[0][0]
    assert settings[:8] == ("mnist", "mlp", "eager", "momentum", 0.25, 50, 3, 7)


def test_the_slider_is_live_and_logarithmic(lab, page, expect):
    page.click("#start")
    expect(page.locator("#state")).to_have_text("Training")
    page.locator("#rate").fill("-2")
    assert wait_for(lab, "change_rate")[-1][0] == pytest.approx(0.01)
    expect(page.locator("#rate-now")).to_have_text("0.01")
    expect(page.locator("#steered")).to_contain_text("Steered")
    page.focus("#rate")
    page.keyboard.press("ArrowRight")
    assert wait_for(lab, "change_rate", 2)[-1][0] == pytest.approx(10**-1.95, rel=1e-2)
    page.click("#tab-code")
    expect(page.locator("#changes")).to_contain_text("learning rate")
    expect(page.locator("#replay")).to_contain_text("descenso replay")
    page.click("button[data-copy=replay]")
    expect(page.locator("button[data-copy=replay]")).to_have_text("Copied")
    page.keyboard.press("Escape")
    fill(page, "#rate-typed", "-1")
    expect(page.locator("#notice")).to_contain_text("learning_rate must be a number in (0, inf)")


def test_numbers_pictures_and_tables_come(lab, page, expect):
    page.click("#start")
    expect(page.locator("#confusion td.right")).to_have_count(10)
    expect(page.locator("#mistakes img").first).to_have_attribute(
        "alt", re.compile(r"test row \d+: true \d, predicted \d")
    )
    expect(page.locator("#curves")).to_have_text("fake-001")
    expect(page.locator("#layers")).to_have_text("Wb")
    for name, cells in (("cost", 4), ("norms", 4), ("pictures", 4)):
        page.click(f"details[data-table={name}] summary")
        expect(page.locator(f"#{name}-table tbody tr").first.locator("th, td")).to_have_count(cells)
        page.click(f"details[data-table={name}] summary")
    for plot in page.locator(".training .plot").all():
        assert plot.get_attribute("role") == "img"
        assert len(plot.get_attribute("aria-label")) > 20
        assert plot.locator("canvas").count() >= 1


def test_several_runs_stay_on_one_axis(lab, page, expect):
    for count in (1, 2, 3):
        page.click("#start")
        expect(page.locator("#curves span")).to_have_count(count)
        expect(page.locator("#epoch")).to_have_text(re.compile(rf"^[1-9]\d* / {ENDLESS}$"))


def test_a_digit_is_recognised_during_the_stroke(lab, page, expect):
    trained(page, expect)
    page.click("#tab-draw")
    expect(page.locator("#drawn-says")).to_have_text("Nothing is drawn yet. An empty canvas is not predicted.")
    assert lab.lab.calls("recognise") == []
    box = page.locator("#canvas").bounding_box()
    x, y, side = box["x"], box["y"], box["width"]
    page.mouse.move(x + side / 2, y + side * 0.2)
    page.mouse.down()
    page.mouse.move(x + side / 2, y + side * 0.8, steps=30)
    expect(page.locator("#seen img")).to_be_visible()  # during the stroke
    expect(page.locator("#drawn-bars .winner .of")).to_have_text("1")
    page.mouse.up()
    expect(page.locator("#drawn-says")).to_contain_text("The model takes it for 1")
    page.click("#clear")
    expect(page.locator("#drawn-says")).to_contain_text("An empty canvas is not predicted")
    expect(page.locator("#drawn-bars .winner")).to_have_count(0)
    expect(page.locator("#seen img")).to_have_count(0)


def test_a_digit_is_drawn_by_keys(lab, page, expect):
    trained(page, expect)
    page.click("#tab-draw")
    page.focus("#canvas")
    for key in ["ArrowUp"] * 12 + [" "] + ["ArrowDown"] * 22 + [" "]:
        page.keyboard.press(key)
    expect(page.locator("#drawn-bars .winner .of")).to_have_text("1")


def test_a_finger_draws_and_does_not_scroll(lab, page, expect):
    page.click("#tab-draw")
    assert page.locator("#canvas").evaluate("element => getComputedStyle(element).touchAction") == "none"
    page.click("#canvas")
    expect(page.locator("#seen img")).to_be_visible()  # a tap alone draws a dot


def test_one_step_is_opened_up(lab, page, expect):
    page.click("#one_step")
    page.click("#tab-step")
    expect(page.locator("#step-stages details")).to_have_count(6)
    expect(page.locator("#step-maps li")).to_have_count(10)
    expect(page.locator("#step-sum")).to_contain_text("is the logit")
    fill(page, "#row", "12")
    expect(page.locator("#step-where")).to_contain_text("row 12 is number 1 of 100 in the batch")
    page.click("button[data-send=row][value='+']")
    expect(page.locator("#row")).to_have_value("13")
    fill(page, "#row", "many")
    expect(page.locator("#notice")).to_contain_text("the row must be a whole number, got 'many'")
    page.click("#step-stages summary >> nth=1")
    expect(page.locator("#step-stages pre >> nth=1")).to_be_visible()


def test_activations_of_a_chosen_digit(lab, page, expect):
    page.select_option("#set-model", "cnn")
    page.click("#start")
    page.click("#tab-step")
    expect(page.locator("#activations img")).to_have_count(4)  # the digit, two filters, and a layer of units
    fill(page, "#test-row", "7")
    expect(page.locator("#activations img").first).to_have_attribute("alt", re.compile("test row 7, class"))
    page.click("#toggle")
    page.click("#panel-step button[data-send=one_step]")
    wait_for(lab, "one_step")


def test_what_goes_on_can_be_stopped(lab, page, expect):
    with lab.lab.lock:
        lab.lab.race_now = Race((Lane("graph", "running"),), 3)
        lab.lab.rates = swept(Span(0.01, 1.0, 3, 2), 1)._replace(state="running")
        lab.lab.plane = surveyed(lab.lab.path, 1)._replace(state="computing")
        lab.lab.publish("ended")
    page.click("#tab-race")
    page.click("#race-stop")
    page.click("#tab-rates")
    page.click("#sweep-stop")
    wait_for(lab, "stop", 2)
    page.click("#landscape-stop")
    wait_for(lab, "stop_landscape")


def test_the_race(lab, page, expect):
    page.click("#tab-race")
    page.click("#race-start")
    expect(page.locator("#race-lanes tbody tr")).to_have_count(4)
    expect(page.locator("#race-says")).to_contain_text("eager took 30.3 times as long as compiled")
    expect(page.locator("#race-reason")).to_contain_text("calls of operations")


def test_rates_and_landscape_by_keyboard(lab, page, expect):
    """Starting at the panel's tab: fill in the range, try the rates, use the best one, compute the landscape."""
    trained(page, expect)
    page.focus("#tab-race")
    page.keyboard.press("ArrowRight")
    expect(page.locator("#panel-rates")).to_be_visible()
    expect(page.locator("#span-first")).to_have_value("0.005")
    for value in ("0.01", "10", "7", "2"):
        page.keyboard.press("Tab")
        page.keyboard.press("Control+A")
        page.keyboard.type(value)
    page.keyboard.press("Tab")
    expect(page.locator("#sweep")).to_be_focused()
    page.keyboard.press("Enter")
    settings, span = wait_for(lab, "sweep")[0]
    assert (settings.learning_rate, span) == (0.5, Span(0.01, 10.0, 7, 2))
    expect(page.locator("#sweep-diverged")).to_contain_text("3.16 diverged at epoch 1, step 22")
    expect(page.locator("#sweep-templates img")).to_have_count(5)
    page.focus("#sweep-take")
    page.keyboard.press("Enter")
    expect(page.locator("#rate-typed")).to_have_value("1")
    page.focus("#landscape-begin")
    page.keyboard.press("Enter")
    expect(page.locator("#landscape-says")).to_contain_text("explains: 90.0 %")
    expect(page.locator("#landscape-command")).to_contain_text("descenso landscape")
    for name, rows in (("sweep-curves", 7), ("sweep-ends", 7), ("landscape", 30)):
        page.focus(f"details[data-table={name}] summary")
        page.keyboard.press("Enter")
        expect(page.locator(f"#{name}-table tbody tr")).to_have_count(rows)
        page.keyboard.press("Enter")
    for plot in page.locator("#panel-rates .plot").all():
        assert plot.get_attribute("role") == "img"
        assert len(plot.get_attribute("aria-label")) > 20
        assert plot.locator("canvas").count() >= 1
    assert serious(page) == []


def test_break_and_heal(lab, page, expect):
    page.click("#tab-faults")
    expect(page.locator("#heal")).to_be_disabled()
    page.click("#break-labels-shifted")
    assert wait_for(lab, "break_it") == [("labels-shifted",)]
    expect(page.locator("#findings li")).to_contain_text("labels-from-1")
    expect(page.locator("#break-labels-shifted")).to_have_attribute("aria-pressed", "true")
    page.click("#heal")
    wait_for(lab, "heal")
    expect(page.locator("#findings li")).to_have_count(0)


def test_code_and_files(lab, page, expect):
    page.click("#start")
    page.click("#tab-code")
    expect(page.locator("#command")).to_contain_text("descenso train mnist --learning-rate 0.5")
    for name in ("command", "python"):
        page.click(f"button[data-copy={name}]")
        expect(page.locator(f"button[data-copy={name}]")).to_have_text("Copied")
    with page.expect_download() as got:
        page.click("#downloads a >> nth=0")
    assert got.value.suggested_filename == "fake-001.zip"
    assert got.value.path().read_bytes()[:2] == b"PK"
    with page.expect_download() as got:
        page.click("#downloads a >> nth=1")
    assert got.value.path().read_bytes()[:4] == b"\x89PNG"


def test_the_language_is_switched_in_mid_run(lab, page, expect):
    page.click("#start")
    expect(page.locator("#state")).to_have_text("Training")
    page.click("nav a[lang=es]")
    expect(page.locator("#state")).to_have_text("Entrenando")
    assert page.locator("html").get_attribute("lang") == "es"
    expect(page.locator("#tab-draw")).to_have_text("Dibuja un dígito")
    expect(page.locator("#accuracy")).to_have_text(re.compile(r"^0,\d{4}$"))
    assert len(lab.lab.calls("start")) == 1


def test_a_reload_in_mid_run_finds_the_run_again(lab, page, expect):
    page.click("#start")
    page.click("#tab-race")
    expect(page.locator("#state")).to_have_text("Training")
    page.reload()
    expect(page.locator("#state")).to_have_text(re.compile("Training"))
    expect(page.locator("#run")).to_have_text("fake-001")
    expect(page.locator("#tab-race")).to_have_attribute("aria-selected", "true")
    assert len(lab.lab.calls("start")) == 1


def test_two_pages_steer_one_run(lab, page, chromium, expect):
    other = Watched(chromium).open(lab.address)
    page.click("#start")
    for each in (page, other):
        expect(each.locator("#state")).to_have_text("Training")
    expect(other.locator("#notice")).to_have_text("Another page steers this run, too. Its last command: Start.")
    expect(page.locator("#notice")).to_be_hidden()
    fill(other, "#rate-typed", "0.02")
    expect(page.locator("#rate-now")).to_have_text("0.02")
    expect(page.locator("#rate-typed")).to_have_value("0.02")
    expect(page.locator("#notice")).to_contain_text("Its last command: Learning rate.")
    other.close()


def test_a_page_closed_in_mid_run_stops_nothing(lab, page, chromium, expect):
    page.click("#start")
    expect(page.locator("#state")).to_have_text("Training")
    page.close()
    wait_until(lambda: lab.lab.calls("watched")[-1] == (frozenset(),))  # sooner than the server forgets the page
    assert lab.desk.pages
    before = lab.lab.total
    again = Watched(chromium).open(lab.address)
    expect(again.locator("#state")).to_have_text(re.compile("Training"))
    assert lab.lab.total > before
    assert ("pause",) not in lab.lab.called
    again.close()


def test_a_page_out_of_sight_gets_nothing(lab, page, expect):
    """Another tab is in front: neither is anything drawn nor measured, until the page is seen again."""
    hide = """(hidden) => {
        Object.defineProperty(document, "hidden", {configurable: true, get: () => hidden});
        document.dispatchEvent(new Event("visibilitychange"));
    }"""
    page.click("#start")
    expect(page.locator("#state")).to_have_text("Training")
    page.evaluate(hide, True)
    wait_until(lambda: lab.lab.calls("watched")[-1] == (frozenset(),))
    page.wait_for_timeout(200)  # for what was on its way
    step, total = page.locator("#step").text_content(), lab.lab.total
    page.wait_for_timeout(800)
    assert lab.lab.total > total
    assert page.locator("#step").text_content() == step
    page.evaluate(hide, False)
    expect(page.locator("#step")).not_to_have_text(step)
    assert lab.lab.calls("watched")[-1] == (frozenset({"tab-training"}),)


def test_everything_by_keyboard(lab, page, expect):
    """Tab reaches each enabled control in a sensible order; arrows change panels; Enter and space press buttons."""
    seen = []
    page.keyboard.press("Tab")
    for _ in range(40):
        name = page.evaluate("() => document.activeElement.id")
        seen.append(name)
        if name == "tab-training":
            break
        page.keyboard.press("Tab")
    order = ["set-data", "set-model", "set-engine", "set-rule", "rate-typed", "rate", "set-batch_size", "set-epochs",
             "set-seed", "start", "one_step", "one_epoch", "tab-training"]  # fmt: skip
    assert [name for name in seen if name in order] == order
    for name in [*list(TABS)[1:], "training"]:
        page.keyboard.press("ArrowRight")
        expect(page.locator(f"#tab-{name}")).to_be_focused()
        expect(page.locator(f"#panel-{name}")).to_be_visible()
    page.focus("#start")
    page.keyboard.press("Enter")
    wait_for(lab, "start")
    expect(page.locator("#toggle")).to_be_enabled()
    page.focus("#toggle")
    page.keyboard.press(" ")
    wait_for(lab, "pause")
    outline = page.locator("#toggle").evaluate("element => getComputedStyle(element).outlineStyle")
    assert outline != "none"


def test_the_live_region_says_the_numbers_seldom(lab, page, expect, monkeypatch):
    assert pages.SPOKEN == 5.0
    monkeypatch.setattr(pages, "SPOKEN", 1.0)
    page.click("#start")
    expect(page.locator("#live")).to_contain_text("test accuracy")
    changed = page.evaluate(
        """() => new Promise((done) => {
            const changed = {live: 0, step: 0}, watch = (id) => new MutationObserver(() => { changed[id]++; })
                .observe(document.getElementById(id), {childList: true, characterData: true, subtree: true});
            watch("live");
            watch("step");
            setTimeout(() => done(changed), 3500);
        })"""
    )
    assert 1 <= changed["live"] <= 5 < changed["step"], changed


@pytest.mark.parametrize("language", ["en", "es"])
def test_the_main_view_needs_no_scrolling(lab, chromium, language, expect, tmp_path):
    watched = Watched(chromium)
    watched.page.set_viewport_size(PROJECTOR)
    page = watched.open(lab.address + f"&lang={language}")
    page.click("#start")
    expect(page.locator("#mistakes img").first).to_be_visible()
    page.locator("#rate").fill("-1")
    expect(page.locator("#steered")).to_be_visible()
    for size in (PROJECTOR, LAPTOP):
        page.set_viewport_size(size)
        over = page.evaluate(
            """() => [document.documentElement, ...document.querySelectorAll("#controls, #panel-training, #mistakes")]
                .filter((box) => box.scrollHeight > box.clientHeight + 1 || box.scrollWidth > box.clientWidth + 1)
                .map((box) => [box.id, box.scrollHeight, box.clientHeight, box.scrollWidth, box.clientWidth])"""
        )
        assert over == [], size
        page.screenshot(path=tmp_path / f"main-{language}-{size['width']}.png")  # to look at
    page.close()


def test_at_200_percent_zoom_nothing_is_lost(lab, chromium, expect):
    """At 200 %, a window of 1280×720 has 640×360 CSS pixels: the page is one column and scrolls only vertically."""
    watched = Watched(chromium)
    watched.page.set_viewport_size({"width": 640, "height": 360})
    page = watched.open(lab.address)
    assert page.evaluate("() => document.documentElement.scrollWidth <= innerWidth")
    page.click("#start")
    for name in TABS:
        page.click(f"#tab-{name}")
        expect(page.locator(f"#panel-{name}")).to_be_visible()
        assert page.evaluate("() => document.documentElement.scrollWidth <= innerWidth + 1"), name
    page.close()


def serious(page):
    """Return the serious and critical violations that axe finds on the page."""
    from axe_playwright_python.sync_playwright import Axe

    found = Axe().run(page).response["violations"]
    grave = [each for each in found if each["impact"] in ("serious", "critical")]
    return [(each["id"], [node["target"] for node in each["nodes"]][:3]) for each in grave]


@pytest.mark.parametrize("language", ["en", "es"])
def test_axe_finds_nothing_serious(lab, chromium, language, expect, tmp_path):
    page = Watched(chromium).open(lab.address + f"&lang={language}")
    page.click("#start")
    expect(page.locator("#mistakes img").first).to_be_visible()
    lab.lab.pause()
    for name, there in TABS.items():
        page.click(f"#tab-{name}")
        expect(page.locator(there).first).to_be_visible()
        assert serious(page) == [], name
        page.screenshot(path=tmp_path / f"{name}-{language}.png")
    page.close()


def test_start_up_is_shown_as_progress(tmp_path, chromium, expect):
    with served(FakeLab(tmp_path / "fake-001", ready=False)) as server:
        page = Watched(chromium).open(server.address)
        expect(page.locator("#state")).to_contain_text("TensorFlow is starting")
        expect(page.locator("#starting")).to_be_visible()
        expect(page.locator("#start")).to_be_disabled()
        server.lab.get_ready()
        expect(page.locator("#state")).to_have_text("Ready")
        expect(page.locator("#start")).to_be_enabled()
        page.close()


def test_a_page_says_that_the_lab_has_ended_and_is_loaded_again_with_it(tmp_path, chromium, expect):
    from descenso.lab.server import Serving

    with served(FakeLab(tmp_path / "fake-001")) as server:
        page = Watched(chromium).open(server.address)
    expect(page.locator("#lost")).to_be_visible()
    with served(FakeLab(tmp_path / "fake-001"), serving=Serving(port=server.port)) as again:
        expect(page.locator("#lost")).to_be_visible()  # the new server has another token, and refuses the page
        Watched(chromium).open(again.address)  # sets the browser's cookie
        expect(page.locator("#lost")).to_be_hidden()
        expect(page.locator("#state")).to_have_text("Ready")


def test_the_lesson_has_nine_stops(tmp_path, chromium, expect):
    with served(FakeLab(tmp_path / "fake-001"), lesson=True) as server:
        page = Watched(chromium).open(server.address)
        titles, numbers = set(), []
        page.click("#start")
        expect(page.locator("#accuracy")).to_have_text(re.compile(r"^0\."))
        for stop in range(9):
            expect(page.locator("#stop-where")).to_have_text(f"Stop {stop + 1} of 9")
            titles.add(page.locator("#stop-title").text_content())
            numbers.append(page.locator("#stop-number").text_content())
            page.click("#lesson summary")
            expect(page.locator("#stop-answer")).to_be_visible()
            page.click("#lesson summary")
            if stop < 8:
                page.click("#stop-next")
        assert len(titles) == 9
        assert all(re.search(r"\d", number) for number in numbers), numbers
        expect(page.locator("#stop-next")).to_be_disabled()
        page.click("#stop-back")
        expect(page.locator("#stop-where")).to_have_text("Stop 8 of 9")
        assert serious(page) == []
        page.close()


def test_no_more_pages_are_served_than_may_be(lab, page, monkeypatch):
    assert serving.MOST_PAGES == 20
    monkeypatch.setattr(serving, "MOST_PAGES", 3)  # pages are slow to load, and old ones are forgotten
    cookie = f"descenso-{lab.port}={lab.token}"
    asked = urllib.request.Request(f"http://127.0.0.1:{lab.port}/", headers={"Cookie": cookie})
    for _ in range(2):  # besides the open page
        with urllib.request.urlopen(asked) as answer:  # noqa: S310
            assert answer.status == 200
    with pytest.raises(urllib.error.HTTPError, match="503") as refused:
        urllib.request.urlopen(asked)  # noqa: S310
    refused.value.close()


def test_what_a_page_may_not_set_is_refused(lab, page, expect):
    """The messages bypass the checks in the browser, as an attacker could."""
    sent = [
        ["set-data", "/etc/passwd"], ["set-model", "os:system"], ["set-rule", "os:system"], ["set-engine", "x"],
        ["set-fault", "x"], ["set-hidden", "9"], ["close", ""], ["_ask", ""], ["break", "../x"], ["row", "-1"],
        ["rate", "nan"], ["rate-exponent", "1e400"], ["set-epochs", "9" * 100], ["drawn", "!!!"], ["drawn", "QUJD"],
        ["table", ["x" * 9999, True]], ["tab", "tab-x"], [5, 5], ["start", {"model": "x"}],
    ]  # fmt: skip
    for place, (action, value) in enumerate(sent):
        page.evaluate("(message) => { Bokeh.documents[0].roots()[0].tags[0].sent = JSON.stringify(message); }",
                      [1000 + place, action, value])  # fmt: skip
    page.evaluate("() => { Bokeh.documents[0].roots()[0].tags[0].sent = 'no JSON'; }")
    page.click("#start")
    settings = wait_for(lab, "start")[0][0]
    assert settings.data == "mnist"
    assert settings.model == "softmax"
    assert {call[0] for call in lab.lab.called} <= {"watched", "speak", "start"}
