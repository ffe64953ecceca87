"""Rules for what people send: sizes, names, and whether the content is what the extension says."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Collection
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, Protocol
from urllib.parse import quote

from app.core.errors import InvalidInput
from app.core.texts import _

MEGABYTE = 1024 * 1024
MAX_BYTES = 10 * MEGABYTE
MAX_FILES = 20
NAME_LENGTH = 150

#: The harmless pattern that every malware scanner knows; its two halves are joined here only.
_EICAR = b"X5O!P%@AP[4\\PZX54(P^)7CC)7}$" + b"EICAR-STANDARD-ANTIVIRUS-TEST-FILE!$H+H*"
_RESERVED = re.compile(r"(?i)(con|prn|aux|nul|com[0-9]|lpt[0-9])(\..*)?")
_HIDDEN_CATEGORIES = frozenset({"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"})
_FORBIDDEN = frozenset('/\\:*?"<>|')
_SNIFFED = 2048


class UploadRefused(InvalidInput):
    """A file is too large, empty, or not what its extension says."""

    code = "upload_refused"


@dataclass(frozen=True, slots=True)
class UploadLimits:
    """What the page for imports takes; the command has no limit."""

    #: Of all tables sent at once.
    table_bytes: int = 200 * MEGABYTE
    #: Of an archive of images, and its entries.
    archive_bytes: int = 1024 * MEGABYTE
    archive_entries: int = 20_000
    #: Of a single picture or datasheet.
    attachment_bytes: int = 10 * MEGABYTE


_read_limits: list[Callable[[], UploadLimits]] = [UploadLimits]


def upload_limits() -> UploadLimits:
    """The limits at present: the vendor's own where settings hold some."""
    return _read_limits[-1]()


def set_limits_reader(read: Callable[[], UploadLimits]) -> None:
    """Take the limits from somewhere else, such as the vendor's settings."""
    _read_limits[:] = [UploadLimits, read]


class Store(Protocol):
    """Where uploads are kept, under names of our own."""

    def save(self, content: BinaryIO, *, extension: str) -> str:
        """Keep the content and return its key."""

    def save_variant(self, content: BinaryIO, *, key: str, variant: str) -> None:
        """Keep another form of what is kept under the key."""

    def path_of(self, key: str) -> Path:
        """:raises NotFound: nothing is kept under the key."""

    def delete(self, key: str) -> None:
        """Forget the content and its variants; nothing happens where there is none."""

    def new_path(self, *, extension: str) -> tuple[str, Path]:
        """A key and a path to write to, for content that grows."""


@dataclass(frozen=True, slots=True)
class FileKind:
    """A kind of content: how it begins, and the extensions it goes by."""

    name: str
    content_type: str
    extensions: frozenset[str]
    signatures: tuple[bytes, ...]


PNG = FileKind("PNG", "image/png", frozenset({".png"}), (b"\x89PNG\r\n\x1a\n",))
JPEG = FileKind("JPEG", "image/jpeg", frozenset({".jpg", ".jpeg"}), (b"\xff\xd8\xff",))
GIF = FileKind("GIF", "image/gif", frozenset({".gif"}), (b"GIF87a", b"GIF89a"))
WEBP = FileKind("WEBP", "image/webp", frozenset({".webp"}), (b"RIFF",))
PDF = FileKind("PDF", "application/pdf", frozenset({".pdf"}), (b"%PDF-",))
IMAGES = (PNG, JPEG, GIF, WEBP)


def safe_filename(name: str) -> str:
    """The name without folders, hidden characters and names that systems reserve; never empty."""
    last = name.replace("\\", "/").rpartition("/")[2]
    normal = unicodedata.normalize("NFC", last)
    shown = "".join(
        "_" if character in _FORBIDDEN else character
        for character in normal
        if unicodedata.category(character) not in _HIDDEN_CATEGORIES
    )
    shown = shown.strip(" .")
    if not shown or _RESERVED.fullmatch(shown):
        shown = f"file_{shown}".rstrip("_")
    stem, dot, extension = shown.rpartition(".")
    if dot and len(extension) <= 8:
        return f"{stem[: NAME_LENGTH - len(extension) - 1]}.{extension}"
    return shown[:NAME_LENGTH]


def content_disposition(name: str, *, inline: bool = False) -> str:
    """The header that names a download, also for names outside ASCII. Source: RFC 6266."""
    name = safe_filename(name)
    plain = unicodedata.normalize("NFKD", name).encode("ascii", "ignore").decode().replace('"', "_")
    kind = "inline" if inline else "attachment"
    return f"{kind}; filename=\"{plain or 'file'}\"; filename*=UTF-8''{quote(name, safe='')}"


def size_of(content: BinaryIO) -> int:
    """Bytes of an open file; it is at its beginning afterwards."""
    size = content.seek(0, 2)
    content.seek(0)
    return size


def check_content(name: str, content: BinaryIO, *, most: int = MAX_BYTES) -> None:
    """Size and the malware test pattern.

    :raises UploadRefused: empty, larger than `most` bytes, or taken for malware.
    """
    size = size_of(content)
    if size == 0:
        raise UploadRefused(_("%(name)s is empty. Choose another file.", name=name))
    if size > most:
        raise UploadRefused(_("%(name)s is larger than %(most)s MB.", name=name, most=most // (1024 * 1024)))
    head = content.read(_SNIFFED)
    content.seek(0)
    if _EICAR in head:
        raise UploadRefused(_("%(name)s was taken for malware and is not kept.", name=name))


def kind_of(name: str, content: BinaryIO, allowed: Collection[FileKind]) -> FileKind:
    """The kind that both the extension and the content say.

    :raises UploadRefused: another kind, or the two contradict each other.
    """
    extension = Path(name).suffix.lower()
    head = content.read(_SNIFFED)
    content.seek(0)
    hint = _hint(extension, head)
    if hint is not None:
        raise UploadRefused(hint)
    names = ", ".join(kind.name for kind in allowed)
    kind = next((kind for kind in allowed if extension in kind.extensions), None)
    if kind is None:
        raise UploadRefused(_("%(name)s is not taken here. Send one of: %(kinds)s.", name=name, kinds=names))
    is_webp = kind is not WEBP or head[8:12] == b"WEBP"
    if not head.startswith(kind.signatures) or not is_webp:
        raise UploadRefused(
            _("%(name)s is not the %(kind)s its extension says. Export it again.", name=name, kind=kind.name)
        )
    return kind


def _hint(extension: str, head: bytes) -> str | None:
    if extension in (".heic", ".heif") or (
        head[4:8] == b"ftyp" and head[8:12] in (b"heic", b"heix", b"mif1")
    ):
        return _("HEIC pictures are not taken. On the phone choose “Most compatible”, or send a JPEG.")
    if extension in (".svg", ".svgz") or b"<svg" in head[:512].lower():
        return _("SVG drawings are not taken, because they can carry programs. Export the picture as PNG.")
    return None
