"""Import of product images from an archive, by file name: a SKU or part number, and a place behind it."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Protocol

from sqlalchemy import Table, insert, select, update
from sqlalchemy.orm import Session

from app.core import audit
from app.core.imports.kinds import Change, FilePlan, Item, Judged, PlainKind
from app.core.imports.mapping import Field
from app.core.imports.tables import SourceRow, UnreadableFile
from app.core.imports.undoing import take_back
from app.core.imports.verdicts import IS_CREATED, IS_UNCHANGED, IS_UPDATED, Verdict, rejected
from app.core.permissions import Actor, Permission
from app.core.texts import N_, _
from app.core.uploads import UploadRefused
from app.domain.catalogue.models import Product, ProductMedia
from app.domain.catalogue.numbers import code_key
from app.domain.catalogue.product_parts import MAX_MEDIA

FILE = "file"
EXTENSIONS = frozenset({"jpg", "jpeg", "png", "gif", "webp"})
LONGEST_NAME = 150
_MEDIA: Table = ProductMedia.__table__  # type: ignore[assignment]  # mapped to exactly one table
_PLACE = re.compile(r"(.+)[_ -]([0-9]{1,2})")
_NO_POSITION = 0


@dataclass(frozen=True, slots=True)
class NewPicture:
    """A picture written anew, with its small form, as bytes."""

    filename: str
    content_type: str
    extension: str
    full: bytes
    thumbnail: bytes


@dataclass(frozen=True, slots=True)
class KeptPicture:
    """Where a picture is kept, and its size."""

    storage_key: str
    size_bytes: int


class Pictures(Protocol):
    """The entries of an archive, and the store they go to."""

    def digest(self, entry: str) -> str:
        """:raises UploadRefused: it cannot be unpacked."""

    def read(self, entry: str) -> NewPicture:
        """:raises UploadRefused: it is no picture we take."""

    def keep(self, picture: NewPicture) -> KeptPicture:
        """Put it into the store."""


@dataclass(slots=True)
class Entry:
    """A file of the archive; what it holds is read where it is not known already."""

    path: str
    stem: str
    #: What the name may stand for, the whole of it first: key and place.
    names: tuple[tuple[str, int], ...]
    digest: str = ""
    picture: NewPicture | None = None
    fault: Verdict | None = None


@dataclass(slots=True)
class Work:
    """Pictures to be kept with the change that reports each: new ones, and those that replace another."""

    new: list[tuple[Entry, int, int, Change]] = field(default_factory=list)
    replaced: list[tuple[Entry, int, Change]] = field(default_factory=list)


class ImagesKind(PlainKind):
    """An image is known by its product and file name; the same content again changes nothing."""

    name = "images"
    title = N_("Images")
    hint = N_(
        "Product images in a ZIP file, named by SKU or manufacturer part number: SKU.jpg, SKU_2.png. "
        "An image of the same name replaces the one imported before."
    )
    fields: Sequence[Field] = (Field(FILE, N_("File name"), is_required=True),)
    permissions = (Permission.CATALOGUE_MANAGE,)
    reads_archives = True
    most_rows = 10

    def open(self, plan: FilePlan) -> Callable[[SourceRow], Item]:
        """Reader of the entries' names; the entries themselves are read batch by batch."""
        return _read

    def prepare(self, session: Session, plan: FilePlan, items: Sequence[Item]) -> None:
        """Unpack and decode what is not stored yet, before the batch's transaction begins."""
        entries = [item.value for item in items if item.fault is None]
        stored = _Stored(session, entries)
        for entry in entries:
            product = stored.product_of(entry)
            if product is not None:
                _look_into(_pictures(plan), entry, stored.hashes(product[0].id))

    def judge(
        self, session: Session, plan: FilePlan, items: Sequence[Item], recalled: Mapping[str, str]
    ) -> Judged:
        """A verdict for each entry."""
        stored = _Stored(session, [item.value for item in items if item.fault is None])
        judged = Judged([], {}, Work())
        for item in items:
            verdict = item.fault
            if verdict is None and (item.key in recalled or item.key in judged.memories):
                verdict = rejected(
                    "conflicting_row",
                    _("Another entry of this import has the same name. Keep one of the two."),
                )
            if verdict is None:
                judged.memories[item.key] = ""
                verdict = _judge(item.value, stored, plan, judged)
            judged.verdicts.append(verdict)
        return judged

    def store(
        self, session: Session, actor: Actor, plan: FilePlan, judged: Judged, *, run_id: int, now: datetime
    ) -> None:
        """Keep the batch's pictures; a replaced one stays in the store as long as the run can be undone."""
        work: Work = judged.work
        for entry, product_id, position, change in work.new:
            values = {**_kept(_pictures(plan), entry), "product_id": product_id, "position": position}
            made = insert(ProductMedia).values(kind="image", alt_text="", **values).returning(ProductMedia.id)
            change.row_id = session.execute(made).scalar_one()
            change.after = {**(change.after or {}), **values}
        for entry, medium_id, change in work.replaced:
            values = _kept(_pictures(plan), entry)
            session.execute(
                update(ProductMedia)
                .where(ProductMedia.id == medium_id)
                .values(**values)
                .execution_options(synchronize_session=False)
            )
            change.after = values
        if judged.changes:
            audit.record(
                session,
                actor,
                "images.imported",
                subject_type="import_run",
                subject_id=run_id,
                now=now,
                before={one.subject: one.before["filename"] for one in judged.changes if one.before} or None,
                after={"images": [[one.subject, (one.after or {})["filename"]] for one in judged.changes]},
            )

    def undo(
        self, session: Session, actor: Actor, changes: Sequence[Change], *, run_id: int, now: datetime
    ) -> None:
        """Take images away again, and back those that were replaced."""
        take_back(session, _MEDIA, changes)


