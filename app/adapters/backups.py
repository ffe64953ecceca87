"""The archive of a backup: a ZIP whose manifest names every member with its size and SHA-256.

    manifest.json           version, schema revision, kind of database, rows, totals, members
    database.sqlite         the embedded database, or
    database.dump           PostgreSQL's, in pg_dump's own format
    secret_key              what cookies and links are signed with
    demo-passwords.json     of a demo only
    mail_password           of the stored mail server
    uploads/ab/ab….jpg      uploads under their keys
    uploads-later/…         those that changed while the backup ran; they take the place of the first copy

Nothing is read whole into memory. A backup has its name only when it is complete.
"""

from __future__ import annotations

import contextlib
import hashlib
import io
import json
import os
import re
import secrets
import time
import zipfile
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, BinaryIO

from app.adapters.mail_setup import PASSWORD_FILE
from app.adapters.storage import KEY

FORMAT = "sellthru-backup"
FORMAT_VERSION = 1
MANIFEST = "manifest.json"
SECRET = "secret_key"  # noqa: S105 - a file's name
PASSWORDS = "demo-passwords.json"
#: Files that nobody else on the machine may read.
PRIVATE = (SECRET, PASSWORDS, PASSWORD_FILE)
DATABASES = {"sqlite": "database.sqlite", "postgresql": "database.dump"}
LATER = "uploads-later/"
UPLOADS = "uploads/"

_UPLOAD = re.compile(rf"uploads(?:-later)?/([0-9a-f]{{2}})/({KEY.pattern})")
_BLOCK = 1024 * 1024
_LARGEST_MANIFEST = 512 * 1024 * 1024
#: Already compressed, so that a second time costs and gains nothing.
_PACKED = (".jpg", ".jpeg", ".png", ".gif", ".webp", ".pdf", ".xlsx", ".ods", ".zip", ".dump")


class BackupError(Exception):
    """A backup cannot be taken or read; the message is one sentence for whoever runs the command."""


@dataclass(frozen=True, slots=True)
class Member:
    """A file of the archive."""

    size: int
    sha256: str


@dataclass(slots=True)
class Manifest:
    """What the archive says of itself."""

    product_version: str
    taken_at: str
    kind: str
    revision: str
    #: Version of the database's server or library.
    server: str
    counts: dict[str, int]
    totals: dict[str, str]
    #: What was wrong in the instance when it was taken; a restored copy has the same and no more.
    differences: list[str]
    members: dict[str, Member] = field(default_factory=dict)

    def to_json(self) -> bytes:
        body = {"format": FORMAT, "format_version": FORMAT_VERSION, **asdict(self)}
        return json.dumps(body, indent=1, sort_keys=True).encode()


def is_member_name(name: str) -> bool:
    """Whether a backup may hold a file of that name: ours alone, so that no path leads out of it."""
    if name in {*PRIVATE, *DATABASES.values()}:
        return True
    found = _UPLOAD.fullmatch(name)
    return found is not None and found[2].startswith(found[1])


class BackupWriter:
    """Writes the archive member by member; `open_writer` gives it its name at the end."""

    def __init__(self, archive: zipfile.ZipFile) -> None:
        self._archive = archive
        self.members: dict[str, Member] = {}

    def add_file(self, name: str, path: Path) -> None:
        """Add what the file holds at this moment. :raises FileNotFoundError: it is gone."""
        with path.open("rb") as content:
            self._add(name, content)

    def add_text(self, name: str, text: str) -> None:
        """Add a short text."""
        self._add(name, io.BytesIO(text.encode()))

    def add_manifest(self, manifest: Manifest) -> None:
        """Add the manifest of what was added before; the last step."""
        manifest.members = dict(self.members)
        self._archive.writestr(_entry(MANIFEST), manifest.to_json())

    def _add(self, name: str, content: BinaryIO) -> None:
        digest, size = hashlib.sha256(), 0
        with self._archive.open(_entry(name), "w", force_zip64=True) as target:
            while block := content.read(_BLOCK):
                digest.update(block)
                size += len(block)
                target.write(block)
        self.members[name] = Member(size, digest.hexdigest())


def _entry(name: str) -> zipfile.ZipInfo:
    entry = zipfile.ZipInfo(name, date_time=time.gmtime()[:6])
    entry.compress_type = zipfile.ZIP_STORED if name.endswith(_PACKED) else zipfile.ZIP_DEFLATED
    entry._compresslevel = 1  # type: ignore[attr-defined]  # the later argument of the same name is 3.13's
    entry.external_attr = 0o600 << 16
    return entry


