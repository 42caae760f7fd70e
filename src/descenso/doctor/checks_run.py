"""Checks of a training run: its costs, and what it learned."""

import math
import shlex
from itertools import pairwise

import numpy as np

from descenso.config import TrainConfig
from descenso.data.memory import was_in_memory
from descenso.doctor.evidence import FIND_SECONDS, Course, Observation, Rows, Step, at_chance
from descenso.text import _, option, prose

LEAST_STEPS = 100  # before these, progress is not checked
LEAST_EARLY = 20  # steps
LEARNED = 0.1  # of ln C; a run with a lower cost has learned, whatever its first costs
STUCK = 0.9  # of the first cost; a run with a higher cost has learned next to nothing
GROWN = 1.1  # of the first cost
ROSE, ROSE_BY = 1.1, 0.01  # a rise: more than 1.1 times the previous cost, and by more than 0.01 ln C
RISES = 0.25  # fraction of the epochs
FASTER = 3.0  # smallest factor between the rate and the suggested rate that is reported
OVER = 1.1  # times the best validation cost
WORSE, SIGMAS = 0.2, 5.0  # accuracy on training rows above that on test rows, and in standard errors
AWFUL, GOOD = 1.5, 0.5  # of ln C: costs of test rows and of training rows
LEAST_JUDGED = 30  # rows
NO_BETTER = 0.98  # of the entropy of the classes
LUCK = 0.15  # of the accuracy that is left; rows of a class resemble each other, and are right or wrong together
MANY = 1_000  # images, of which simple models learn something even if these are photographs
GROUPED = 0.5  # distance of images to the nearest one, as a share of that to all


def suspicious(course: Course) -> bool:
    """Whether the costs suggest a wrong learning rate, so that a better one is to be searched for."""
    return bool(_instability(course)) or _stuck(course)


def rate_too_high(course: Course) -> Observation | None:
    """Check for costs that rise or oscillate, or do not fall although a smaller rate would lower them."""
    rate, suggested = course.config.learning_rate, course.suggested_rate
    saw = _instability(course)
    if not saw and _stuck(course) and suggested is not None and suggested * FASTER < rate:
        saw = _no_progress(course)
    if suggested is not None and suggested >= rate:  # the short runs did not last until it diverged
        suggested = None
        saw = saw if course.outcome == "diverged" else ""
    return _observation(course, saw, suggested) if saw else None


def rate_too_low(course: Course) -> Observation | None:
    """Check for costs that do not fall although a larger rate would lower them."""
    suggested = course.suggested_rate
    if not _stuck(course) or suggested is None or suggested < FASTER * course.config.learning_rate:
        return None
    return _observation(course, _no_progress(course), suggested)


def _observation(course: Course, saw: str, suggested: float | None) -> Observation:
    """Say what was seen, and the rate that short runs suggest; without one, a tenth, and how to find one."""
    config = course.config
    saw = prose(_("{saw}, at a learning rate of {rate:g}"), saw=saw, rate=config.learning_rate)
    if suggested is not None:
        found = _("; short runs at constant rates, of about {seconds} s in all at most, suggest {rate:.2g}")
        return saw + prose(found, seconds=FIND_SECONDS, rate=suggested), option("learning_rate", f"{suggested:.2g}")
    mend = _("{setting}; or find one: {command}")
    return saw, mend.format(
        setting=option("learning_rate", f"{config.learning_rate / 10:.1g}"), command=_search(config)
    )


def _search(config: TrainConfig) -> str:
    """Return the command or the call that finds the learning rate."""
    named = {"model": config.model, "rule": config.rule, "batch_size": config.batch_size}
    if was_in_memory(config.data):
        return f"ds.find_rate((X, y), {', '.join(f'{name}={value!r}' for name, value in named.items())})"
    flags = (f"--{name.replace('_', '-')} {shlex.quote(str(value))}" for name, value in named.items())
    return f"descenso find-rate {shlex.quote(config.data)} {' '.join(flags)}"


def _no_progress(course: Course) -> str:
    saw = _("after {steps} steps the cost is {cost:.4g}, at the start it was {begin:.4g}")
    return prose(saw, steps=course.steps, cost=course.costs[-1], begin=_first_cost(course))


def _first_cost(course: Course) -> float:
    """Return the cost of the first step, at least ln C."""
    return max([course.uniform_cost, *course.early[:1]])


def _stuck(course: Course) -> bool:
    return course.steps >= LEAST_STEPS and bool(course.costs) and course.costs[-1] > STUCK * _first_cost(course)


