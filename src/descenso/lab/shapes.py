"""Turn arrays into what a browser shows: colours, pictures, tables of HTML."""

import base64
import html
import io
import math
from collections.abc import Iterable, Sequence

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from descenso.text import number, printable

# Okabe and Ito's colours, which people with any kind of colour blindness tell apart.
BLUE, VERMILLION, GREEN, ORANGE = "#0072B2", "#D55E00", "#009E73", "#E69F00"
PURPLE, SKY, BLACK = "#CC79A7", "#56B4E9", "#000000"
COLOURS = (BLUE, VERMILLION, GREEN, PURPLE, ORANGE, SKY, BLACK)
_FOR, _AGAINST = np.array([213, 94, 0]), np.array([0, 114, 178])


def diverging(values: NDArray[np.floating]) -> NDArray[np.uint8]:
    """Colour numbers in [-1, 1]: vermillion above 0, white at 0, blue below. Returns (..., 4) RGBA."""
    part = np.clip(np.nan_to_num(values), -1, 1)[..., None]
    end = np.where(part > 0, _FOR, _AGAINST)
    colour = 255 + (end - 255) * np.sqrt(np.abs(part))  # small weights are seen, too
    return np.asarray(np.concatenate([colour, np.full_like(part, 255)], axis=-1).round(), np.uint8)


def grey(image: NDArray[np.generic]) -> NDArray[np.uint8]:
    """Bring an image as stored, (height, width) or (height, width, channels), to uint8."""
    if image.dtype == np.uint8:
        return np.asarray(image)
    values = np.nan_to_num(image.astype(np.float64))
    low, high = values.min(), values.max()
    return np.asarray(np.round((values - low) / (high - low or 1) * 255), np.uint8)


def png(pixels: NDArray[np.uint8]) -> str:
    """Return an image as a data URI. Pixels are (height, width), or have 1, 3 or 4 channels."""
    squeezed = pixels[..., 0] if pixels.ndim == 3 and pixels.shape[-1] == 1 else pixels
    content = io.BytesIO()
    Image.fromarray(squeezed).save(content, "PNG", compress_level=1)
    return "data:image/png;base64," + base64.b64encode(content.getvalue()).decode()


def is_picture(shape: Sequence[int]) -> bool:
    """Whether rows of this shape can be shown as pictures."""
    return len(shape) == 2 or (len(shape) == 3 and shape[-1] in (1, 3))


def img(pixels: NDArray[np.uint8], shows: str, kind: str = "pixels") -> str:
    """Return the HTML of an image with its description."""
    return f'<img class="{kind}" src="{png(pixels)}" alt="{escaped(shows)}">'


def escaped(value: object) -> str:
    """Escape a value for HTML, control characters included."""
    return html.escape(printable(str(value)))


def paragraph(text: str) -> str:
    """Return a text as a paragraph of HTML."""
    return f"<p>{escaped(text)}</p>"


def table(head: Sequence[str], rows: Iterable[Sequence[object]], caption: str = "") -> str:
    """Return the HTML of a table. The first cell of each row is its title."""
    title = f"<caption>{escaped(caption)}</caption>" if caption else ""
    top = "".join(f'<th scope="col">{escaped(cell)}</th>' for cell in head)
    body = "".join(
        f'<tr><th scope="row">{escaped(first)}</th>' + "".join(f"<td>{escaped(cell)}</td>" for cell in rest) + "</tr>"
        for first, *rest in rows
    )
    return f"<table>{title}<thead><tr>{top}</tr></thead><tbody>{body}</tbody></table>"


def shown(value: float, spec: str = ".4g") -> str:
    """Write a number in the way of the language in use; a dash for none, and infinity as it is."""
    if math.isnan(value):
        return "–"
    return number(value, spec) if math.isfinite(value) else ("∞" if value > 0 else "−∞")


def bar(share: float, label: str, text: str, winner: bool = False) -> str:
    """Return the HTML of a bar with its label before and its number behind."""
    width = 100 * min(max(share, 0.0), 1.0)
    kind = "bar winner" if winner else "bar"
    rail = f'<span class="rail"><span style="width:{width:.1f}%"></span></span>'
    ends = [f'<span class="{name}">{escaped(words)}</span>' for name, words in (("of", label), ("much", text))]
    return f'<li class="{kind}">{ends[0]}{rail}{ends[1]}</li>'


def mosaic(pictures: NDArray[np.uint8], columns: int, gap: int) -> NDArray[np.uint8]:
    """Lay pictures (count, height, width, ...) out in rows, with zeros, which are transparent, between them."""
    count, height, width, *channels = pictures.shape
    rows = -(-count // columns)
    whole = np.zeros((rows * (height + gap) - gap, columns * (width + gap) - gap, *channels), np.uint8)
    for place, each in enumerate(pictures):
        top, left = place // columns * (height + gap), place % columns * (width + gap)
        whole[top : top + height, left : left + width] = each
    return whole
