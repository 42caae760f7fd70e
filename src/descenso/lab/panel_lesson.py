"""The lesson: nine stops from the data to the engines, each with a formula, a number of the page, something to try."""

import math
from collections.abc import Callable, Iterator
from typing import NamedTuple

import numpy as np

from descenso.lab.protocol import View
from descenso.lab.shapes import shown
from descenso.lab.showing import Entry, Showing
from descenso.text import _, mark, prose


class Stop(NamedTuple):
    """One stop. All texts are marked for the catalogue, and formulas that have words.

    Attributes:
        title: a few words.
        text: what there is to understand.
        formula: one line.
        number: the sentence with the live number, and what computes its values.
        task: what to try on the page.
        answer: what is seen then, and why.
    """

    title: str
    text: str
    formula: str
    number: tuple[str, Callable[[View], dict[str, float]]]
    task: str
    answer: str


def _rows(view: View) -> dict[str, float]:
    return {"train": view.train_rows, "test": view.test_rows, "inputs": math.prod(view.input_shape or (0,))}


def _classes(view: View) -> dict[str, float]:
    classes = max(len(view.class_names), 1)
    return {"classes": classes, "share": 1 / classes}


def _bytes(view: View) -> dict[str, float]:
    inputs = math.prod(view.input_shape or (0,))
    return {"small": view.train_rows * inputs / 2**20, "large": view.train_rows * inputs * 4 / 2**20}


def _parameters(view: View) -> dict[str, float]:
    inputs, classes = math.prod(view.input_shape or (0,)), len(view.class_names)
    return {"inputs": inputs, "classes": classes, "parameters": inputs * classes + classes}


def _cost(view: View) -> dict[str, float]:
    classes = max(len(view.class_names), 1)
    return {"cost": view.cost, "classes": classes, "guess": math.log(classes), "share": math.exp(-view.cost)}


def _norm(view: View, which: str) -> float:
    newest = [getattr(each, which)[-1] for each in view.norms if len(each.steps)]
    return float(np.linalg.norm(newest)) if newest else math.nan


def _gradient(view: View) -> dict[str, float]:
    return {"gradient": _norm(view, "gradients")}


def _update(view: View) -> dict[str, float]:
    return {"rate": view.rate, "update": _norm(view, "updates"), "weights": _norm(view, "weights")}


def _epochs(view: View) -> dict[str, float]:
    steps = view.epoch * view.steps_per_epoch + view.step
    return {"epochs": view.epoch, "steps": steps, "accuracy": view.accuracy}


def _speed(view: View) -> dict[str, float]:
    steps = view.epoch * view.steps_per_epoch + view.step
    return {"micro": 1e6 * view.seconds / steps if steps else math.nan}


