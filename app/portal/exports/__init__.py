"""The company's lists as files, each with what its filters show."""

from __future__ import annotations

from flask import Blueprint

from app.adapters.spreadsheets import csv_chunks, write_xlsx
from app.core.web.downloads import Writers, add_exports
from app.portal.exports.lists import EXPORTS

blueprint = Blueprint("exports", __name__)
add_exports(blueprint, EXPORTS, Writers(csv_chunks, write_xlsx))

__all__ = ["blueprint"]
