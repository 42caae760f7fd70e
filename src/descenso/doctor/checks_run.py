"""Rules that look at how a descent went: its costs, epoch after epoch."""

import math
from itertools import pairwise

from descenso.doctor.evidence import Course, Evidence, Seen
from descenso.text import _

LEAST_STEPS = 100  # before which nothing is said of progress
LEAST_EARLY = 20  # steps
LEARNED = 0.1  # of ln C; whoever comes below that has learned, however it began
STUCK = 0.9  # of the first cost; one still above that has learned next to nothing
GROWN = 1.1  # of the first cost
ROSE, ROSE_BY = 1.1, 0.01  # a rise: to so many times the epoch's before, and by so much of ln C
RISES = 0.25  # share of the epochs
FASTER = 3.0  # times the rate, which must be worth trying before a rate is called too low
OVER = 1.1  # times the best validation cost


def suspicious(course: Course) -> bool:
    """Whether the costs show what a wrong rate leads to, so that a range test is worth its seconds."""
    return bool(_unrest(course)) or _stuck(course)


def rate_too_high(evidence: Evidence) -> Seen | None:
    """Costs that grow, or rise and fall; or no progress, where a smaller rate would make some."""
    course = evidence.course
    if not course:
        return None
    rate, found = course.config.learning_rate, course.suggested_rate
    unrest = _unrest(course)
    if not unrest and _stuck(course) and found is not None and found * FASTER < rate:
        unrest = _no_progress(course)
    if not unrest or (found is not None and found >= rate):
        return None
    return _seen(course, unrest, found or rate / 10)


def rate_too_low(evidence: Evidence) -> Seen | None:
    """No progress, where a range test shows that a larger rate would make some."""
    course = evidence.course
    if not course or not _stuck(course) or course.suggested_rate is None:
        return None
    if course.suggested_rate < FASTER * course.config.learning_rate:
        return None
    return _seen(course, _no_progress(course), course.suggested_rate)


def _seen(course: Course, saw: str, rate: float) -> Seen:
    measured = _("; from the start, a rate of {rate:.1g} does well").format(rate=rate)
    told = _("{saw}, at a learning rate of {rate:g}").format(saw=saw, rate=course.config.learning_rate)
    return Seen(told + (measured if course.suggested_rate else ""), f"--learning-rate {rate:.1g}")


def _no_progress(course: Course) -> str:
    saw = _("after {steps} steps the cost is {cost:.4g}, and it began with {begin:.4g}")
    return saw.format(steps=course.steps, cost=course.costs[-1], begin=_begin(course))


def _begin(course: Course) -> float:
    """The first cost, or that of knowing nothing where it is not known, or was chance."""
    return max([course.ignorance, *course.early[:1]])


def _stuck(course: Course) -> bool:
    return course.steps >= LEAST_STEPS and bool(course.costs) and course.costs[-1] > STUCK * _begin(course)


def _unrest(course: Course) -> str:
    """What the costs do that they should not, or nothing."""
    costs, ignorance = course.costs, course.ignorance
    if course.outcome == "diverged":
        return _("the cost stopped being finite") if course.config.loss != "naive" else ""
    if course.steps < LEAST_STEPS or not costs:
        return ""
    early = sum(course.early[1:]) / max(1, len(course.early) - 1)
    if len(course.early) >= LEAST_EARLY and early > ROSE * course.early[0] and costs[-1] > LEARNED * ignorance:
        saw = _("the first cost is {first:.4g}, that of the next {steps} steps {early:.4g} on average")
        return saw.format(first=course.early[0], steps=len(course.early) - 1, early=early)
    if costs[-1] > GROWN * _begin(course):
        saw = _("the cost is {cost:.4g}, above the {begin:.4g} that it began with")
        return saw.format(cost=costs[-1], begin=_begin(course))
    pairs = list(pairwise(costs))
    rises = sum(after > ROSE * before and after > before + ROSE_BY * ignorance for before, after in pairs)
    if rises < 2 or rises < RISES * len(pairs):
        return ""
    return _("the cost rose in {rises} of {epochs} epochs").format(rises=rises, epochs=len(pairs))


def over_fitting(evidence: Evidence) -> Seen | None:
    """A validation cost that has been rising since its best epoch, while the training cost fell on."""
    course = evidence.course
    judged = course.validation_costs if course else []
    if not course or len(judged) < 3 or not all(map(math.isfinite, judged)):
        return None
    best = min(range(len(judged)), key=judged.__getitem__)
    fell = course.costs[len(judged) - 1] < course.costs[best]
    if not fell or judged[-1] < OVER * judged[best] + ROSE_BY * course.ignorance:
        return None
    saw = _("since epoch {best} the validation cost rose from {low:.4g} to {high:.4g}, while the training cost fell")
    patience = max(1, min(5, len(judged) - 1 - best))
    return Seen(saw.format(best=best, low=judged[best], high=judged[-1]), f"--patience {patience}, --dropout 0.3")
