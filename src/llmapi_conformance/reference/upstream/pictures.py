"""Make pictures: real ones of any size and format, the same for the same seed."""

from __future__ import annotations

import functools
import hashlib
import io
import re
import warnings

from PIL import Image

FORMATS = ("png", "jpeg", "webp")
_CELLS = 4
_MOST_KEPT = 64


class PictureError(ValueError):
    """Bytes that are no picture."""


@functools.lru_cache(maxsize=_MOST_KEPT)
def picture(seed: str, width: int, height: int, kind: str, *, transparent: bool = False) -> bytes:
    """Make a picture of a few coloured fields.

    Args:
        seed: What it shows; another seed is another picture.
        width: Its width in pixels.
        height: Its height in pixels.
        kind: One of `FORMATS`.
        transparent: Its fields let the background through.
    """
    mode = "RGBA" if transparent else "RGB"
    fields = hashlib.shake_256(seed.encode("utf-8", "surrogatepass")).digest(_CELLS * _CELLS * len(mode))
    image = Image.frombytes(mode, (_CELLS, _CELLS), fields).resize((width, height), Image.Resampling.NEAREST)
    written = io.BytesIO()
    match kind:
        case "png":
            image.save(written, "PNG", compress_level=1)
        case "webp":
            image.save(written, "WEBP", lossless=True, method=0)
        case _:
            image.save(written, "JPEG", quality=60)
    return written.getvalue()


def picture_size(data: bytes) -> tuple[int, int]:
    """Return the size of a picture.

    Raises:
        PictureError: It is none in one of our formats.
    """
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error", Image.DecompressionBombWarning)
            with Image.open(io.BytesIO(data), formats=FORMATS) as image:
                size = image.size
                image.verify()
    except (OSError, SyntaxError, ValueError, Image.DecompressionBombError, Image.DecompressionBombWarning) as error:
        raise PictureError("it is no PNG, JPEG or WEBP picture") from error
    return size


def read_size(text: str) -> tuple[int, int] | None:
    """Read a size such as `1024x1536`; None: it is none."""
    found = re.fullmatch(r"([1-9][0-9]{0,4})x([1-9][0-9]{0,4})", text)
    return (int(found[1]), int(found[2])) if found else None