STOPS = (
    Stop(
        mark("The data"),
        mark("Each image is a row of numbers, one for each pixel: 0 is black, 255 is white. Learning means finding "
             "weights with which these numbers tell the digit. Some rows are kept apart for testing: a model is "
             "judged by rows that it has never seen."),
        mark("x ∈ [0, 1]⁷⁸⁴,  x = pixel / 255"),
        (mark("Rows to learn from: {train:,}; to test on: {test:,}; numbers in each: {inputs}."), _rows),
        mark("Press Start, let two epochs pass, and look at the worst mistakes. Which of them would you get wrong, "
             "too?"),
        mark("Some digits are written so that people disagree. No model of this kind gets all of them right."),
    ),
    Stop(
        mark("One-hot labels"),
        mark("A 3 is not more than a 2: classes have no order. So a label becomes a vector, with a 1 in the place of"
             " its class and a 0 in all others. If you forget this, TensorFlow multiplies shapes that do not fit and"
             " stops, or shapes that fit by chance, and computes another cost without a word."),
        "3  →  y = (0, 0, 0, 1, 0, 0, 0, 0, 0, 0)",
        (mark("Classes: {classes}; a guess is right in {share:.0%} of the cases."), _classes),
        mark("In Break it, choose Labels from 1: each label moves one place to the right. What does the cost do?"),
        mark("It falls as always: the model learns the wrong names, and learns them well. Only the test rows, whose "
             "labels are right, show the mistake: their accuracy is close to 0. The doctor finds it at once."),
    ),
    Stop(
        mark("Types of numbers"),
        mark("Pixels are stored as uint8, one byte each, and weights are float32. TensorFlow refuses to multiply the"
             " two: convert first. If you convert and forget to divide by 255, there is no error at all, and every "
             "number is 255 times too large."),
        "X: uint8,  W: float32,  X W → InvalidArgumentError",
        (mark("The training rows take {small:.0f} MiB as uint8, and {large:.0f} MiB as float32."), _bytes),
        mark("In Break it, choose Pixels not scaled, and watch the plot of the norms."),
        mark("The gradient is a sum of pixels times errors, so it grows by about 255 as well. With the same learning"
             " rate, each step is far too long."),
    ),
    Stop(
        mark("The model"),
        mark("Softmax regression gives each class one weight for each pixel. It multiplies, adds, and gets one "
             "number for each class, the logit. The softmax makes probabilities of them: all positive, with the sum "
             "1."),
        "z = Wᵀ x + b,   p = e^z / Σ e^z",
        (mark("Weights: {inputs} × {classes}; biases: {classes}; numbers to find: {parameters:,}."), _parameters),
        mark("Open One step and look at the maps: orange pixels count for a class, blue ones against it. Look for a "
             "row with a 0. Why is ink in its middle blue?"),
        mark("A 0 is empty in its middle: ink there counts against a 0, so these weights are negative."),
    ),
    Stop(
        mark("The cost"),
        mark("The cost measures how wrong the probabilities are: minus the logarithm of the probability of the true "
             "class, averaged over the rows. Sure and right costs nearly 0; sure and wrong costs a lot."),
        mark("C = − mean( log p[true class] )"),
        (mark("Cost now: {cost:.4f}, which is a probability of {share:.2f} for the true class. A guess costs "
              "{guess:.4f}."),
         _cost),
        mark("Press Reset and then One step. What is the cost of the first batch, and why?"),
        mark("Softmax regression starts from weights of 0: all classes have the same probability, 1/{classes}, and the "
             "cost is ln {classes} = {guess:.4f}."),
    ),
    Stop(
        mark("The gradient"),
        mark("For each weight, the gradient says how fast the cost grows when the weight grows. With softmax and "
             "cross-entropy it has a form that can be read: input times error."),
        mark("∂C/∂W = mean( x (p − y)ᵀ )"),
        (mark("Norm of the gradient of the newest step: {gradient:.4g}."), _gradient),
        mark("Let it train and watch the norm. Does it go to 0?"),
        mark("It becomes smaller and keeps jumping: each batch has its own gradient, and no weights suit all batches"
             " at once. This is the noise of stochastic gradient descent."),
    ),
    Stop(
        mark("The update"),
        mark("A step goes against the gradient, and the learning rate says how far. With too small a rate, learning "
             "takes very long; with too large a rate, each step jumps over the minimum and lands higher on the other"
             " side."),
        "W ← W − η ∂C/∂W",
        (mark("Learning rate {rate:.4g}: the update has the norm {update:.4g}, the weights {weights:.4g}."), _update),
        mark("While it trains, move the learning rate to the right, slowly. From where on does the cost jump? Then "
             "press Undo."),
        mark("You have found the edge of stability: above 2 divided by the largest curvature, each step makes the "
             "error larger. Undo went back to the last checkpoint."),
    ),
    Stop(
        mark("Epochs"),
        mark("An epoch is over when every row has been used once. The next epoch takes the rows in another order, "
             "which depends on the seed alone: equal seeds give equal numbers, to the last bit."),
        mark("steps = epochs × ⌈rows / batch size⌉"),
        (mark("Epochs so far: {epochs}; steps: {steps:,}; test accuracy: {accuracy:.4f}."), _epochs),
        mark("Start the same settings twice and compare the curves. Then take another seed."),
        mark("The first two curves coincide in every digit. Another seed takes another path, and ends at nearly the "
             "same cost."),
    ),
    Stop(
        mark("Why eager is slower"),
        mark("In eager mode, Python calls TensorFlow for every operation of every step. A step of this model is "
             "little arithmetic, so most of the time goes into the calls. The compiled engine runs many steps in one"
             " call."),
        mark("time = steps × (calls + arithmetic)"),
        (mark("A step takes {micro:.0f} microseconds with this engine."), _speed),
        mark("Open Race and let the four engines train. First guess: how many times faster is the fastest?"),
        mark("The costs agree, because all engines take the same batches: one curve, different seconds. The table "
             "shows where eager execution spends its time."),
    ),
)  # fmt: skip


def entries(page: Showing, view: View) -> Iterator[Entry]:
    """Yield what the present stop shows."""
    stop = STOPS[page.stop]
    sentence, values = stop.number
    number = _written(values(view))
    yield "stop-title", "textContent", f"{page.stop + 1}. {_(stop.title)}"
    yield "stop-text", "textContent", _(stop.text)
    yield "stop-formula", "textContent", _(stop.formula)
    yield "stop-number", "textContent", prose(_(sentence), **number)
    yield "stop-task", "textContent", _(stop.task)
    yield "stop-answer", "textContent", prose(_(stop.answer), **number)
    yield "stop-where", "textContent", _("Stop {number} of {all}").format(number=page.stop + 1, all=len(STOPS))
    yield "stop-back", "disabled", page.stop == 0
    yield "stop-next", "disabled", page.stop == len(STOPS) - 1


def _written(values: dict[str, float]) -> dict[str, object]:
    """Put a dash in the place of a number that is not known yet."""
    return {name: value if math.isfinite(value) else Unknown() for name, value in values.items()}


class Unknown:
    """A number that is not known yet: a dash in any format."""

    def __format__(self, spec: str) -> str:
        return shown(math.nan)
