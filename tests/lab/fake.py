"""A stand-in for the lab's training process: softmax regression on 2,000 digits in NumPy, in a thread.

It has the methods of `Lab` and records their calls, so that tests of the page need no TensorFlow.
"""

import threading
import time
from functools import cache
from pathlib import Path

import numpy as np

from descenso.data.catalog import load
from descenso.data.digits import as_mnist
from descenso.doctor.evidence import Finding
from descenso.errors import ConfigError
from descenso.lab.answers import Activations, Opened, Recognised, Stage
from descenso.lab.protocol import Change, Curve, Lane, Mistake, Norms, Pictures, Race, Settings, View
from descenso.text import _
from fake_rates import surveyed, swept

ROWS, TEST = 2000, 500
PUBLISH = 0.3  # seconds between two views, since drawing views takes most of a page's time


@cache
def _mnist():
    return load("mnist")


def softmax(logits):
    logits = np.exp(logits - logits.max(axis=-1, keepdims=True))
    return logits / logits.sum(axis=-1, keepdims=True)


class FakeLab:
    """Stand-in for `Lab`: a step takes `pace` seconds, a run `epochs` epochs; `ready` is False while it starts."""

    def __init__(self, path=Path("runs/fake"), pace=0.002, ready=True, epochs=12):
        data = _mnist()
        self.path, self.pace = Path(path), pace
        self.x = data.train.inputs[:ROWS].reshape(ROWS, -1) / 255.0
        self.y = np.asarray(data.train.labels[:ROWS])
        self.images, self.test_images = data.train.inputs[:ROWS], data.test.inputs[:TEST]
        self.test_x, self.test_y = self.test_images.reshape(TEST, -1) / 255.0, np.asarray(data.test.labels[:TEST])
        self.names = tuple(map(str, range(10)))
        self.called = []
        self.listeners = set()
        self.lock = threading.RLock()
        self.running, self.left, self.closed = False, None, False
        self.runs = 0
        self.done_curves = ()
        self.rates = self.plane = None
        self.fresh(Settings.of(data="mnist", learning_rate=0.5, epochs=epochs))
        self._view = View(
            1, "ready" if ready else "starting", settings=self.settings, class_names=self.names,
            input_shape=(28, 28), train_rows=ROWS, test_rows=TEST, progress="" if ready else "TensorFlow",
        )  # fmt: skip
        self.thread = threading.Thread(target=self.work, daemon=True)
        self.thread.start()

    def fresh(self, settings):
        self.settings, self.rate = settings, settings.learning_rate
        self.w, self.b = np.zeros((784, 10)), np.zeros(10)
        self.step = self.epoch = self.total = 0
        self.costs, self.epochs, self.accuracies, self.norms = [], [], [], []
        self.seconds, self.changes, self.race_now = 0.0, (), None
        self.confusion, self.mistakes, self.outcome, self.message = None, (), "", ""

    @property
    def view(self):
        return self._view

    def get_ready(self):
        self.show(self._view._replace(number=self._view.number + 1, state="ready", progress=""))

    def show(self, view):
        self._view = view
        for heard in tuple(self.listeners):
            heard()

    def steps(self):
        return -(-ROWS // self.settings.batch_size)

    def order(self):
        return np.random.default_rng(self.settings.seed + self.epoch).permutation(ROWS)

    def batch(self):
        size = self.settings.batch_size
        return self.order()[self.step * size : (self.step + 1) * size]

    def one(self):
        rows = self.batch()
        x, y = self.x[rows], np.eye(10)[self.y[rows]]
        p = softmax(x @ self.w + self.b)
        cost = float(-np.log(np.maximum((p * y).sum(axis=1), 1e-30)).mean())
        gradient, bias = x.T @ (p - y) / len(rows), (p - y).mean(axis=0)
        if self.total % 5 == 0:
            self.norms.append(
                (self.total, *(np.linalg.norm(each) for each in (gradient, self.rate * gradient, self.w)),
                 *(np.linalg.norm(each) for each in (bias, self.rate * bias, self.b))))  # fmt: skip
        self.w -= self.rate * gradient
        self.b -= self.rate * bias
        self.costs.append(cost)
        self.step, self.total, self.seconds = self.step + 1, self.total + 1, self.seconds + 0.0004
        if self.step == self.steps():
            self.end_epoch()

    def end_epoch(self):
        self.epochs.append(float(np.mean(self.costs[-self.steps() :])))
        p = softmax(self.test_x @ self.w + self.b)
        guess = p.argmax(axis=1)
        self.accuracies.append(float((guess == self.test_y).mean()))
        self.confusion = np.zeros((10, 10), np.int64)
        np.add.at(self.confusion, (self.test_y, guess), 1)
        wrong = sorted(np.flatnonzero(guess != self.test_y), key=lambda row: -p[row, guess[row]])[:12]
        self.mistakes = tuple(
            Mistake(int(r), self.test_images[r], str(self.test_y[r]), str(guess[r]), float(p[r, guess[r]]))
            for r in wrong
        )
        self.step, self.epoch = 0, self.epoch + 1

    def publish(self, state):
        norms = np.array(self.norms or np.zeros((0, 7)))
        steps = norms[:, 0].astype(np.int64)
        largest = float(np.abs(self.w).max()) or 1.0
        curve = Curve(f"fake-{self.runs:03}", np.arange(len(self.costs)), np.array(self.costs, np.float32),
                      tuple(self.epochs), (), tuple(self.accuracies), self.steps())  # fmt: skip
        finding = Finding(
            "labels-from-1", "error", "no row of class 0", "The first class is never learned.", "labels - 1"
        )
        pictures = (self.w / largest).T.reshape(10, 28, 28).astype(np.float32)
        view = View(
            self._view.number + 1, state, "", self.message, self.settings, self.path if self.runs else None,
            self.outcome, self.epoch, self.step, self.steps() if self.runs else 0, self.rate, self.seconds,
            bool(self.changes), self.costs[-1] if self.costs else float("nan"),
            self.accuracies[-1] if self.accuracies else float("nan"), (*self.done_curves, curve) if self.runs else (),
            (Norms("W", steps, *norms[:, 1:4].T), Norms("b", steps, *norms[:, 4:].T)),
            Pictures("templates", pictures, self.names, largest), self.confusion, self.mistakes, self.changes,
            (finding,) if self.settings.fault else (), self.race_now, self.names, (28, 28), ROWS, TEST,
            f"descenso train {self.settings.data} --learning-rate {self.settings.learning_rate:g}",
            f"import descenso as ds\nrun = ds.train('mnist', learning_rate={self.settings.learning_rate:g})",
            rates=self.rates, plane=self.plane,
        )  # fmt: skip
        self.show(view)

    def work(self):
        published = 0.0
        while not self.closed:
            with self.lock:
                if self.running:
                    self.one()
                    if self.left is not None:
                        self.left -= 1
                    if self.left == 0:
                        self.running, self.left = False, None
                    if self.epoch >= self.settings.epochs:
                        self.running, self.outcome = False, "completed"
                    state = "running" if self.running else "ended" if self.outcome else "paused"
                    if not self.running or time.monotonic() > published + PUBLISH:
                        published = time.monotonic()
                        self.publish(state)
            time.sleep(self.pace if self.running else 0.01)

    def note(self, *call):
        self.called.append(call)

    def calls(self, name):
        return [call[1:] for call in self.called if call[0] == name]

    def watched(self, watched):
        self.note("watched", watched)

    def speak(self, language):
        self.note("speak", language)

    def start(self, settings):
        with self.lock:
            self.note("start", settings)
            if self.runs:
                self.done_curves = (*self.done_curves, *self._view.curves[-1:])[-7:]
            self.fresh(settings)
            self.runs, self.running, self.left = self.runs + 1, True, None
            self.publish("running")

    def pause(self):
        with self.lock:
            self.note("pause")
            self.running = False
            self.publish("paused")

    def go_on(self):
        with self.lock:
            self.note("go_on")
            self.running, self.left = True, None
            self.publish("running")

    def some(self, name, steps):
        with self.lock:
            self.note(name)
            self.runs = self.runs or 1
            self.running, self.left = True, steps

    def one_step(self):
        self.some("one_step", 1)

    def one_epoch(self):
        self.some("one_epoch", self.steps() - self.step)

    def change_rate(self, rate):
        with self.lock:
            if not 0 < rate < float("inf"):
                raise ConfigError(_("learning_rate must be a number in (0, inf)"))
            self.note("change_rate", rate)
            self.changes = (
                *self.changes,
                Change(self.epoch, self.step, "learning_rate", f"{self.rate:g}", f"{rate:g}"),
            )
            self.rate = rate
            self.publish("running" if self.running else "paused")

    def reset(self):
        with self.lock:
            self.note("reset")
            self.fresh(self.settings)
            self.running = False
            self.publish("paused")

    def undo(self):
        with self.lock:
            self.note("undo")
            self.running, self.step = False, 0
            self.publish("paused")

    def stop(self):
        with self.lock:
            self.note("stop")
            self.running = False
            self.publish("ended")

    def forget(self, name):
        self.note("forget", name)

    def opened(self, row):
        with self.lock:
            rows = self.batch() if self.runs else np.arange(100)
            rows = np.concatenate([[row], rows[rows != row]])[: len(rows)].astype(np.int32)
            x, y = self.x[rows], np.eye(10)[self.y[rows]]
            logits = x @ self.w + self.b
            p = softmax(logits)
            gradient = x.T @ (p - y) / len(rows)
            cost = -np.log(p[0, self.y[row]])
            stages = (
                Stage("inputs", "x = pixel / 255", x.shape, "float32", x[0]),
                Stage("logits", "z = Wᵀ x + b", p.shape, "float32", logits[0]),
                Stage("probabilities", "p = eᶻ / Σ eᶻ", p.shape, "float32", p[0]),
                Stage("cost", "C = − log p[y]", (), "float32", np.array(cost)),
                Stage("gradient of W", "∂C/∂W = x (p − y)ᵀ / n", self.w.shape, "float32", gradient),
                Stage("update of W", "W ← W − η ∂C/∂W", self.w.shape, "float32", -self.rate * gradient),
            )
            contributions = (x[0][:, None] * self.w).T.reshape(10, 28, 28)
            return Opened(self.epoch, self.step, row, 0, rows, self.images[row], int(self.y[row]), stages,
                          contributions, None, self.b.copy(), logits[0], p[0], float(cost), 0.5, self.rate)  # fmt: skip

    def activations(self, row):
        if self.settings.model != "cnn":
            return None
        image = self.test_images[row]
        layers = (("conv2d", np.stack([image, 255.0 - image], axis=-1)), ("dense", np.arange(10.0)))
        return Activations(row, image, int(self.test_y[row]), layers)

    def recognise(self, drawn):
        with self.lock:
            self.note("recognise")
            image = as_mnist(drawn[None], photo=False)[0][0]
            p = softmax(image.reshape(-1) / 255.0 @ self.w + self.b)
            return Recognised(image, p, int(p.argmax()), self.names)

    def race(self, settings):
        with self.lock:
            self.note("race", settings)
            self.start(settings._replace(epochs=4))
            self.running = False
            while self.epoch < 4:
                self.one()
            lanes = tuple(
                Lane(engine, "done", tuple(self.epochs), compile_seconds, seconds, 3e-8 * place)
                for place, (engine, compile_seconds, seconds) in enumerate(
                    [("graph", 0.2, 1.4), ("eager", 0.0, 9.1), ("function", 0.4, 1.6), ("compiled", 0.9, 0.3)])
            )  # fmt: skip
            self.race_now = Race(lanes, 4, True, 1e-6, (("part", "ms a step"), ("calls of operations", "2.1")))
            self.outcome = "completed"
            self.publish("ended")

    def sweep(self, settings, span):
        with self.lock:
            self.note("sweep", settings, span)
            self.rates = swept(span, 1 + (self.rates.number if self.rates else 0))
            self.publish("ended" if self.runs else "ready")

    def landscape(self):
        with self.lock:
            self.note("landscape")
            self.plane = surveyed(self.path, 1 + (self.plane.number if self.plane else 0))
            self.publish(self._view.state)

    def stop_landscape(self):
        self.note("stop_landscape")

    def break_it(self, fault):
        self.note("break_it", fault)
        self.start(self.settings._replace(fault=fault))

    def heal(self):
        self.note("heal")
        self.start(self.settings._replace(fault=""))

    def close(self):
        self.closed = True
