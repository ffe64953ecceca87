"""The form that files of a kind are sent with."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from flask_babel import lazy_gettext as lazy
from flask_wtf import FlaskForm
from flask_wtf.file import MultipleFileField
from werkzeug.datastructures import FileStorage
from wtforms import BooleanField, SelectField
from wtforms.validators import StopValidation

from app.adapters.import_files import ARCHIVE_EXTENSIONS
from app.adapters.spreadsheets import EXTENSIONS
from app.core.imports.kinds import ImportKind
from app.core.texts import _
from app.core.uploads import MAX_FILES, UploadRefused, check_content, safe_filename, upload_limits
from app.core.web.addresses import currency_choices

MAPPING = "mapping"


class FilesField(MultipleFileField):
    """One or more files of a kind; `data` holds those that were chosen."""

    def __init__(self, label: Any = None, *, of_archives: bool = False, **kwargs: Any) -> None:
        self._of_archives = of_archives
        self._extensions = ARCHIVE_EXTENSIONS if of_archives else EXTENSIONS
        accept = ",".join(sorted(self._extensions))
        super().__init__(label, render_kw={"accept": accept, "required": True}, **kwargs)
        self.flags.required = True

    def pre_validate(self, form: Any) -> None:
        files: list[FileStorage] = [file for file in self.data or [] if file and file.filename]
        self.data = files
        if not files:
            raise StopValidation(_("Choose a file."))
        if len(files) > MAX_FILES:
            raise StopValidation(_("Send at most %(most)s files at a time.", most=MAX_FILES))
        limits = upload_limits()
        most = limits.archive_bytes if self._of_archives else limits.table_bytes
        for file in files:
            name = safe_filename(file.filename or "")
            if Path(name).suffix.lower() not in self._extensions:
                raise StopValidation(self._wrong_kind(name))
            try:
                check_content(name, file.stream, most=most)
            except UploadRefused as error:
                raise StopValidation(error.message) from error

    def _wrong_kind(self, name: str) -> str:
        if self._of_archives:
            return _("%(name)s is not read here. Send a ZIP file with the images in it.", name=name)
        return _("%(name)s is not read here. Send CSV, XLSX or ODS files.", name=name)


def upload_form(kind: ImportKind) -> FlaskForm:
    """The form of a kind: its files, what it asks beside them, and the saved mappings."""
    fields: dict[str, Any] = {"files": FilesField(lazy("Files"), of_archives=kind.reads_archives)}
    for option in kind.options:
        if option.type == "currency":
            fields[option.code] = SelectField(_(option.label), choices=currency_choices)
        else:
            fields[option.code] = BooleanField(_(option.label))
    if not kind.reads_archives:
        fields[MAPPING] = SelectField(lazy("Columns"))
    form: FlaskForm = type("UploadForm", (FlaskForm,), fields)()
    return form
