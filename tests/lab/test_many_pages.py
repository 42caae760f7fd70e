"""Twenty pages open and close at random while a run trains: the run is not affected, and no process is left."""

import time

import numpy as np
import pytest

import descenso as ds
from browser import SLOW, Watched, browser
from conftest import served
from descenso.lab.lab import Lab
from descenso.lab.page import Page
from descenso.lab.protocol import Settings, Source
from descenso.lab.wording import CHECKPOINT_EVERY

pytestmark = [pytest.mark.slow, pytest.mark.browser]
PAGES, SECONDS = 20, 240
EPOCHS = 400  # of ten steps each: some seconds, while pages open and close


def at_once(function, given, answered):
    answered(function(given))


def test_pages_opened_and_closed_at_random_change_nothing(tiny_folder, tmp_path):
    """Eighteen pages request everything without a browser, two are in one; the run equals that of `ds.train`."""
    usual = {"model": "softmax", "batch_size": 20, "learning_rate": 0.1, "epochs": EPOCHS}
    plain = ds.train(
        str(tiny_folder), out=tmp_path / "plain", validation_size=0.1, checkpoint_every=CHECKPOINT_EVERY, **usual
    )
    chance, lab = np.random.default_rng(0), Lab(Source(str(tiny_folder)), tmp_path / "runs")
    with browser(tmp_path / "profile") as context, served(lab, data=str(tiny_folder)) as server:
        end = time.monotonic() + SECONDS
        while lab.view.state == "starting":
            assert time.monotonic() < end
            lab.wait(lab.view.number, 1.0)
        lab.start(Settings.of(data=str(tiny_folder), **usual))
        opened, real, left = [], [], PAGES
        while lab.view.state != "ended" or left or opened:
            assert time.monotonic() < end, lab.view.state
            if left and (not opened or chance.random() < 0.6):
                left -= 1
                if left % 10 == 5:
                    real.append(Watched(context))
                    real[-1].open(server.address)
                    opened.append(real[-1].page)
                else:
                    opened.append(Page(server.desk, ["en", "es"][left % 2], at_once))
                    opened[-1].receive('[0, "hello", ""]')
                    opened[-1].receive('[1, "tab", "tab-step"]')
            elif opened:
                opened.pop(int(chance.integers(len(opened)))).close()
            for page in opened:
                if isinstance(page, Page):
                    page.refresh(lab.view)
                    page.changes(lab.view)
            time.sleep(0.02)
        run = ds.open_run(lab.view.run)
        gone = time.monotonic() + SLOW / 1000
        while server.desk.pages:
            assert time.monotonic() < gone, "a page that was closed is still counted"
            time.sleep(0.1)
    assert (run.outcome, run.history.changes) == ("completed", ())
    assert run.history.costs == plain.history.costs
    assert run.status["fingerprint"] == plain.status["fingerprint"]
    assert [each.errors for each in real] == [[], []]
    assert lab._process.poll() is not None, "the training process is left"
