"""Checks of inputs: their values, test rows against training rows, and the order of the rows."""

import numpy as np

from descenso.data.dataset import row_chunks
from descenso.data.order import class_distance
from descenso.doctor.evidence import Array, Observation, Rows, Step
from descenso.text import _, prose

BYTE = 255
LARGE_GRADIENT = 30.0  # norm; that of scaled inputs at the start is about 1
BLANK = 0.05  # fraction of rows that are 0 everywhere
SMOOTH = 0.2  # correlation of neighbours in flattened images; that of columns in any order is about 0
MOST_NAMED = 4  # parameters that a message lists
WINDOW = 100  # largest number of consecutive rows whose classes are counted
FEW_BROKEN = 0.2  # fraction of rows that may be left out
CHANNELS = (1, 3, 4)


def not_finite(rows: Rows) -> Observation | None:
    """Check for inputs that are NaN or infinite."""
    for prefix, inputs in (("", rows.inputs), ("test_", rows.test.inputs if rows.test else rows.inputs[:0])):
        if inputs.dtype.kind != "f" or not inputs.size:
            continue
        counts = np.concatenate([_not_finite(inputs[chunk]) for chunk in row_chunks(inputs)])
        broken = np.flatnonzero(counts)
        if not len(broken):
            continue
        saw = _("values of {name} that are not finite: {count}; rows with any: {rows}; the first: row {first}")
        saw = prose(saw, count=counts.sum(), name=f"{prefix}inputs", rows=len(broken), first=int(broken[0]))
        x, y = f"{prefix}inputs", f"{prefix}labels"
        if len(broken) > FEW_BROKEN * len(inputs):
            return saw, f"{x} = numpy.where(numpy.isfinite({x}), {x}, 0)"
        kept = f"kept = numpy.isfinite({x}).reshape(len({x}), -1).all(axis=1)"
        return saw, f"{kept}; {x}, {y} = {x}[kept], {y}[kept]"
    return None


def _not_finite(inputs: Array) -> Array:
    """Count the values of each row that are not finite."""
    finite = np.isfinite(inputs).reshape(len(inputs), -1)
    return np.zeros(len(inputs), np.int64) if finite.all() else (~finite).sum(axis=1)


def channels_first(rows: Rows, step: Step | None) -> Observation | None:
    """Check for images whose channels come before height and width."""
    shape = rows.inputs.shape
    if len(shape) != 4 or shape[1] not in CHANNELS or min(shape[2:]) <= max(CHANNELS):
        return None
    if step and not any(array.ndim == 4 and array.shape[2] == shape[3] for array in step.kernels.values()):
        return None  # no convolution takes the width for channels
    saw = _("inputs of shape {shape}: the {channels} channels come before height and width")
    return saw.format(shape=shape, channels=shape[1]), "inputs = numpy.moveaxis(inputs, 1, -1)"


def mixed_dtypes(rows: Rows | None, step: Step | None) -> Observation | None:
    """Check for float32 and float64 in one operation."""
    if not rows or (step and not step.castable):  # a step that succeeds converts them itself
        return None
    dtypes = {"inputs": str(rows.inputs.dtype), "labels": str(rows.labels.dtype), **dict(step.dtypes if step else ())}
    names = {dtype: [name for name, has in dtypes.items() if has == dtype] for dtype in ("float64", "float32")}
    if not all(names.values()):
        return None
    listed = "; ".join(f"{dtype}: {', '.join(arrays[:MOST_NAMED])}" for dtype, arrays in names.items())
    wanted = step.dtypes[0][1] if step else "float32"  # dtype of the parameters
    other = names["float32" if wanted == "float64" else "float64"][0]
    saw = _("two precisions in one step ({dtypes})").format(dtypes=listed)
    return saw, f'{other} = tf.cast({other}, "{wanted}")'


def pixels_not_scaled(rows: Rows | None, step: Step | None) -> Observation | None:
    """Check for pixels up to 255 that the model reads without scaling."""
    if not rows or not rows.images:
        return None
    stored = rows.inputs.dtype == np.uint8 and np.all(np.equal(rows.scaling.scale, 1))
    if step and step.cost is not None:  # a model that scales its inputs has a usual gradient
        if step.largest_gradient[1] < LARGE_GRADIENT:
            return None
    elif stored:  # stored images, which may be scaled later
        return None
    scaled = (rows.sample.astype(np.float64) - rows.scaling.shift) * rows.scaling.scale
    low, high = scaled.min(), scaled.max()
    if low < 0 or not BYTE / 2 < high <= BYTE or (scaled % 1).any():
        return None
    if rows.inputs.ndim == 2 and rows.inputs.dtype.kind in "iu" and _smoothness(scaled) < SMOOTH:
        return None  # numbers of words, not pixels
    saw = prose(_("inputs are whole numbers from {low:g} to {high:g}"), low=low, high=high)
    return saw, 'inputs = inputs.astype("float32") / 255'


def _smoothness(flat: Array) -> float:
    """Return the correlation of neighbours in a row, of which at least one is not 0."""
    left, right = flat[:, :-1], flat[:, 1:]
    used = (left != 0) | (right != 0)
    pairs = np.stack([left[used], right[used]]).astype(np.float64)
    if pairs.shape[1] < 2 or not pairs.std(axis=1).all():
        return 0.0
    return float(np.asarray(np.corrcoef(pairs))[0, 1])


def pixels_zeroed(rows: Rows) -> Observation | None:
    """Check for pixels after an integer division, of which only the brightest are not 0."""
    if not rows.images:
        return None
    sample = rows.sample.reshape(len(rows.sample), -1)
    blank = float((sample == 0).all(axis=1).mean())
    if blank < BLANK or not np.isin(sample, (0, 1)).all():
        return None
    if rows.inputs.ndim == 2 and _smoothness(sample) < 0:
        return None  # categories or words, of which a row may have none; of neighbours at most one is 1
    saw = prose(_("all inputs are 0 or 1, and {share:.0%} of the rows are 0 everywhere"), share=blank)
    return saw, 'inputs = inputs.astype("float32") / 255  # not // 255'


def buffer_on_sorted(rows: Rows) -> Observation | None:
    """Check for an order in which consecutive rows are mostly of one class."""
    if not rows.whole or rows.order == "permutation" or rows.classes is None or len(rows.classes) < 2:
        return None
    distance, mixed = (
        class_distance(rows.classes, order, _window(rows.labels)) for order in (rows.order, "permutation")
    )
    if distance < 2 * mixed + 0.1:
        return None
    saw = _("in any {window} rows by {order} the classes' shares are off by {found:.0%}, by {mixed:.0%} when shuffled")
    saw = prose(saw, order=rows.order, window=_window(rows.labels), found=distance, mixed=mixed)
    return saw, _("--order permutation, or dataset.shuffle({rows})").format(rows=len(rows.labels))


def _window(labels: Array) -> int:
    return max(1, min(WINDOW, len(labels) // 10))
