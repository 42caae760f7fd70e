"""The order of rows that stay in files, and how evenly it mixes the classes."""

import math

import numpy as np

from descenso.config import TrainConfig
from descenso.data.dataset import Dataset, Split, is_mapped
from descenso.data.file_rows import MOST_IN_MEMORY, in_file
from descenso.data.order import BLOCKS, class_distance
from descenso.text import _, option, prose

BLOCK_BYTES = 2**18  # of rows stored one behind the other, which a disk reads about as fast as a long run of them
WINDOW_BLOCKS = 1024  # that are mixed at a time, by default: 256 MB
SAMPLE_BYTES = 2**26  # of rows that stay in files, which are looked at in their stead
MOST_WAITING = 0.1  # share of the time in which steps may wait for rows before reading is called the bottleneck
UNEVEN = 0.1  # distance between the classes of a window and those of all rows, from which on a note says how to mend it


def streams(rows: Split) -> bool:
    """Tell whether rows stay in files and are more than are read into memory."""
    return is_mapped(rows.inputs) and rows.inputs.nbytes > MOST_IN_MEMORY


def sampled(rows: Split) -> Split:
    """Return rows in memory: those of `rows`, or where these stay in files, some 64 MB, drawn and in their order."""
    rows = rows._replace(inputs=in_file(rows.inputs))
    if streams(rows):
        count = max(1, len(rows.labels) * SAMPLE_BYTES // rows.inputs.nbytes)
        rows = rows.rows(np.sort(np.random.default_rng(0).choice(len(rows.labels), count, replace=False)))
    return rows._replace(inputs=rows.inputs[:]) if is_mapped(rows.inputs) else rows


def order_of_sample(order: str, share: float) -> str:
    """Return the order that mixes a share of the rows as `order` mixes all of them.

    >>> order_of_sample("blocks:256x1024", 0.125), order_of_sample("buffer:50", 1 / 3)
    ('blocks:32x1024', 'buffer:17')
    """
    kind, _colon, sizes = order.partition(":")
    rows, by, blocks = sizes.partition("x")
    return f"{kind}:{max(1, round(int(rows) * share))}{by}{blocks}" if rows else order


def block_order(rows: Split) -> str:
    """Return the default order of rows that stay in files: blocks of about 256 kB, 1024 of which are mixed at a time.

    A function of the size of a row alone, so that it is the same on each machine.
    """
    row_bytes = max(1, math.prod(rows.inputs.shape[1:]) * rows.inputs.dtype.itemsize)
    return f"{BLOCKS}{2 ** max(0, (BLOCK_BYTES // row_bytes).bit_length() - 1)}x{WINDOW_BLOCKS}"


def said_of_waiting(share: float, order: str) -> str:
    """Say whether reading rows or arithmetic is the bottleneck of a run, and what makes reading faster.

    Args:
        share: of the training time in which the steps waited for rows, in [0, 1].
        order: of the run.
    """
    if share <= MOST_WAITING:
        message = _("The steps waited for rows of the files for {share:.0%} of that time: arithmetic is the bottleneck")
        return prose(message, share=share)
    block, blocks = map(int, order.removeprefix(BLOCKS).split("x")) if order.startswith(BLOCKS) else (64, 4096)
    message = _("The steps waited for rows of the files for {share:.0%} of that time: reading is the bottleneck; a "
                "faster disk helps, or longer stretches of it, which mix the rows less: {mend}")  # fmt: skip
    return prose(message, share=share, mend=option("order", f"{BLOCKS}{4 * block}x{max(1, blocks // 4)}"))


def with_mixing_noted(data: Dataset, config: TrainConfig) -> Dataset:
    """Return `data` with a note on how evenly `config.order`, one of blocks, mixes its classes, by their labels."""
    labels = data.hold_back(config.validation_rows(len(data.train.labels)))[0].train.labels
    block, blocks = map(int, config.order.removeprefix(BLOCKS).split("x"))
    window = max(1, min(block * blocks, len(labels) // 2))
    found, shuffled = (class_distance(labels, order, window) for order in (config.order, "permutation"))
    message = _("rows are read in the order {order}: the shares of the classes in consecutive rows, {window} at a "
                "time, differ from those of all rows by {found:.1%}, where {shuffled:.1%} is chance")  # fmt: skip
    note = prose(message, order=config.order, window=window, found=found, shuffled=shuffled)
    if found > 2 * shuffled + UNEVEN:
        mend = _("the rows are sorted by class; to mix them more: {more}, or {all}, which reads slowly from a disk")
        wider = f"--order {BLOCKS}{max(1, block // 8)}x{8 * blocks}"
        note = f"{note}; {mend.format(more=wider, all='--order permutation')}"
    return data._replace(notes=(*data.notes, note))
