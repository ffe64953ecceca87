"""Looks into zip archives before anything unpacks them: how many entries, how much they hold."""

from __future__ import annotations

import struct
import zipfile
import zlib
from pathlib import Path
from typing import BinaryIO

from app.core.imports.tables import UnreadableFile
from app.core.texts import _

MAX_UNPACKED = 50 * 1024 * 1024
MAX_ENTRIES = 1000
MAX_RATIO = 100
#: A small archive of very regular rows packs better than that and harms nobody.
RATIO_FREE = 1024 * 1024

_CHUNK = 64 * 1024
_END_RECORD = struct.Struct("<4s4H2LH")
_LOCAL_HEADER = struct.Struct("<4s5H3L2H")
#: Bytes of one entry in the central directory, its name included; real ones take about 100.
_ENTRY_BYTES = 600


def check_archive(path: Path) -> None:
    """Refuse a zip archive that unpacks to too much; reads it once in small pieces, keeps nothing.

    The sizes that an archive declares may lie, so every entry is unpacked and counted, at most 50 MB.

    :raises UnreadableFile: damaged, protected, too many entries, too large, or packed too tightly.
    """
    with path.open("rb") as file:
        _check_directory(file, path.name)
        try:
            with zipfile.ZipFile(file) as archive:
                entries = archive.infolist()
        except (zipfile.BadZipFile, ValueError, OSError, NotImplementedError) as error:
            raise _damaged(path.name) from error
        if len(entries) > MAX_ENTRIES:
            raise _too_many(path.name)
        if sum(entry.file_size for entry in entries) > MAX_UNPACKED:
            raise _too_large(path.name)
        unpacked = 0
        for entry in entries:
            unpacked += _unpacked_size(file, entry, path.name, MAX_UNPACKED - unpacked)
    packed = max(1, path.stat().st_size)
    if unpacked > RATIO_FREE and unpacked / packed > MAX_RATIO:
        raise _too_large(path.name)


def _damaged(name: str) -> UnreadableFile:
    return UnreadableFile(
        _("%(name)s is damaged, or is no workbook. Open it in a spreadsheet and save it again.", name=name)
    )


def _too_many(name: str) -> UnreadableFile:
    return UnreadableFile(
        _("%(name)s holds more than %(most)s parts. Save the sheet as CSV.", name=name, most=MAX_ENTRIES)
    )


def _too_large(name: str) -> UnreadableFile:
    return UnreadableFile(
        _(
            "%(name)s unpacks to more than is read (%(most)s MB). Save the sheet as CSV, or split it.",
            name=name,
            most=MAX_UNPACKED // (1024 * 1024),
        )
    )


def _check_directory(file: BinaryIO, name: str) -> None:
    # The list of entries itself may be made to fill the memory, so its size is looked at first.
    size = file.seek(0, 2)
    file.seek(max(0, size - 65_557))
    tail = file.read()
    place = tail.rfind(b"PK\x05\x06")
    if place < 0 or len(tail) - place < _END_RECORD.size:
        raise _damaged(name)
    record = _END_RECORD.unpack_from(tail, place)
    entries, directory_size, offset = record[4], record[5], record[6]
    if entries > MAX_ENTRIES or directory_size > MAX_ENTRIES * _ENTRY_BYTES or offset == 0xFFFFFFFF:
        raise _too_many(name)


def _unpacked_size(file: BinaryIO, entry: zipfile.ZipInfo, name: str, most: int) -> int:
    if entry.flag_bits & 1:
        raise UnreadableFile(_("%(name)s is protected by a password. Save it without one.", name=name))
    file.seek(entry.header_offset)
    header = file.read(_LOCAL_HEADER.size)
    if len(header) < _LOCAL_HEADER.size or header[:4] != b"PK\x03\x04":
        raise _damaged(name)
    fields = _LOCAL_HEADER.unpack(header)
    file.seek(fields[9] + fields[10], 1)
    if entry.compress_type == zipfile.ZIP_STORED:
        if entry.compress_size != entry.file_size:
            raise _damaged(name)
        return entry.file_size
    if entry.compress_type != zipfile.ZIP_DEFLATED:
        raise _damaged(name)
    return _inflated_size(file, entry, name, most)


def _inflated_size(file: BinaryIO, entry: zipfile.ZipInfo, name: str, most: int) -> int:
    inflate = zlib.decompressobj(-15)
    left, unpacked, waiting = entry.compress_size, 0, b""
    while not inflate.eof:
        if not waiting:
            waiting = file.read(min(_CHUNK, left))
            left -= len(waiting)
            if not waiting:
                break
        try:
            unpacked += len(inflate.decompress(waiting, _CHUNK))
        except zlib.error as error:
            raise _damaged(name) from error
        if unpacked > most:
            raise _too_large(name)
        waiting = inflate.unconsumed_tail
    if unpacked != entry.file_size:
        raise _damaged(name)
    return unpacked
