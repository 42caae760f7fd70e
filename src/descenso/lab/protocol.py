"""Records that pass between the lab's training process and the page: plain values and arrays, without TensorFlow."""

from pathlib import Path
from typing import Any, Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray

from descenso.config import TrainConfig
from descenso.data.sources import Sources
from descenso.doctor.evidence import Finding
from descenso.lab.rates import PathPlane, Rates

BEGIN = 0  # number of the first message, which the answer says that the data was read, or the error
TABS = ("tab-training", "tab-step", "tab-draw", "tab-race", "tab-rates", "tab-faults", "tab-code")
State = Literal["starting", "ready", "running", "paused", "ended", "failed"]


class Settings(NamedTuple):
    """Settings of a training run that pages can change; `Settings.of` fills in the model's defaults.

    Attributes:
        data: name or path of the dataset, as of the lab's `Source`.
        model: softmax, mlp or cnn.
        engine: graph, eager, function or compiled.
        rule: update rule, such as "momentum:momentum=0.95".
        learning_rate: in (0, inf).
        batch_size: rows of a batch, at least 1.
        epochs: number of epochs, at least 1.
        seed: of the initial weights and the order of the rows, in [0, 2**63).
        fault: name of the planted fault, a key of `FAULTS`; "" for none.
    """

    data: str = "mnist"
    model: str = "softmax"
    engine: str = "compiled"
    rule: str = "sgd"
    learning_rate: float = 0.01
    batch_size: int = 100
    epochs: int = 100
    seed: int = 0
    fault: str = ""

    @classmethod
    def of(cls, **given: Any) -> "Settings":
        """Check settings, and fill in the defaults of the model and the rule for those not given.

        Raises:
            ConfigError: naming the first invalid setting, and a value that works.
        """
        fault = given.pop("fault", "")
        config = TrainConfig.of(**given)
        return cls(**{name: getattr(config, name) for name in cls._fields if name != "fault"}, fault=fault)


class Source(NamedTuple):
    """What `descenso lab` was given on the command line.

    Attributes:
        data: name or path of a dataset; None where a run is opened.
        run: directory of a run to open, read only, which another process may be writing; None for a new run.
        reading: settings that say how the data is read, by name: (("label", "species"),).
        sources: folder of named datasets, and limits of sizes.
    """

    data: str | None = "mnist"
    run: Path | None = None
    reading: tuple[tuple[str, Any], ...] = ()
    sources: Sources = Sources()


class Limits(NamedTuple):
    """Limits of a lab.

    Attributes:
        processes: training processes at a time, of all labs in this process.
        curves: runs whose curves are kept.
        idle_seconds: after which a paused run is stopped and saved.
    """

    processes: int = 2
    curves: int = 8
    idle_seconds: float = 3600.0


class Curve(NamedTuple):
    """The costs of one run.

    Attributes:
        name: of the run's directory.
        steps: (points,) int64, numbers of steps taken, counted from the run's start; at most 1,000 of them.
        costs: (points,) float32, the cost of the batch of each of these steps, in nats. Thinned so that the least and
            the largest cost of each stretch are kept.
        epochs: cost of each epoch, in nats.
        validation: validation cost after each epoch, in nats; empty without validation rows.
        accuracies: test accuracy after each epoch, a fraction; NaN where it was not measured.
        steps_per_epoch: number of steps in an epoch, to place the epochs on the axis of steps.
    """

    name: str
    steps: NDArray[np.int64]
    costs: NDArray[np.float32]
    epochs: tuple[float, ...] = ()
    validation: tuple[float, ...] = ()
    accuracies: tuple[float, ...] = ()
    steps_per_epoch: int = 0


class Norms(NamedTuple):
    """Euclidean norms of one layer's parameters over time; at most 500 points, which are steps that were really taken.

    Attributes:
        layer: name, such as "W" or "dense/kernel".
        steps: (points,) int64, the steps before which these were measured.
        gradients: (points,) float32, norm of the gradient on the batch of that step.
        updates: (points,) float32, norm of what the rule adds to the parameter in that step.
        weights: (points,) float32, norm of the parameter before that step.
    """

    layer: str
    steps: NDArray[np.int64]
    gradients: NDArray[np.float32]
    updates: NDArray[np.float32]
    weights: NDArray[np.float32]


class Pictures(NamedTuple):
    """Weights as pictures.

    Attributes:
        kind: "templates" (softmax, one a class), "features" (mlp, the first layer's units), "filters" (cnn, the first
            convolution's), or "" where there are none, as for a table.
        images: (pictures, height, width) float32 in [-1, 1], 0 for a weight of 0, all divided by the largest absolute
            weight; at most 64 pictures.
        names: of each picture: a class, or the number of a unit.
        scale: the largest absolute weight, which 1 stands for.
    """

    kind: str = ""
    images: NDArray[np.float32] = np.zeros((0, 1, 1), np.float32)
    names: tuple[str, ...] = ()
    scale: float = 0.0


