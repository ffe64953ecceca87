"""Import of images from an archive: a verdict per entry, the same archive twice changes nothing."""

from __future__ import annotations

import io
import zipfile
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from PIL import Image
from sqlalchemy import Engine, select

from app.adapters.image_archives import ImageArchive
from app.adapters.storage import LocalStore
from app.core.database import run
from app.core.imports import runs
from app.core.imports.engine import Hooks, ImportJob, plan_file
from app.core.imports.tables import UnreadableFile
from app.core.imports.undo import undo_run
from app.core.permissions import Actor
from app.core.tenancy import TenantSession, all_companies
from app.domain.catalogue.import_images import ImagesKind
from app.domain.catalogue.models import ProductMedia
from tests.factories.catalogue import make_product

NOW = datetime(2026, 11, 24, 9, 0, tzinfo=UTC)
ACTOR = Actor.system("test")
KIND = ImagesKind()


def picture(colour: str, form: str = "PNG") -> bytes:
    buffer = io.BytesIO()
    Image.new("RGB", (40, 30), colour).save(buffer, form)
    return buffer.getvalue()


class Archive:
    """Takes archives and keeps the reasons of what was refused."""

    def __init__(self, session: TenantSession, folder: Path) -> None:
        self.session, self.folder = session, folder
        self.store = LocalStore(folder / "uploads")
        self.refused: list[str] = []

    def take(self, entries: dict[str, bytes]) -> tuple[int, tuple[int, ...]]:
        path = self.folder / "images.zip"
        with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
            for name, content in entries.items():
                archive.writestr(name, content)
        source = ImageArchive(path, "images.zip", self.store)
        source.check()
        plan = plan_file(KIND, source, content=source)
        run_id = run(
            self.session,
            runs.open_run,
            ACTOR,
            kind="images",
            filename="images.zip",
            options={},
            is_dry_run=False,
            now=NOW,
        ).id
        begun = run(self.session, runs.begin_run, ACTOR, run_id=run_id, now=NOW)

        def keep(kept: int, rows: Any) -> None:
            self.refused += [f"{row.row.cells[0]}: {row.verdict.code}" for row in rows]

        hooks = Hooks(clock=lambda: NOW, rejects=keep)
        counts = ImportJob(self.session, ACTOR, KIND, begun, hooks=hooks).work([(source, plan)])
        run(self.session, runs.end_run, ACTOR, run_id=run_id, state="done", now=NOW)
        return run_id, (counts.created, counts.updated, counts.unchanged, counts.rejected)

    def media(self) -> list[tuple[str, int]]:
        rows = self.session.execute(
            select(ProductMedia.filename, ProductMedia.position).order_by(ProductMedia.id)
        )
        return [(row.filename, row.position) for row in rows]


@pytest.fixture
def archive(engine: Engine, tmp_path: Path) -> Any:
    with TenantSession(engine) as session, all_companies(session, reason="test"):
        make_product(session, "DOCK-24", mpn="LK_2")
        make_product(session, "DOCK_3")
        yield Archive(session, tmp_path)


def test_files_are_hung_on_products_by_sku_and_part_number_and_known_again(archive):
    entries = {
        "pictures/DOCK-24.png": picture("red"),
        "pictures/dock-24_2.jpg": picture("green", "JPEG"),
        "DOCK_3.png": picture("blue"),
        "LK_2.gif": picture("white", "GIF"),
        "__MACOSX/._DOCK-24.png": b"junk",
        "pictures/.DS_Store": b"junk",
    }
    assert archive.take(entries)[1] == (4, 0, 0, 0)
    assert sorted(archive.media()) == [
        ("DOCK-24.jpg", 1),
        ("DOCK_3.jpg", 1),
        ("LK_2.jpg", 3),
        ("dock-24_2.jpg", 2),
    ]
    assert archive.take(entries)[1] == (0, 0, 4, 0)


def test_what_is_no_image_of_a_product_is_refused_alone(archive):
    bomb = bytearray(picture("red"))
    bomb[16:24] = (60_000).to_bytes(4, "big") * 2  # declares 3.6 thousand million pixels
    entries = {
        "DOCK-24.png": picture("red"),
        "DOCK-24.jpg": picture("green", "JPEG"),
        "NO-SUCH.png": picture("red"),
        "list.txt": b"text",
        "DOCK_3.png": bytes(bomb),
        "DOCK-24_4.png": b"no picture at all",
        "DOCK-24_5.png": b"\0" * (51 * 1024 * 1024),
    }
    assert archive.take(entries)[1] == (1, 0, 0, 6)
    assert archive.refused == [
        "DOCK-24.jpg: conflicting_row",
        "NO-SUCH.png: unknown_sku",
        "list.txt: not_an_image",
        "DOCK_3.png: bad_image",
        "DOCK-24_4.png: bad_image",
        "DOCK-24_5.png: bad_image",
    ]


def test_another_picture_of_the_same_name_replaces_it_until_it_is_undone(archive):
    first, _counts = archive.take({"DOCK-24.png": picture("red")})
    before = archive.session.scalars(select(ProductMedia.storage_key)).one()
    second, counts = archive.take({"DOCK-24.png": picture("green")})
    assert counts == (0, 1, 0, 0)
    assert archive.session.scalars(select(ProductMedia.storage_key)).one() != before
    run(archive.session, undo_run, ACTOR, run_id=second, kind=KIND, now=NOW)
    assert archive.session.scalars(select(ProductMedia.storage_key)).one() == before
    assert archive.store.path_of(before).is_file()
    run(archive.session, undo_run, ACTOR, run_id=first, kind=KIND, now=NOW)
    assert archive.media() == []


def test_an_archive_is_refused_by_its_list_of_entries(archive, tmp_path):
    path = tmp_path / "many.zip"
    with zipfile.ZipFile(path, "w") as packed:
        for number in range(12):
            packed.writestr(f"{number}.png", b"")
    with pytest.raises(UnreadableFile, match="holds 12 entries; at most 10"):
        ImageArchive(path, "many.zip", archive.store).check(10)
    path.write_bytes(b"no archive")
    with pytest.raises(UnreadableFile, match="is damaged, or is no ZIP"):
        ImageArchive(path, "many.zip", archive.store).check()