@contextlib.contextmanager
def open_writer(target: Path) -> Iterator[BackupWriter]:
    """A writer of the archive `target`, readable by its owner only; after an error there is none."""
    draft = target.with_name(f".{target.name}.{secrets.token_hex(4)}.part")
    try:
        with os.fdopen(os.open(draft, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o600), "w+b") as file:
            with zipfile.ZipFile(file, "w", allowZip64=True) as archive:
                yield BackupWriter(archive)
            file.flush()
            os.fsync(file.fileno())
        draft.replace(target)
        _sync_folder(target.parent)
    finally:
        draft.unlink(missing_ok=True)


def _sync_folder(folder: Path) -> None:
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


class Backup:
    """An archive that is open for reading: its names are checked, its contents when they are extracted."""

    def __init__(self, path: Path, archive: zipfile.ZipFile) -> None:
        self.path = path
        self._archive = archive
        self.manifest = _read_manifest(path, archive)
        self._check_names()

    @property
    def size(self) -> int:
        """Bytes of all members."""
        return sum(member.size for member in self.manifest.members.values())

    def extract(self, folder: Path) -> None:
        """Write every member below `folder`, each compared with its SHA-256.

        :raises BackupError: one is not what the manifest says.
        """
        members = self.manifest.members
        for name in sorted(members):
            if name.startswith(UPLOADS) and LATER + name.removeprefix(UPLOADS) in members:
                continue
            place = UPLOADS + name.removeprefix(LATER) if name.startswith(LATER) else name
            target = folder / place
            target.parent.mkdir(parents=True, exist_ok=True)
            self._extract(name, members[name], target)

    def _extract(self, name: str, member: Member, target: Path) -> None:
        digest, size = hashlib.sha256(), 0
        mode = 0o600 if name in PRIVATE else 0o666
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL
        try:
            with self._archive.open(name) as content, os.fdopen(os.open(target, flags, mode), "wb") as file:
                while block := content.read(_BLOCK):
                    size += len(block)
                    if size > member.size:
                        break
                    digest.update(block)
                    file.write(block)
                file.flush()
                os.fsync(file.fileno())
        except (zipfile.BadZipFile, EOFError, NotImplementedError, ValueError, RuntimeError) as error:
            raise BackupError(f"{self.path} is damaged: {name} cannot be read.") from error
        except Exception as error:
            if type(error).__module__ == "zlib":
                raise BackupError(f"{self.path} is damaged: {name} cannot be unpacked.") from error
            raise
        if size != member.size or digest.hexdigest() != member.sha256:
            raise BackupError(f"{self.path} is damaged: {name} is not what the manifest says.")

    def _check_names(self) -> None:
        names = [entry.filename for entry in self._archive.infolist()]
        members = self.manifest.members
        strange = sorted(name for name in {*names, *members} - {MANIFEST} if not is_member_name(name))
        if strange:
            raise BackupError(f"{self.path} holds {strange[0]!r}, which no backup of Sellthru does.")
        if len(names) != len(set(names)) or {*members, MANIFEST} != set(names):
            raise BackupError(f"{self.path} is damaged: its files are not those its manifest names.")
        database = DATABASES.get(self.manifest.kind)
        if database not in members:
            raise BackupError(f"{self.path} is damaged: it lacks its database.")


def _read_manifest(path: Path, archive: zipfile.ZipFile) -> Manifest:
    try:
        entry = archive.getinfo(MANIFEST)
        if entry.file_size > _LARGEST_MANIFEST:
            raise ValueError
        body: dict[str, Any] = json.loads(archive.read(entry))
        if body.pop("format") != FORMAT:
            raise ValueError
        version = body.pop("format_version")
        if version == FORMAT_VERSION:
            members = {name: Member(**member) for name, member in body.pop("members").items()}
            return Manifest(**body, members=members)
    except (KeyError, ValueError, TypeError, AttributeError) as error:
        raise BackupError(f"{path} is not a backup of Sellthru.") from error
    except Exception as error:
        raise BackupError(f"{path} is damaged: its manifest cannot be read.") from error
    raise BackupError(f"{path} is a backup of a newer Sellthru; restore it with that one.")


@contextlib.contextmanager
def open_backup(path: Path) -> Iterator[Backup]:
    """The archive, its manifest read and its names checked.

    :raises BackupError: there is none, or it is cut off, damaged or of something else.
    """
    try:
        with path.open("rb") as file:
            start = file.read(4)
        archive = zipfile.ZipFile(path)
    except OSError as error:
        raise BackupError(f"{path} cannot be read: {error.strerror or error}.") from error
    except Exception as error:
        # A directory of nonsense raises whatever it leads to.
        if start == b"PK\x03\x04":
            raise BackupError(f"{path} is cut off or damaged: its end is missing.") from error
        raise BackupError(f"{path} is not a backup of Sellthru.") from error
    with archive:
        yield Backup(path, archive)