class Mistake(NamedTuple):
    """A test row that is classified wrongly.

    Attributes:
        row: number of the test row, from 0.
        image: (*input_shape), as stored.
        true, predicted: names of classes.
        probability: that the model gives to the predicted class, in [0, 1].
    """

    row: int
    image: NDArray[Any]
    true: str
    predicted: str
    probability: float


class Change(NamedTuple):
    """An entry of the steering log.

    Attributes:
        epoch, step: position at which it took effect.
        what: "learning_rate", "undo", "fault" or "heal".
        old, new: values in words; for "undo" the positions, "epoch:step".
    """

    epoch: int
    step: int
    what: str
    old: str
    new: str


class Lane(NamedTuple):
    """One engine of a race.

    Attributes:
        engine: its name.
        state: "waiting", "compiling", "running" or "done".
        costs: cost of each epoch so far, in nats.
        compile_seconds, seconds: time to trace and compile, and in the engine.
        difference: largest difference of a step's cost from the first engine's, relative to the largest cost of a step;
            0 for the first.
    """

    engine: str
    state: str = "waiting"
    costs: tuple[float, ...] = ()
    compile_seconds: float = 0.0
    seconds: float = 0.0
    difference: float = 0.0


class Race(NamedTuple):
    """A race of the engines from one start on the same batches.

    Attributes:
        lanes: of the engines, in the order in which they run.
        epochs: number of epochs to run.
        done: whether all lanes are done and the reason is known.
        tolerance: largest allowed relative difference.
        reason: rows of text: what eager execution spends its time on, and how long, as `descenso compare --explain`.
        message: what is being done, or what went wrong.
    """

    lanes: tuple[Lane, ...]
    epochs: int
    done: bool = False
    tolerance: float = 0.0
    reason: tuple[tuple[str, ...], ...] = ()
    message: str = ""


class View(NamedTuple):
    """Everything that the page shows of the current run. Never changed, only replaced by one of a higher number.

    Attributes:
        number: grows by at least one with each view.
        state: "starting" while TensorFlow is imported, "ready" before the first run, "running", "paused", "ended"
            (see `outcome`), or "failed" after the training process has died; `message` holds its last output.
        progress: what is being done while starting, or while a running run is being prepared, in words; else "".
        message: what went wrong with the last command or the run, or "".
        settings: of the current run, or of the next one where there is none.
        run: directory of the current run; None before the first.
        outcome: how the run ended, as `Run.outcome`; "" before.
        epoch, step: position: epochs done, and steps of the next one.
        steps_per_epoch: number of steps in an epoch; 0 before the first run.
        rate: learning rate in use, which the schedule multiplies by its share.
        seconds: time in the engine.
        steered: whether the learning rate was changed by hand, so that this is no run of constant settings.
        cost: mean cost of the newest steps, in nats; NaN before.
        accuracy: newest test accuracy, a fraction; NaN before.
        curves: of the runs that are kept, the current one last.
        norms: by layer.
        pictures: of the newest weights.
        confusion: (classes, classes) int64, test rows by true (first axis) and predicted class; None before the end of
            the first epoch.
        mistakes: the test rows that were most confidently classified wrongly; at most 12.
        changes: the steering log of the current run.
        findings: of the doctor on the current run and its data.
        race: the race, or None.
        rates, plane: the sweep of learning rates, and the cost over the plane of a run's path; None before the first.
        class_names, input_shape, train_rows, test_rows: of the data.
        command: the `descenso train …` that trains with these settings, without a fault in rows or model.
        python: lines of Python that do the same.
        read_only: whether a run was opened that this lab does not train.
    """

    number: int = 0
    state: State = "starting"
    progress: str = ""
    message: str = ""
    settings: Settings = Settings()
    run: Path | None = None
    outcome: str = ""
    epoch: int = 0
    step: int = 0
    steps_per_epoch: int = 0
    rate: float = 0.0
    seconds: float = 0.0
    steered: bool = False
    cost: float = float("nan")
    accuracy: float = float("nan")
    curves: tuple[Curve, ...] = ()
    norms: tuple[Norms, ...] = ()
    pictures: Pictures = Pictures()
    confusion: NDArray[np.int64] | None = None
    mistakes: tuple[Mistake, ...] = ()
    changes: tuple[Change, ...] = ()
    findings: tuple[Finding, ...] = ()
    race: Race | None = None
    class_names: tuple[str, ...] = ()
    input_shape: tuple[int, ...] = ()
    train_rows: int = 0
    test_rows: int = 0
    command: str = ""
    python: str = ""
    read_only: bool = False
    rates: Rates | None = None
    plane: PathPlane | None = None

    def since(self, before: "View | None") -> dict[str, Any]:
        """Return the fields, by name, that differ from those of the view before.

        Records that hold arrays are compared by identity.
        """
        fields = self._asdict().items()
        return {name: new for name, new in fields if before is None or not _same(getattr(before, name), new)}


def _same(old: Any, new: Any) -> bool:
    if type(new) is tuple:
        return len(old) == len(new) and all(map(_same, old, new))
    return old is new or (isinstance(new, str | int | float | Settings | Path | Change) and repr(old) == repr(new))
