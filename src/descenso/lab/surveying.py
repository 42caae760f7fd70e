"""Compute the cost over the plane of a run's path in a thread beside training, and follow the run on it."""

import threading
import time
from collections.abc import Callable, Sequence

import numpy as np

from descenso.descent.problem import Arrays, weights
from descenso.errors import DescensoError
from descenso.lab.jobs import Shown
from descenso.lab.rates import PathPlane
from descenso.lab.recorded import finite
from descenso.studies.costs import MOST_ROWS
from descenso.studies.landscape import GRID, LEAST_EXPLAINED, POINTS, Plane, over_paths, path_of
from descenso.text import _
from descenso.training.plan import Plan

FEWEST = 3  # points that a path needs for a plane
OTHER_GRID, OTHER_ROWS = 15, 1_000  # for models whose costs are computed point by point
SHARE = 0.05  # of the time that following the run may take
MOST_SECONDS = 2.0  # longest wait between two points, since the first may take long to trace
MOST_LATER = 400  # points that come after the plane was computed


class _StoppedError(Exception):
    """The computation was stopped."""


class Surveyor:
    """Computes the plane of one run at a time.

    Args:
        say: called with the message of an error.

    Attributes:
        plane: what pages show; None before the first. Replaced as a whole.
    """

    def __init__(self, say: Callable[[str], None]) -> None:
        self.plane: PathPlane | None = None
        self._say = say
        self._going = False
        self._shown: Shown | None = None
        self._found: Plane | None = None
        self._due = 0.0
        self._lock = threading.Lock()  # of `plane`, which two threads replace

    @property
    def computing(self) -> bool:
        """Whether a plane is being computed."""
        return self.plane is not None and self.plane.state == "computing"

    def begin(self, shown: Shown | None) -> None:
        """Compute the plane of the run of `shown`, from its recorded path, in a thread.

        A run that was opened after its end is trained again for its path.

        Raises:
            DescensoError: for a path that is too short, and one that is not known.
        """
        watched = None if shown is None else shown.watched
        if shown is None or watched is None or watched.run is None or watched.plan is None:
            raise DescensoError(_("There is no run yet, and no path: press Start."))
        points = watched.recorded.finite()
        if watched.progress is not None and points and watched.taken > points[-1][0]:
            newest = watched.taken, weights(watched.plan.problem, watched.progress.state)
            points = (*points, newest) if finite(newest[1]) else points
        again = len(points) < FEWEST and shown.read_only and watched.outcome not in ("", "running", "killed")
        if again and watched.steered:
            message = _("{run}: its learning rate was changed by hand, and a landscape would train it without that")
            raise DescensoError(message.format(run=watched.run))
        if len(points) < FEWEST and not again:
            raise DescensoError(_("The path is too short for a plane: take a few more steps, and ask again."))
        self._going, self._shown, self._found = True, shown, None
        self.plane = self._next(PathPlane(watched.run, steered=watched.steered))
        given = None if again else points
        threading.Thread(target=self._work, args=(watched.plan, given), name="descenso-lab-plane", daemon=True).start()

    def stop(self) -> None:
        """Stop computing."""
        self._going = False

    def _next(self, plane: PathPlane) -> PathPlane:
        return plane._replace(number=1 if self.plane is None else self.plane.number + 1)

    def _change(self, **changed: object) -> None:
        with self._lock:
            if self.plane is not None:
                self.plane = self._next(self.plane._replace(**changed))  # type: ignore[arg-type]

    def _told(self, share: float) -> None:
        if not self._going:
            raise _StoppedError
        self._change(share=share)

    def _work(self, plan: Plan, points: Sequence[tuple[int, Arrays]] | None) -> None:
        try:
            self._compute(plan, points)
        except _StoppedError:
            self._change(state="stopped")
        except Exception as error:  # the page shows any error, since nothing catches those of a thread
            self._change(state="stopped")
            self._say(str(error) if isinstance(error, DescensoError) else f"{type(error).__name__}: {error}")

    def _compute(self, plan: Plan, points: Sequence[tuple[int, Arrays]] | None) -> None:
        walked = 0.0
        if points is None:
            points, walked = self._walked(plan), 0.5
        grid, rows = (GRID, MOST_ROWS) if plan.problem.model.name == "softmax" else (OTHER_GRID, OTHER_ROWS)
        path = [params for _step, params in points]
        found = over_paths(plan, [("", path)], grid, rows, lambda share: self._told(walked + (1 - walked) * share))
        (trail,) = found.trails
        self._change(
            state="done", share=1.0, across=found.across, along=found.along, surface=found.costs,
            steps=np.array([step for step, _params in points], np.int64), points=trail.points, costs=trail.costs,
            distances=trail.distances, known=len(points), explained=found.explained, least=LEAST_EXPLAINED,
            rows=found.rows,
        )  # fmt: skip
        self._found = found.plane

    def _walked(self, plan: Plan) -> list[tuple[int, Arrays]]:
        """Train the run again, and return its path."""
        points = list[tuple[int, Arrays]]()
        for params in path_of(plan):
            points.append((-1, params))
            self._told(0.5 * min(len(points) / (POINTS + 1), 1))
        return points

    def look(self) -> None:
        """Place the newest position of the run on its plane, where it is known and due."""
        found, plane, shown = self._found, self.plane, self._shown
        if found is None or plane is None or shown is None or time.monotonic() < self._due or not len(plane.steps):
            return
        watched = shown.watched
        progress, plan, taken = watched.progress, watched.plan, watched.taken
        if progress is None or plan is None or plane.steps[-1] < 0 or taken == plane.steps[-1]:
            return
        begun = time.monotonic()
        kept = plane.steps < taken  # all, unless the run went back
        later = np.flatnonzero(kept & (np.arange(len(kept)) >= plane.known))
        if len(later) >= MOST_LATER:
            kept[later[1::2]] = False
        last = max(plane.steps[kept], default=-1)
        newer = [point for point in watched.recorded.points if last < point[0] < taken]
        newer = [each for each in (*newer, (taken, weights(plan.problem, progress.state))) if finite(each[1])]
        if newer:
            trail = found.trail("", [params for _step, params in newer])
            self._change(
                steps=np.append(plane.steps[kept], [step for step, _params in newer]),
                points=np.concatenate([plane.points[kept], trail.points]),
                costs=np.append(plane.costs[kept], trail.costs),
                distances=np.append(plane.distances[kept], trail.distances),
                known=int(kept[: plane.known].sum()),
                steered=watched.steered,
            )
        now = time.monotonic()
        self._due = now + min((now - begun) / SHARE, MOST_SECONDS)
