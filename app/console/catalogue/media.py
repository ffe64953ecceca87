"""Pictures and datasheets: sent, taken away, shown."""

from __future__ import annotations

import io
from typing import Any

from flask import Response, flash, request

from app.adapters.images import read_picture
from app.adapters.storage import variant_key
from app.console.catalogue.forms import UploadForm
from app.console.catalogue.room import blueprint, product_of, store, to_product
from app.console.catalogue.routes import product_page
from app.console.days import today
from app.core import clock
from app.core.errors import InvalidInput, NotFound
from app.core.permissions import Permission
from app.core.texts import _
from app.core.uploads import PDF, check_content, kind_of, safe_filename, upload_limits
from app.core.web.door import allow, do
from app.core.web.downloads import send_upload
from app.core.web.extensions import db
from app.core.web.fields import put_error
from app.domain.catalogue import product_parts as actions
from app.domain.catalogue.product_parts import get_medium

THUMBNAIL = "160"


@blueprint.post("/<int:product_id>/media")
@allow(Permission.CATALOGUE_MANAGE)
def add_medium(product_id: int) -> Any:
    """Keep a picture, written anew, or a PDF datasheet."""
    product_of(product_id)
    form = UploadForm()
    if form.validate_on_submit():
        try:
            _add(product_id, form)
        except InvalidInput as error:
            put_error(form, error)
        else:
            flash(_("The file is added."), "success")
            return to_product(product_id)
    return product_page(product_of(product_id).sku, upload=form), 422


def _add(product_id: int, form: UploadForm) -> None:
    sent = form.file.data
    name, content = safe_filename(sent.filename), sent.stream
    check_content(name, content, most=upload_limits().attachment_bytes)
    kept = store()
    if name.lower().endswith(".pdf"):
        kind_of(name, content, (PDF,))
        key = kept.save(content, extension=".pdf")
        kind, content_type = "datasheet", PDF.content_type
    else:
        picture = read_picture(name, content)
        key = kept.save(io.BytesIO(picture.full), extension=picture.extension)
        kept.save_variant(io.BytesIO(picture.thumbnail), key=key, variant=THUMBNAIL)
        kind, content_type = "image", picture.content_type
        name = name.rpartition(".")[0] + picture.extension
    try:
        do(
            actions.add_medium,
            product_id=product_id,
            kind=kind,
            storage_key=key,
            filename=name,
            content_type=content_type,
            size_bytes=kept.path_of(key).stat().st_size,
            alt_text=form.alt_text.data,
            now=clock.now(),
        )
    except Exception:
        kept.delete(key)
        raise


@blueprint.post("/<int:product_id>/media/<int:medium_id>/remove")
@allow(Permission.CATALOGUE_MANAGE)
def remove_medium(product_id: int, medium_id: int) -> Any:
    """Take a picture or datasheet away."""
    product_of(product_id)
    key = do(actions.remove_medium, medium_id=medium_id, now=clock.now())
    store().delete(key)
    flash(_("The file is taken away."), "success")
    return to_product(product_id)


@blueprint.get("/media/<key>")
@allow(Permission.CATALOGUE_READ)
def picture(key: str) -> Response:
    """A picture (`?size=160` the small one), or a datasheet as a download."""
    medium = get_medium(db.session(), None, key, on=today())
    kept = store()
    try:
        path = kept.path_of(variant_key(key, THUMBNAIL) if request.args.get("size") == THUMBNAIL else key)
    except NotFound:
        path = kept.path_of(key)
    return send_upload(
        path, filename=medium.filename, content_type=medium.content_type, is_shown=medium.kind == "image"
    )
