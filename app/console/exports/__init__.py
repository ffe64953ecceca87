"""The console's lists as files, each with what its filters show."""

from __future__ import annotations

from flask import Blueprint

from app.adapters.spreadsheets import csv_chunks, write_xlsx
from app.console.exports.companies import EXPORTS as COMPANIES
from app.console.exports.goods import EXPORTS as GOODS
from app.console.exports.work import EXPORTS as WORK
from app.core.web.downloads import Writers, add_exports

blueprint = Blueprint("exports", __name__)
add_exports(blueprint, (*COMPANIES, *GOODS, *WORK), Writers(csv_chunks, write_xlsx))

__all__ = ["blueprint"]