def _pictures(plan: FilePlan) -> Pictures:
    if plan.content is None:
        raise UnreadableFile(_("%(name)s is no archive of images.", name=plan.survey.name))
    pictures: Pictures = plan.content
    return pictures


def _read(row: SourceRow) -> Item:
    path = row.cells[0]
    last = path.replace("\\", "/").rpartition("/")[2]
    stem, _dot, extension = last.rpartition(".")
    key = code_key(stem)
    fault = None
    if not key or extension.lower() not in EXTENSIONS:
        fault = rejected(
            "not_an_image", _("Only images are taken: JPEG, PNG, GIF or WebP, named by a SKU or part number.")
        )
    elif len(last) > LONGEST_NAME:
        fault = rejected(
            "too_long", _("The file name is longer than %(most)s characters.", most=LONGEST_NAME)
        )
    names = [(key, _NO_POSITION)]
    placed = _PLACE.fullmatch(key)
    if placed:
        names.append((placed[1], int(placed[2])))
    return Item(row, key, Entry(path, stem, tuple(names)), fault)


def _look_into(pictures: Pictures, entry: Entry, known: Mapping[str, Any]) -> None:
    """Read an entry once; decode it only where its content is not stored for its product already."""
    if entry.digest or entry.fault is not None:
        return
    try:
        entry.digest = pictures.digest(entry.path)
        if entry.digest not in known:
            entry.picture = pictures.read(entry.path)
    except UploadRefused as error:
        entry.fault = rejected("bad_image", error.message)


class _Stored:
    """Products that the entries may belong to, and the images they have."""

    def __init__(self, session: Session, entries: Sequence[Entry]) -> None:
        keys = {name for entry in entries for name, _position in entry.names}
        columns = (Product.id, Product.sku, Product.sku_key, Product.mpn_key)
        self._products: dict[str, list[Any]] = {}
        if not keys:
            self._media: dict[int, list[Any]] = {}
            return
        for row in session.execute(select(*columns).where(Product.mpn_key.in_(keys)).order_by(Product.id)):
            self._products.setdefault(str(row.mpn_key), []).append(row)
        for row in session.execute(select(*columns).where(Product.sku_key.in_(keys))):
            self._products[row.sku_key] = [row]
        ids = {row.id for rows in self._products.values() for row in rows}
        self._media = _media_of(session, ids)

    def product_of(self, entry: Entry) -> tuple[Any, int] | None:
        """The product whose SKU or part number the name is, and the place; None where there is not one."""
        for name, position in entry.names:
            found = self._products.get(name, [])
            if len(found) == 1:
                return found[0], position
        return None

    def is_ambiguous(self, entry: Entry) -> bool:
        """Whether the name is the part number of several products."""
        return any(len(self._products.get(name, [])) > 1 for name, _position in entry.names)

    def hashes(self, product_id: int) -> dict[str, Any]:
        """The product's imported images by their content."""
        return {row.content_hash: row for row in self.media(product_id) if row.content_hash}

    def media(self, product_id: int) -> list[Any]:
        """Everything that hangs on the product."""
        return self._media.setdefault(product_id, [])


