"""Digits drawn by hand: two variants of each, as strokes in the unit square, and drawn on a canvas with a round pen."""

import math

import numpy as np
from PIL import Image, ImageDraw

CANVAS, PEN = 280, 20  # pixels


def _arc(x, y, rx, ry, begin, end, steps=24):
    """Return points of an arc; angles in degrees, clockwise from the right since y grows downwards."""
    angles = np.linspace(math.radians(begin), math.radians(end), steps)
    return [(x + rx * math.cos(angle), y + ry * math.sin(angle)) for angle in angles]


DIGITS = {
    0: [[_arc(0.5, 0.5, 0.3, 0.45, -90, 270)], [_arc(0.5, 0.5, 0.36, 0.42, -60, 300)]],
    1: [[[(0.5, 0.05), (0.5, 0.95)]], [[(0.56, 0.05), (0.46, 0.95)]]],
    2: [[[*_arc(0.5, 0.28, 0.27, 0.23, -170, 30), (0.22, 0.93), (0.8, 0.93)]],
        [[*_arc(0.48, 0.3, 0.3, 0.25, -160, 40), (0.2, 0.9), (0.82, 0.9)]]],
    3: [[[*_arc(0.48, 0.28, 0.27, 0.22, -150, 90), *_arc(0.48, 0.72, 0.3, 0.23, -90, 150)]],
        [[*_arc(0.45, 0.27, 0.28, 0.22, -140, 80), *_arc(0.45, 0.72, 0.32, 0.24, -80, 140)]]],
    4: [[[(0.3, 0.1), (0.22, 0.55), (0.78, 0.55)], [(0.7, 0.08), (0.66, 0.95)]],
        [[(0.25, 0.1), (0.22, 0.5), (0.75, 0.5)], [(0.75, 0.1), (0.72, 0.95)]]],
    5: [[[(0.75, 0.07), (0.32, 0.07), (0.28, 0.45), *_arc(0.46, 0.68, 0.28, 0.25, -120, 140)]],
        [[(0.78, 0.08), (0.3, 0.1), (0.27, 0.45), *_arc(0.45, 0.67, 0.3, 0.26, -115, 150)]]],
    6: [[[(0.66, 0.06), (0.42, 0.3), *_arc(0.48, 0.7, 0.24, 0.24, 200, -170)]],
        [[(0.6, 0.05), (0.36, 0.35), *_arc(0.47, 0.7, 0.22, 0.24, 190, -180)]]],
    7: [[[(0.2, 0.1), (0.78, 0.1), (0.42, 0.95)]], [[(0.22, 0.12), (0.75, 0.08), (0.48, 0.95)]]],
    8: [[_arc(0.5, 0.27, 0.2, 0.21, 90, 450), _arc(0.5, 0.72, 0.26, 0.23, -90, 270)],
        [_arc(0.52, 0.28, 0.19, 0.22, 90, 450), _arc(0.48, 0.73, 0.24, 0.23, -90, 270)]],
    9: [[[*_arc(0.47, 0.3, 0.22, 0.23, 10, -350), (0.68, 0.35), (0.6, 0.95)]],
        [[*_arc(0.48, 0.3, 0.24, 0.22, 0, -360), (0.7, 0.5), (0.56, 0.95)]]],
}  # fmt: skip


def drawn(strokes, size, left, top, pen=PEN):
    """Draw strokes in a square of `size` pixels with its corner at (left, top); return a uint8 image (280, 280)."""
    image = Image.new("L", (CANVAS, CANVAS))
    draw = ImageDraw.Draw(image)
    for stroke in strokes:
        points = [(left + size * x, top + size * y) for x, y in stroke]
        draw.line(points, fill=255, width=pen)
        for x, y in points:  # round line ends and joints
            draw.ellipse((x - pen / 2, y - pen / 2, x + pen / 2, y + pen / 2), fill=255)
    return np.asarray(image)


def shaky(strokes, seed):
    """Slant strokes at random, and add noise to each point, as in handwriting."""
    random = np.random.default_rng(seed)
    slant = random.uniform(-0.25, 0.25)
    return [[(x + slant * (0.5 - y) + random.normal(0, 0.012), y + random.normal(0, 0.012)) for x, y in stroke]
            for stroke in strokes]  # fmt: skip


def cases():
    """Yield name, digit and canvas of each variant of each digit, neat and shaky.

    Each is centred, in the four corners, and at sizes of 50 to 150 %.
    """
    usual, edge = 140, PEN // 2
    hands = {"": lambda strokes, seed: strokes, "shaky ": shaky}
    for hand, moved in hands.items():
        for digit, ways in DIGITS.items():
            for way, neat in enumerate(ways):
                far, name, strokes = CANVAS - usual - edge, f"{hand}{digit}.{way}", moved(neat, 10 * digit + way)
                places = {
                    "centred": (70, 70),
                    "nw": (edge, edge),
                    "ne": (far, edge),
                    "sw": (edge, far),
                    "se": (far, far),
                }
                for place, (left, top) in places.items():
                    yield f"{name} {place}", digit, drawn(strokes, usual, left, top)
                for percent in (50, 75, 125, 150):
                    size = usual * percent // 100
                    first = (CANVAS - size) // 2
                    yield f"{name} {percent} %", digit, drawn(strokes, size, first, first)
