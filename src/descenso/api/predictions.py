"""Predictions of a model for rows without labels."""

from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from descenso.text import printable


class Predictions:
    """Predictions of a model; `numpy.asarray` of them is their probabilities, and `len` the number of rows.

    Attributes:
        inputs: (rows, *input_shape), before scaling.
        names: one name per row.
        class_names: one name per class.
        probabilities: (rows, num_classes), in [0, 1].
        prepared: how images were prepared for the model, a sentence; empty for other inputs.
    """

    def __init__(
        self,
        inputs: NDArray[np.generic],
        names: list[str],
        class_names: tuple[str, ...],
        probabilities: NDArray[np.floating],
        prepared: str = "",
    ) -> None:
        self.inputs, self.names, self.class_names, self.probabilities = inputs, names, class_names, probabilities
        self.prepared = prepared

    @property
    def labels(self) -> NDArray[np.str_]:
        """(rows,), the name of the most probable class of each row."""
        chosen: NDArray[np.str_] = np.array(self.class_names)[self.probabilities.argmax(axis=1)]
        return chosen

    if not TYPE_CHECKING:  # type checkers refuse a name that there is not

        def __getattr__(self, name: str) -> Any:
            from descenso.guesses import no_attribute

            raise AttributeError(no_attribute("Predictions", name), name=name, obj=self)

    def __getitem__(self, rows: Any) -> Any:
        return self.probabilities[rows]

    def __len__(self) -> int:
        return len(self.probabilities)

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> NDArray[Any]:
        return np.array(self.probabilities, dtype) if copy is not False else np.asarray(self.probabilities, dtype)

    def __repr__(self) -> str:
        first = ", ".join(
            f"{printable(name)} ({share:.4f})"
            for name, share in zip(self.labels[:3], self.probabilities[:3].max(axis=1), strict=True)
        )
        return f"<Predictions: {len(self)} rows, {len(self.class_names)} classes: {first}{', …' * (len(self) > 3)}>"
