"""The page in a browser with the real training process, used as in a lesson, from the start to the run's files."""

import re
import time

import numpy as np
import pytest

from browser import SLOW, Watched, browser, draw
from conftest import served
from descenso.data.catalog import load
from descenso.lab.lab import Lab
from descenso.lab.protocol import Source
from descenso.runs.directory import open_directory
from samples import write_folder
from strokes import DIGITS

pytestmark = [pytest.mark.slow, pytest.mark.browser]
PATIENT = 180_000  # milliseconds for TensorFlow to start, and for epochs on a busy machine
TRAIN, TEST = 4000, 1000  # rows of MNIST: enough to recognise most of the drawn digits


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    folder, whole = tmp_path_factory.mktemp("lab"), load("mnist")
    parts = {"train": whole.train.rows(slice(TRAIN)), "test": whole.test.rows(slice(TEST))}
    data = str(write_folder(folder / "digits", whole._replace(**parts)))
    with served(Lab(Source(data=data), folder / "runs"), data=data) as made:
        yield made


@pytest.fixture(scope="module")
def watched(server, tmp_path_factory):
    with browser(tmp_path_factory.mktemp("profile")) as context:
        made = Watched(context)
        begun = time.monotonic()
        made.open(server.address)
        print(f"first picture after {time.monotonic() - begun:.2f} s")  # noqa: T201 - measured, and shown by pytest -s
        yield made
        assert made.errors == []
        assert {url.split("/")[2] for url in made.requests if "//" in url} == {f"127.0.0.1:{server.port}"}


@pytest.fixture(scope="module")
def page(watched):
    return watched.page


@pytest.fixture(scope="module")
def expect():
    from playwright.sync_api import expect

    expect.set_options(timeout=PATIENT)
    return expect


def fill(page, name, value):
    page.fill(name, value)
    page.press(name, "Tab")


def test_a_run_is_trained_steered_and_saved(server, page, expect):
    expect(page.locator("#start")).to_be_enabled()
    fill(page, "#rate-typed", "0.1")
    fill(page, "#set-epochs", "100000")
    page.click("#start")
    expect(page.locator("#accuracy")).to_have_text(re.compile(r"^0\.\d{4}$"))
    page.locator("#rate").fill("-0.5")
    expect(page.locator("#steered")).to_be_visible()
    expect(page.locator("#rate-now")).to_have_text("0.316")
    page.click("#toggle")
    expect(page.locator("#state")).to_have_text("Paused")  # no further step is taken
    step, steps = map(int, page.locator("#step").text_content().split(" / "))
    page.click("#one_step")
    expect(page.locator("#step")).to_have_text(f"{(step + 1) % steps} / {steps}")
    expect(page.locator("#confusion td.right")).to_have_count(10)
    run = open_directory(server.lab.view.run)
    assert run.config.epochs == 100_000
    assert '"learning_rate": 0.316' in (run.path / "history.jsonl").read_text(encoding="utf-8")


def test_the_opened_step_sums_to_its_logit(page, expect):
    page.click("#tab-step")
    expect(page.locator("#step-sum")).to_contain_text("is the logit")
    numbers = [float(each) for each in re.findall(r"-?\d+\.\d{6}", page.locator("#step-sum").text_content())]
    assert numbers[0] + numbers[1] == pytest.approx(numbers[2], abs=3e-6)
    shares = [float(each) for each in page.locator("#step-bars .much").all_text_contents()]
    assert sum(shares) == pytest.approx(1, abs=1e-3)


CANVAS = """() => {
    const small = document.createElement("canvas"), pen = small.getContext("2d");
    small.width = small.height = 112;
    pen.drawImage(document.getElementById("canvas"), 0, 0, 112, 112);
    return [...pen.getImageData(0, 0, 112, 112).data].filter((value, place) => place % 4 === 3);
}"""


def test_drawn_digits_are_recognised(server, page, expect):
    """Softmax regression trained on few rows: the page shows the model's prediction for each digit drawn with the
    mouse, and most predictions are right.
    """
    page.click("#tab-draw")
    right = 0
    for digit, ways in DIGITS.items():
        page.click("#clear")
        expect(page.locator("#drawn-bars .winner")).to_have_count(0)
        draw(page, ways[0], size=0.6, left=0.2, top=0.2, steps=2)
        drawn = np.array(page.evaluate(CANVAS), np.uint8).reshape(112, 112)
        while (seen := server.lab.recognise(drawn)) is None:  # no answer in time on a busy machine
            assert page.locator("#state").text_content() == "Paused"
        expect(page.locator("#drawn-bars .winner .of")).to_have_text(str(seen.predicted))
        right += seen.predicted == digit
    assert right >= 7, right


def test_a_mistake_is_found_and_undone(server, page, expect):
    page.click("#tab-faults")
    page.click("#break-pixels-unscaled")
    expect(page.locator("#findings")).to_contain_text("pixels-not-scaled")
    page.click("#heal")
    expect(page.locator("#break-rate-too-high")).to_have_attribute("aria-pressed", "false")


def test_the_race_is_one_curve(server, page, expect):
    page.click("#tab-training")
    if server.lab.view.state == "running":
        page.click("#toggle")
    fill(page, "#set-epochs", "1")
    page.click("#tab-race")
    page.click("#race-start")
    expect(page.locator("#race-says")).to_contain_text("times as long as")
    race = server.lab.view.race
    assert [lane.state for lane in race.lanes] == ["done"] * 4
    costs = np.array([lane.costs for lane in race.lanes])
    assert np.ptp(costs, axis=0).max() <= race.tolerance * costs.max()
    expect(page.locator("#race-reason tr").first).to_be_visible(timeout=3 * PATIENT)  # eager steps are timed first


def test_rates_are_tried_and_the_path_is_placed(server, page, expect):
    page.click("#tab-rates")
    for name, value in (("first", "0.01"), ("last", "1"), ("lanes", "3"), ("epochs", "2")):
        fill(page, f"#span-{name}", value)
    page.click("#sweep")
    expect(page.locator("#sweep-best")).to_contain_text("Best: ")
    expect(page.locator("#sweep-templates img")).to_have_count(3)
    expect(page.locator("#sweep-diverged")).to_have_text("No rate diverged.")
    rates = server.lab.view.rates
    assert min(lane.score for lane in rates.lanes) == rates.lanes[rates.best].score
    page.click("#sweep-take")
    expect(page.locator("#rate-typed")).to_have_value(f"{rates.lanes[rates.best].rate:.4g}")
    page.click("#landscape-begin")
    expect(page.locator("#landscape-says")).to_contain_text("Variance of the path")
    assert server.lab.view.plane.run == server.lab.view.run


def test_the_files_can_be_had(page, expect):
    page.click("#tab-code")
    expect(page.locator("#command")).to_contain_text("descenso train")
    with page.expect_download(timeout=SLOW) as got:
        page.click("#downloads a >> nth=0")
    assert got.value.path().read_bytes()[:2] == b"PK"