def _media_of(session: Session, product_ids: set[int]) -> dict[int, list[Any]]:
    found: dict[int, list[Any]] = {}
    columns = (
        *(ProductMedia.id, ProductMedia.product_id, ProductMedia.filename, ProductMedia.content_hash),
        *(
            ProductMedia.storage_key,
            ProductMedia.content_type,
            ProductMedia.size_bytes,
            ProductMedia.position,
        ),
    )
    for row in session.execute(select(*columns).where(ProductMedia.product_id.in_(product_ids))):
        found.setdefault(row.product_id, []).append(row)
    return found


def _judge(entry: Entry, stored: _Stored, plan: FilePlan, judged: Judged) -> Verdict:
    found = stored.product_of(entry)
    if found is None:
        return _no_product(entry, stored.is_ambiguous(entry))
    product, position = found
    hashes = stored.hashes(product.id)
    _look_into(_pictures(plan), entry, hashes)
    if entry.fault is not None:
        return entry.fault
    if entry.digest in hashes:
        return IS_UNCHANGED
    if entry.picture is None:
        entry.picture = _pictures(plan).read(entry.path)
    same = [
        row
        for row in stored.media(product.id)
        if row.content_hash and row.filename.rpartition(".")[0] == entry.picture.filename.rpartition(".")[0]
    ]
    work: Work = judged.work
    if same:
        return _replace(entry, product, same[0], work, judged)
    taken = stored.media(product.id)
    new = sum(product_id == product.id for _entry, product_id, _position, _change in work.new)
    if len(taken) + new >= MAX_MEDIA:
        return rejected("too_many_files", _("A product has at most %(most)s files.", most=MAX_MEDIA))
    change = Change(product.sku, _MEDIA.name, None, {"filename": entry.picture.filename})
    last = max((row.position for row in taken), default=0) + new
    work.new.append((entry, product.id, position or (1 if not taken and not new else last + 1), change))
    judged.changes.append(change)
    return IS_CREATED


def _replace(entry: Entry, product: Any, row: Any, work: Work, judged: Judged) -> Verdict:
    names = ("filename", "storage_key", "content_hash", "content_type", "size_bytes")
    after = {"filename": entry.picture.filename if entry.picture else "", "content_hash": entry.digest}
    change = Change(product.sku, _MEDIA.name, {name: getattr(row, name) for name in names}, after, row.id)
    work.replaced.append((entry, row.id, change))
    judged.changes.append(change)
    return IS_UPDATED


def _no_product(entry: Entry, is_ambiguous: bool) -> Verdict:
    if is_ambiguous:
        return rejected(
            "ambiguous_number",
            _("%(name)s is the part number of several products. Name the file by the SKU.", name=entry.stem),
        )
    return rejected(
        "unknown_sku",
        _("No product has the SKU or part number %(name)s. Correct the file's name.", name=entry.stem),
    )


def _kept(pictures: Pictures, entry: Entry) -> dict[str, Any]:
    picture = entry.picture
    if picture is None:
        raise ValueError(f"{entry.path} was not read")
    kept = pictures.keep(picture)
    return {
        "filename": picture.filename,
        "storage_key": kept.storage_key,
        "content_type": picture.content_type,
        "size_bytes": kept.size_bytes,
        "content_hash": entry.digest,
    }
