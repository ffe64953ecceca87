"""ZIP archives of images: a row for each entry, read one at a time, and the pictures written anew."""

from __future__ import annotations

import hashlib
import io
import struct
import zipfile
import zlib
from collections.abc import Iterator
from pathlib import Path

from app.adapters.images import read_picture
from app.adapters.storage import LocalStore
from app.core.imports.tables import SourceRow, UnreadableFile
from app.core.texts import _
from app.core.uploads import MEGABYTE, UploadRefused, safe_filename
from app.domain.catalogue.import_images import FILE, KeptPicture, NewPicture

#: What the format can count without its extension for archives beyond 4 GB.
MOST_ENTRIES = 65_535
#: Bytes of one entry after unpacking; pictures of 50 million pixels are smaller.
MOST_UNPACKED = 50 * MEGABYTE
THUMBNAIL = "160"

_END_RECORD = struct.Struct("<4s4H2LH")
_ENTRY_BYTES = 1000
#: What operating systems put beside the files somebody chose.
_JUNK_FOLDERS = ("__MACOSX/",)
_JUNK_NAMES = frozenset({"thumbs.db", "desktop.ini"})
_READING_FAULTS = (
    *(zipfile.BadZipFile, zlib.error, OSError, EOFError),
    *(RuntimeError, NotImplementedError, ValueError),
)


class ImageArchive:
    """A ZIP archive on disk, and the store its pictures are kept in."""

    def __init__(self, path: Path, name: str, store: LocalStore) -> None:
        self._path, self.name, self._store = path, name, store
        self._archive: zipfile.ZipFile | None = None

    def check(self, most_entries: int = MOST_ENTRIES) -> None:
        """Look at the list of entries before anything is unpacked.

        :raises UnreadableFile: no archive, damaged, or with too many entries.
        """
        try:
            with self._path.open("rb") as file:
                size = file.seek(0, 2)
                file.seek(max(0, size - 65_557))
                tail = file.read()
        except OSError as error:
            raise UnreadableFile(
                _("%(name)s cannot be opened: %(reason)s.", name=self.name, reason=error.strerror or "")
            ) from error
        place = tail.rfind(b"PK\x05\x06")
        if place < 0 or len(tail) - place < _END_RECORD.size:
            raise self._damaged()
        record = _END_RECORD.unpack_from(tail, place)
        if record[4] == MOST_ENTRIES or 0xFFFFFFFF in record[5:7]:
            raise UnreadableFile(
                _("%(name)s is larger than 4 GB or holds too many entries. Split it.", name=self.name)
            )
        if record[4] > most_entries or record[5] > most_entries * _ENTRY_BYTES:
            raise UnreadableFile(
                _(
                    "%(name)s holds %(count)s entries; at most %(most)s are taken. Split it.",
                    name=self.name,
                    count=record[4],
                    most=most_entries,
                )
            )

    def header(self) -> list[str]:
        """One column: the entry's name."""
        return [FILE]

    def rows(self) -> Iterator[SourceRow]:
        """A row for each file in the archive; folders and what systems add are passed over."""
        names = [entry.filename for entry in self._opened().infolist() if not _is_junk(entry)]
        for number, name in enumerate(names, start=1):
            yield SourceRow(number, [name])

    def digest(self, entry: str) -> str:
        """SHA-256 of an entry as it was packed. :raises UploadRefused: it cannot be unpacked."""
        return hashlib.sha256(self._read(entry)).hexdigest()

    def read(self, entry: str) -> NewPicture:
        """An entry decoded and written anew. :raises UploadRefused: it is no picture we take."""
        name = safe_filename(entry)
        picture = read_picture(name, io.BytesIO(self._read(entry)))
        filename = name.rpartition(".")[0] + picture.extension
        return NewPicture(filename, picture.content_type, picture.extension, picture.full, picture.thumbnail)

    def keep(self, picture: NewPicture) -> KeptPicture:
        """Put a picture and its small form into the store."""
        key = self._store.save(io.BytesIO(picture.full), extension=picture.extension)
        self._store.save_variant(io.BytesIO(picture.thumbnail), key=key, variant=THUMBNAIL)
        return KeptPicture(key, len(picture.full))

    def _opened(self) -> zipfile.ZipFile:
        # Opened once: the list of entries is read whole each time.
        if self._archive is None:
            try:
                self._archive = zipfile.ZipFile(self._path)
            except _READING_FAULTS as error:
                raise self._damaged() from error
        return self._archive

    def _read(self, entry: str) -> bytes:
        name = safe_filename(entry)
        archive = self._opened()
        try:
            facts = archive.getinfo(entry)
            if facts.flag_bits & 1:
                raise UploadRefused(_("%(name)s is protected by a password.", name=name))
            # The size that an entry declares may lie, so no more is unpacked than is taken.
            with archive.open(facts) as file:
                content = file.read(MOST_UNPACKED + 1)
        except (KeyError, *_READING_FAULTS) as error:
            message = _("%(name)s is damaged in the archive. Pack it again.", name=name)
            raise UploadRefused(message) from error
        if len(content) > MOST_UNPACKED:
            most = MOST_UNPACKED // MEGABYTE
            raise UploadRefused(_("%(name)s unpacks to more than %(most)s MB.", name=name, most=most))
        return content

    def _damaged(self) -> UnreadableFile:
        return UnreadableFile(
            _("%(name)s is damaged, or is no ZIP archive. Pack the images again.", name=self.name)
        )


def _is_junk(entry: zipfile.ZipInfo) -> bool:
    last = entry.filename.rpartition("/")[2]
    return (
        entry.is_dir()
        or entry.filename.startswith(_JUNK_FOLDERS)
        or last.startswith(".")
        or last.casefold() in _JUNK_NAMES
    )
