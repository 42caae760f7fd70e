"""Take uneven light out of pictures of something drawn: light that falls off to a side, or from the middle outwards.

The background is estimated on a coarse grid, by the median of each cell, as SExtractor does for the sky (Bertin and
Arnouts, 1996, section 4.1); a quadratic surface is fitted to the medians by least absolute deviations, with iteratively
reweighted least squares (Holland and Welsch, 1977), so that the cells that hold ink do not draw it towards them.
"""

import numpy as np
from numpy.typing import NDArray

CELLS = 10  # of the grid, along each side
LEAST_SIDE = 4 * CELLS  # pixels; smaller pictures stay as they are
MOST_CELLS = 0.8  # share of the border's cells that the surface must explain: ink may cover the others
ROUNDS = 12  # of reweighting, after which medians of MNIST's digits under oblique light change by less than 0.1
WHITE = 255.0
UNEVEN = 12.0  # grey levels by which the light must differ over the border
LEFT = 0.5  # share of the border's spread about its median that may be left, if the surface is to explain it
LEAST_LIGHT = 0.2  # of the mean: below, dividing by the light would only enlarge noise


def evened(drawn: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return pictures as they would be under even light; those whose border is even already are returned unchanged.

    Args:
        drawn: (rows, height, width), grey, from 0 to 255.
    """
    height, width = drawn.shape[1:]
    if min(height, width) < LEAST_SIDE:
        return drawn
    grid = _medians(drawn)
    ring = np.ones((CELLS, CELLS), np.bool_)
    ring[1:-1, 1:-1] = False
    border = grid[:, ring]
    before = np.quantile(np.abs(border - np.median(border, axis=1, keepdims=True)), MOST_CELLS, axis=1)
    suspects = np.flatnonzero(before >= UNEVEN / 2)  # else the few cells that differ hold ink that touches the border
    if not len(suspects):
        return drawn
    surface = _fitted(grid[suspects], ring)
    after = np.abs(border[suspects] - surface[:, ring].clip(0, WHITE))
    explained = np.quantile(after, MOST_CELLS, axis=1) <= LEFT * before[suspects]
    uneven = np.ptp(surface[:, ring].clip(0, WHITE), axis=1) >= UNEVEN
    suspects, surface = suspects[explained & uneven], surface[explained & uneven]
    if not len(suspects):
        return drawn
    result = drawn.copy()
    result[suspects] = _without(_enlarged(surface, height, width).clip(0, WHITE), drawn[suspects])
    return np.asarray(result)


def _without(light: NDArray[np.float64], drawn: NDArray[np.float64]) -> NDArray[np.float64]:
    """Divide pictures by their light; the negative of pictures whose ink is lighter than the ground, which is dark."""
    differences = drawn - light
    noise = np.maximum(UNEVEN, 5 * np.median(np.abs(differences), axis=(1, 2), keepdims=True))
    darker, lighter = (np.maximum(sign * differences - noise, 0).sum(axis=(1, 2)) for sign in (-1, 1))
    negative = (lighter > darker)[:, None, None]
    ground = np.where(negative, WHITE - light, light)
    mean = ground.mean(axis=(1, 2), keepdims=True)
    even = np.where(negative, WHITE - drawn, drawn) * (mean / np.maximum(ground, LEAST_LIGHT * mean))
    return np.asarray(np.where(negative, WHITE - even, even))


def _edges(size: int) -> NDArray[np.intp]:
    return np.rint(np.linspace(0, size, CELLS + 1)).astype(np.intp)


def _medians(drawn: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the median of each cell of the grid, (rows, CELLS, CELLS)."""
    rows, height, width = drawn.shape
    tall, wide = _edges(height), _edges(width)
    grid = np.empty((rows, CELLS, CELLS))
    for row in range(CELLS):
        for column in range(CELLS):
            cell = drawn[:, tall[row] : tall[row + 1], wide[column] : wide[column + 1]]
            grid[:, row, column] = np.median(cell.reshape(rows, -1), axis=1)
    return grid


def _terms(down: NDArray[np.float64], right: NDArray[np.float64]) -> NDArray[np.float64]:
    y, x = np.meshgrid(down, right, indexing="ij")
    return np.stack([np.ones_like(x), x, y, x * x, x * y, y * y], axis=-1)


def _middles(size: int) -> NDArray[np.float64]:
    return (np.arange(size) + 0.5) / size * 2 - 1


def _fitted(grid: NDArray[np.float64], ring: NDArray[np.bool_]) -> NDArray[np.float64]:
    """Return the values of the surface in each cell, (rows, CELLS, CELLS); the border alone decides where it begins."""
    terms = _terms(_middles(CELLS), _middles(CELLS)).reshape(-1, 6)
    values = grid.reshape(len(grid), -1)
    weights = np.broadcast_to(ring.reshape(1, -1).astype(np.float64), values.shape)
    for _round in range(ROUNDS):
        weighted = terms[None] * weights[..., None]
        normal = weighted.transpose(0, 2, 1) @ terms + 1e-9 * np.eye(6)
        found = np.linalg.solve(normal, (weighted * values[..., None]).sum(axis=1)[..., None])
        surface = (terms @ found)[..., 0]
        overexposed = ((values > WHITE - 1) & (surface >= WHITE)) | ((values < 1) & (surface <= 0))
        weights = np.where(overexposed, 0, 1 / np.maximum(np.abs(values - surface), 1.0))
    return surface.reshape(grid.shape)


def _enlarged(surface: NDArray[np.float64], height: int, width: int) -> NDArray[np.float64]:
    """Return the surface at each pixel: it is quadratic, so that its values in the cells say what it is."""
    terms = _terms(_middles(CELLS), _middles(CELLS)).reshape(-1, 6)
    found = np.linalg.lstsq(terms, surface.reshape(len(surface), -1).T, rcond=None)[0]
    return np.asarray((_terms(_middles(height), _middles(width)) @ found).transpose(2, 0, 1))