def _instability(course: Course) -> str:
    """Describe costs that rise, oscillate or diverge; "" if they do not."""
    costs, uniform_cost = course.costs, course.uniform_cost
    if course.outcome == "diverged":
        return _("the cost stopped being finite") if course.config.loss != "naive" else ""
    if course.steps < LEAST_STEPS or not costs:
        return ""
    early = sum(course.early[1:]) / max(1, len(course.early) - 1)
    if len(course.early) >= LEAST_EARLY and early > ROSE * course.early[0] and costs[-1] > LEARNED * uniform_cost:
        saw = _("the first cost is {first:.4g}, that of the next {steps} steps {early:.4g} on average")
        return prose(saw, first=course.early[0], steps=len(course.early) - 1, early=early)
    if costs[-1] > GROWN * _first_cost(course):
        saw = _("the cost is {cost:.4g}, above the {begin:.4g} at the start")
        return prose(saw, cost=costs[-1], begin=_first_cost(course))
    pairs = list(pairwise(costs))
    rises = sum(after > ROSE * before and after > before + ROSE_BY * uniform_cost for before, after in pairs)
    if rises < 2 or rises < RISES * len(pairs):
        return ""
    return _("the cost rose in {rises} of {epochs} epochs").format(rises=rises, epochs=len(pairs))


def over_fitting(course: Course) -> Observation | None:
    """Check for a validation cost that rose since its best epoch while the training cost fell."""
    costs = course.validation_costs
    if len(costs) < 3 or not all(map(math.isfinite, costs)):
        return None
    best = min(range(len(costs)), key=costs.__getitem__)
    fell = course.costs[len(costs) - 1] < course.costs[best]
    if not fell or costs[-1] < OVER * costs[best] + ROSE_BY * course.uniform_cost:
        return None
    saw = _("since epoch {best} the validation cost rose from {low:.4g} to {high:.4g}, while the training cost fell")
    patience = max(1, min(5, len(costs) - 1 - best))
    return prose(saw, best=best, low=costs[best], high=costs[-1]), f"--patience {patience}, --dropout 0.3"


def test_far_worse(last: Step | None, test: Step | None) -> Observation | None:
    """Check for test rows on which the model is far worse than on training rows."""
    if not last or not test or last.right is None or test.right is None or test.outputs is None:
        return None
    accuracies, rows = (float(last.right.mean()), float(test.right.mean())), (len(last.right), len(test.right))
    if rows[1] < LEAST_JUDGED or last.cost is None or test.cost is None:
        return None
    both = (last.right.sum() + test.right.sum()) / sum(rows)
    error = math.sqrt(both * (1 - both) * (1 / rows[0] + 1 / rows[1]))
    uniform_cost = math.log(test.outputs.shape[1])
    fewer = accuracies[0] - accuracies[1] > max(WORSE, SIGMAS * error)
    if not fewer and not (last.cost < GOOD * uniform_cost and not test.cost < AWFUL * uniform_cost):
        return None
    saw = _("accuracy {first:.3f} and cost {low:.3g} on training rows, {second:.3f} and {high:.3g} on test rows")
    saw = prose(saw, first=accuracies[0], low=last.cost, second=accuracies[1], high=test.cost)
    return saw, _("see that test rows are made and scaled as training rows are; --validation-size 0.1 --patience 3")


def no_better_than_chance(
    rows: Rows | None, last: Step | None, test: Step | None, course: Course | None
) -> Observation | None:
    """Check for a model, or for images from which simple models learn nothing, that predict no better than chance."""
    if not rows or rows.classes is None:
        return None
    judged = test if test and test.right is not None and len(test.right) >= LEAST_JUDGED else last
    if not course:
        return _not_learnable(rows)
    learnable, chance, _nearness = rows.learnable
    if not judged or judged.right is None or judged.labels is None or judged.cost is None or course.steps < LEAST_STEPS:
        return None
    shares = np.unique(judged.labels, return_counts=True)[1] / len(judged.labels)
    accuracy, entropy = float(judged.right.mean()), float(-(shares * np.log(shares)).sum())
    luck = at_chance(shares, len(judged.right))
    if learnable <= chance:
        luck = max(luck, float(shares.max()) + LUCK * (1 - float(shares.max())))
    if len(judged.right) < LEAST_JUDGED or accuracy > luck:
        return None
    if judged.cost < NO_BETTER * entropy or len(shares) < 2:
        return None
    saw = _("accuracy {accuracy:.3f}, and {largest:.3f} for guessing the largest class (rows: {rows})")
    saw = prose(saw, accuracy=accuracy, rows=len(judged.right), largest=float(shares.max()))
    if learnable > chance:
        saw += prose(_("; a simple model is right in {found:.0%}"), found=learnable)
    if learnable <= chance:
        return saw, _paired()
    return saw, _("take the defaults first: --model softmax without further settings")


def _not_learnable(rows: Rows) -> Observation | None:
    """Check for images that simple models cannot tell apart, though they are many, or resemble each other in groups."""
    if not rows.whole or rows.inputs.ndim < 3:
        return None
    learnable, chance, nearness = rows.learnable
    if not learnable <= chance or (len(rows.inputs) < MANY and nearness > GROUPED):
        return None
    saw = _("on rows held back, simple models have an accuracy of {found:.0%}, which chance explains")
    return prose(saw, found=learnable), _paired()


def _paired() -> str:
    return _("take rows and labels from their source again, in one order for both: inputs[order], labels[order]")
