"""Pictures as we keep them: decoded and written anew, so that nothing but the picture is left of a file."""

from __future__ import annotations

import io
import warnings
from dataclasses import dataclass
from typing import BinaryIO

from PIL import Image, ImageOps, UnidentifiedImageError

from app.core.texts import _
from app.core.uploads import IMAGES, FileKind, UploadRefused, kind_of

MAX_PIXELS = 50_000_000
LONGEST_SIDE = 1600
THUMBNAIL_SIDE = 160
_FORMATS = ("PNG", "JPEG", "GIF", "WEBP")
_QUALITY = 85


@dataclass(frozen=True, slots=True)
class Picture:
    """A picture and its small form, as bytes of one format."""

    content_type: str
    extension: str
    full: bytes
    thumbnail: bytes


def read_picture(name: str, content: BinaryIO) -> Picture:
    """Re-encode a picture, at most 1,600 pixels long, upright, without its metadata.

    :raises UploadRefused: no picture we take, damaged, or more than 50 million pixels.
    """
    kind = kind_of(name, content, IMAGES)
    try:
        with warnings.catch_warnings():
            # Pillow only warns where it thinks of a bomb; its own limit is beyond ours.
            warnings.simplefilter("error", Image.DecompressionBombWarning)
            return _read(name, content, kind)
    except (Image.DecompressionBombWarning, Image.DecompressionBombError) as error:
        raise _too_large(name) from error
    except (UnidentifiedImageError, OSError, ValueError, SyntaxError, MemoryError) as error:
        raise UploadRefused(
            _("%(name)s is damaged. Open it in a picture editor and save it again.", name=name)
        ) from error


def _too_large(name: str) -> UploadRefused:
    return UploadRefused(
        _(
            "%(name)s has more than %(most)s million pixels. Make it smaller, 1600 pixels are enough.",
            name=name,
            most=MAX_PIXELS // 1_000_000,
        )
    )


def _read(name: str, content: BinaryIO, kind: FileKind) -> Picture:
    with Image.open(content, formats=_FORMATS) as opened:
        if opened.width * opened.height > MAX_PIXELS:
            raise _too_large(name)
        # JPEG can be decoded at a fraction of its size.
        opened.draft("RGB", (LONGEST_SIDE, LONGEST_SIDE))
        image = ImageOps.exif_transpose(opened)
        has_alpha = "A" in image.getbands() or "transparency" in image.info
        image = image.convert("RGBA" if has_alpha else "RGB")
    image.thumbnail((LONGEST_SIDE, LONGEST_SIDE))
    small = image.copy()
    small.thumbnail((THUMBNAIL_SIDE, THUMBNAIL_SIDE))
    if has_alpha:
        return Picture("image/png", ".png", _encode(image, "PNG"), _encode(small, "PNG"))
    return Picture("image/jpeg", ".jpg", _encode(image, "JPEG"), _encode(small, "JPEG"))


def _encode(image: Image.Image, form: str) -> bytes:
    buffer = io.BytesIO()
    options = {"quality": _QUALITY, "progressive": True} if form == "JPEG" else {"optimize": True}
    image.info.clear()
    image.save(buffer, form, **options)
    return buffer.getvalue()
