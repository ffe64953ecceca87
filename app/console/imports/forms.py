"""The form that files are sent with."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from flask_babel import lazy_gettext as lazy
from flask_wtf import FlaskForm
from flask_wtf.file import MultipleFileField
from werkzeug.datastructures import FileStorage
from wtforms import SelectField
from wtforms.validators import StopValidation

from app.adapters.spreadsheets import EXTENSIONS
from app.core.texts import _
from app.core.uploads import MAX_FILES, UploadRefused, check_content, safe_filename
from app.core.web.addresses import currency_choices

FIELDS_ACCEPT = ",".join(sorted(EXTENSIONS))


class TablesField(MultipleFileField):
    """One or more tables; `data` holds those that were chosen."""

    def __init__(self, label: Any = None, **kwargs: Any) -> None:
        super().__init__(label, render_kw={"accept": FIELDS_ACCEPT, "required": True}, **kwargs)
        self.flags.required = True

    def pre_validate(self, form: Any) -> None:
        files: list[FileStorage] = [file for file in self.data or [] if file and file.filename]
        self.data = files
        if not files:
            raise StopValidation(_("Choose a file."))
        if len(files) > MAX_FILES:
            raise StopValidation(_("Send at most %(most)s files at a time.", most=MAX_FILES))
        for file in files:
            name = safe_filename(file.filename or "")
            if Path(name).suffix.lower() not in EXTENSIONS:
                raise StopValidation(_("%(name)s is not read here. Send CSV, XLSX or ODS files.", name=name))
            try:
                check_content(name, file.stream)
            except UploadRefused as error:
                raise StopValidation(error.message) from error


class UploadForm(FlaskForm):
    files = TablesField(lazy("Files"))
    currency = SelectField(lazy("Currency of the prices"), choices=currency_choices)
    mapping = SelectField(lazy("Columns"))
