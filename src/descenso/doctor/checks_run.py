"""Checks of a training run: learning rate and over-fitting, from its costs."""

import math
from itertools import pairwise

from descenso.doctor.evidence import Course, Evidence, Observation
from descenso.text import _

LEAST_STEPS = 100  # before these, progress is not checked
LEAST_EARLY = 20  # steps
LEARNED = 0.1  # of ln C; a run with a lower cost has learned, whatever its first costs
STUCK = 0.9  # of the first cost; a run with a higher cost has learned next to nothing
GROWN = 1.1  # of the first cost
ROSE, ROSE_BY = 1.1, 0.01  # a rise: more than 1.1 times the previous cost, and by more than 0.01 ln C
RISES = 0.25  # fraction of the epochs
FASTER = 3.0  # smallest factor between the rate and the suggested rate that is reported
OVER = 1.1  # times the best validation cost


def suspicious(course: Course) -> bool:
    """Whether the costs suggest a wrong learning rate, so that a range test is needed."""
    return bool(_instability(course)) or _stuck(course)


def rate_too_high(evidence: Evidence) -> Observation | None:
    """Check for costs that rise or oscillate, or do not fall although a smaller rate would lower them."""
    course = evidence.course
    if not course:
        return None
    rate, suggested = course.config.learning_rate, course.suggested_rate
    saw = _instability(course)
    if not saw and _stuck(course) and suggested is not None and suggested * FASTER < rate:
        saw = _no_progress(course)
    if not saw or (suggested is not None and suggested >= rate):
        return None
    return _observation(course, saw, suggested or rate / 10)


def rate_too_low(evidence: Evidence) -> Observation | None:
    """Check for costs that do not fall although a larger rate would lower them."""
    course = evidence.course
    if not course or not _stuck(course) or course.suggested_rate is None:
        return None
    if course.suggested_rate < FASTER * course.config.learning_rate:
        return None
    return _observation(course, _no_progress(course), course.suggested_rate)


def _observation(course: Course, saw: str, rate: float) -> Observation:
    saw = _("{saw}, at a learning rate of {rate:g}").format(saw=saw, rate=course.config.learning_rate)
    if course.suggested_rate:
        saw += _("; a range test from the initial weights suggests {rate:.1g}").format(rate=rate)
    return Observation(saw, f"--learning-rate {rate:.1g}")


def _no_progress(course: Course) -> str:
    saw = _("after {steps} steps the cost is {cost:.4g}, at the start it was {begin:.4g}")
    return saw.format(steps=course.steps, cost=course.costs[-1], begin=_first_cost(course))


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
        return saw.format(first=course.early[0], steps=len(course.early) - 1, early=early)
    if costs[-1] > GROWN * _first_cost(course):
        saw = _("the cost is {cost:.4g}, above the {begin:.4g} at the start")
        return saw.format(cost=costs[-1], begin=_first_cost(course))
    pairs = list(pairwise(costs))
    rises = sum(after > ROSE * before and after > before + ROSE_BY * uniform_cost for before, after in pairs)
    if rises < 2 or rises < RISES * len(pairs):
        return ""
    return _("the cost rose in {rises} of {epochs} epochs").format(rises=rises, epochs=len(pairs))


def over_fitting(evidence: Evidence) -> Observation | None:
    """Check for a validation cost that rose since its best epoch while the training cost fell."""
    course = evidence.course
    costs = course.validation_costs if course else []
    if not course or len(costs) < 3 or not all(map(math.isfinite, costs)):
        return None
    best = min(range(len(costs)), key=costs.__getitem__)
    fell = course.costs[len(costs) - 1] < course.costs[best]
    if not fell or costs[-1] < OVER * costs[best] + ROSE_BY * course.uniform_cost:
        return None
    saw = _("since epoch {best} the validation cost rose from {low:.4g} to {high:.4g}, while the training cost fell")
    patience = max(1, min(5, len(costs) - 1 - best))
    return Observation(saw.format(best=best, low=costs[best], high=costs[-1]), f"--patience {patience}, --dropout 0.3")
