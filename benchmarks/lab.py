"""Measure the lab: frames, how much a page slows training, strokes, and how soon planted faults are found.

    python benchmarks/lab.py            needs the extra dev, and Chromium in /usr/bin

One server, one training process and one headless Chromium, on MNIST. The speed of training is measured in turns of
some seconds each: without a page, with one, and after it was closed; the medians of the rounds are compared.
"""

import argparse
import asyncio
import tempfile
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from statistics import median
from time import monotonic, sleep
from typing import Any

from playwright.sync_api import BrowserContext, sync_playwright

from _report import row
from descenso.lab.desk import Desk, datasets_of
from descenso.lab.faults import FAULTS
from descenso.lab.lab import Lab
from descenso.lab.protocol import Settings, Source, View
from descenso.lab.server import Serving, serve

__all__ = ["main"]

PATIENCE = 120.0  # seconds
TURN = 6.0  # seconds of training that are measured
FRAMES = """(seconds) => new Promise((done) => {
    let count = 0;
    const wire = Bokeh.documents[0].roots()[0].tags[0];
    wire.properties.shown.change.connect(() => { count++; });
    setTimeout(() => done(count / seconds), 1000 * seconds);
})"""
STROKE = """() => new Promise((done) => {
    const bars = document.getElementById("drawn-bars"), canvas = document.getElementById("canvas");
    const box = canvas.getBoundingClientRect();
    let begun, answers = 0;  // to the dot where the pen is set down, and to the whole stroke
    new MutationObserver((_, watching) => {
        if (++answers < 2) return;
        watching.disconnect();
        done(performance.now() - begun);
    }).observe(bars, {childList: true});
    canvas.setPointerCapture = () => {};
    const at = (type, share) => canvas.dispatchEvent(new PointerEvent(type, {bubbles: true, pointerId: 1,
        clientX: box.left + box.width / 2, clientY: box.top + box.height * share}));
    at("pointerdown", 0.2);
    begun = performance.now();
    at("pointermove", 0.8);
    at("pointerup", 0.8);
})"""


def until(lab: Lab, holds: Callable[[View], bool]) -> View:
    """Wait for a view of which `holds` is true."""
    end, view = monotonic() + PATIENCE, lab.view
    while not holds(view):
        if monotonic() > end:
            raise TimeoutError(f"{view.state}: {view.message}")
        view = lab.wait(view.number, 0.5)
    return view


@contextmanager
def served(lab: Lab) -> Iterator[str]:
    """Serve the lab in a thread; yield the address."""
    told: list[Any] = []
    begun = threading.Event()

    async def run() -> None:
        stopped = asyncio.Event()
        told[:] = [asyncio.get_running_loop(), stopped]
        desk = Desk(lab, datasets_of("mnist", "mnist"))
        await serve(desk, Serving(port=0), lambda address: (told.append(address), begun.set()), stopped)

    thread = threading.Thread(target=asyncio.run, args=(run(),), daemon=True)
    thread.start()
    begun.wait()
    try:
        yield told[2]
    finally:
        told[0].call_soon_threadsafe(told[1].set)
        thread.join()


def opened(context: BrowserContext, address: str) -> tuple[Any, float]:
    """Open a page; return it, and the seconds until it shows its first picture."""
    page, begun = context.new_page(), monotonic()
    page.goto(address)
    page.wait_for_selector(".cost canvas")
    return page, monotonic() - begun


def steps_a_second(lab: Lab) -> float:
    """Return the steps that training takes a second."""
    sleep(1.5)  # chunks become short or long again
    counts = []
    for _end in range(2):
        view = until(lab, lambda view, number=lab.view.number: view.number > number)  # type: ignore[misc] # a default
        counts.append((view.epoch * view.steps_per_epoch + view.step, monotonic()))
        sleep(TURN if not counts[1:] else 0)
    (first, begun), (last, ended) = counts
    return (last - first) / (ended - begun)


def training(lab: Lab, context: BrowserContext, address: str, rounds: int) -> list[str]:
    """Measure training without a page, with one, and after it was closed, in turn."""
    speeds: dict[str, list[float]] = {"without a page": [], "with a page": [], "after it was closed": []}
    for _round in range(rounds):
        speeds["without a page"].append(steps_a_second(lab))
        page, _seconds = opened(context, address)
        page.click("#tab-training")
        speeds["with a page"].append(steps_a_second(lab))
        page.close()
        speeds["after it was closed"].append(steps_a_second(lab))
    bare = speeds["without a page"]
    shares = {name: median(a / b for a, b in zip(each, bare, strict=True)) for name, each in speeds.items()}
    return [row([f"steps a second, {name}", f"{median(each):.0f}", f"× {shares[name]:.3f}"])
            for name, each in speeds.items()]  # fmt: skip


def found(lab: Lab) -> list[str]:
    """Plant each fault; return a row with the seconds until the page can show its finding."""
    rows = []
    for fault, planted in FAULTS.items():
        begun = monotonic()
        lab.break_it(fault)
        until(lab, lambda view, name=fault, rule=planted.rule:  # type: ignore[misc] # defaults
              view.settings.fault == name and rule in [each.rule for each in view.findings])  # fmt: skip
        rows.append(row([f"finding of {fault}, s", f"{monotonic() - begun:.2f}", "5"]))
        lab.heal()
        until(lab, lambda view: view.state == "running" and not view.settings.fault and not view.progress)
    return rows


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--model", default="softmax")
    asked = parser.parse_args()
    with (
        tempfile.TemporaryDirectory() as folder,
        Lab(Source(), Path(folder) / "runs") as lab,
        served(lab) as address,
        sync_playwright() as play,
    ):
        until(lab, lambda view: view.state == "ready")
        browser = play.chromium.launch(executable_path="/usr/bin/chromium", args=["--no-sandbox", "--headless"])
        context = browser.new_context(viewport={"width": 1280, "height": 720})
        page, first = opened(context, address)
        print("| | measured | limit |\n|---|---:|---:|")
        print(row(["first picture after opening, s", f"{first:.2f}", 3]))
        lab.start(Settings.of(model=asked.model, learning_rate=0.1 if asked.model == "softmax" else 0.001,
                              epochs=1_000_000))  # fmt: skip
        page.wait_for_selector("#mistakes img")
        print(row(["frames a second, four plots and ten pictures", f"{page.evaluate(FRAMES, 10):.1f}", 10]))
        page.click("#tab-draw")
        strokes = []
        for _stroke in range(20):
            page.click("#clear")
            page.wait_for_function("() => !document.querySelector('#drawn-bars .winner')")
            sleep(0.3)
            strokes.append(page.evaluate(STROKE))
        print(row(["stroke to bars, ms, median of 20", f"{median(strokes):.0f}", 150]))
        page.close()
        print("\n".join(training(lab, context, address, asked.rounds)), flush=True)
        opened(context, address)  # faults are looked for sooner with a page open
        print("\n".join(found(lab)))
        browser.close()


if __name__ == "__main__":
    main()
