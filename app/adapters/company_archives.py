"""All data of a company as a ZIP: each table as CSV and as JSON lines, with a list of what is in it."""

from __future__ import annotations

import json
import shutil
import tempfile
import zipfile
from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any, BinaryIO

from sqlalchemy.orm import Session

from app.adapters.spreadsheets import csv_chunks
from app.core.tenancy import company_scope
from app.domain.accounts.company_data import LEFT_OUT, parts
from app.domain.accounts.models import Company

_README = """All data of {name} ({number}), as of {moment}.

csv/    one table a file, with a header, UTF-8. A text that a spreadsheet would run begins with '.
jsonl/  the same, one object a line; nothing is changed in it.
manifest.json  how many rows each table has, and what is left out, with the reason.

Amounts are decimals with a dot, days and moments ISO 8601, moments in UTC. Columns that end in _id hold the
id of a row of another table, such as branch_id of branch; products have their number beside their id.
"""


def write_archive(
    file: BinaryIO, session: Session, company: Company, *, now: datetime, beat: Callable[[], None]
) -> dict[str, int]:
    """Write the archive, table by table, in memory that does not grow; returns the rows of each table.

    The session reads in a snapshot that has begun. `beat` is called between pieces.
    """
    counts: dict[str, int] = {}
    stamp = now.astimezone(UTC).timetuple()[:6]
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive, company_scope(session, company.id):
        for part in parts():
            beat()
            counts[part.name] = _write_part(archive, stamp, part, session, company.id, beat)
        manifest = {"company": company.number, "made_at": _plain(now), "rows": counts, "left_out": LEFT_OUT}
        readme = _README.format(name=company.name, number=company.number, moment=_plain(now))
        archive.writestr(_member("manifest.json", stamp), json.dumps(manifest, indent=2, ensure_ascii=False))
        archive.writestr(_member("README.txt", stamp), readme)
    return counts


def _member(name: str, stamp: Any) -> zipfile.ZipInfo:
    member = zipfile.ZipInfo(name, stamp)
    member.compress_type = zipfile.ZIP_DEFLATED
    member.external_attr = 0o644 << 16
    return member


def _write_part(
    archive: zipfile.ZipFile, stamp: Any, part: Any, session: Session, company_id: int, beat: Any
) -> int:
    lines = 0
    with tempfile.TemporaryFile() as objects:

        def rows() -> Iterator[list[Any]]:
            nonlocal lines
            for row in part.rows(session, company_id):
                lines += 1
                values = [_plain(value) for value in row]
                objects.write(_json(part.columns, values))
                yield [_cell(value) for value in values]
                if lines % 5000 == 0:
                    beat()

        _write_csv(archive, stamp, part.name, part.columns, rows())
        objects.seek(0)
        with archive.open(_member(f"jsonl/{part.name}.jsonl", stamp), "w", force_zip64=True) as member:
            shutil.copyfileobj(objects, member)
    return lines


def _write_csv(
    archive: zipfile.ZipFile, stamp: Any, name: str, columns: Sequence[str], rows: Iterable[Sequence[Any]]
) -> None:
    with archive.open(_member(f"csv/{name}.csv", stamp), "w", force_zip64=True) as member:
        for piece in csv_chunks(columns, rows):
            member.write(piece.encode())


def _json(columns: Sequence[str], values: Sequence[Any]) -> bytes:
    return (json.dumps(dict(zip(columns, values, strict=True)), ensure_ascii=False) + "\n").encode()


def _plain(value: Any) -> Any:
    if isinstance(value, datetime):
        return f"{value.astimezone(UTC).replace(tzinfo=None).isoformat(timespec='seconds')}Z"
    if isinstance(value, date):
        return value.isoformat()
    return f"{value:f}" if isinstance(value, Decimal) else value


def _cell(value: Any) -> Any:
    if isinstance(value, bool):
        return "yes" if value else "no"
    return json.dumps(value, ensure_ascii=False) if isinstance(value, dict | list) else value
