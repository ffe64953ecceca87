"""Logo and accent are there for strangers, under addresses that browsers may keep."""

from __future__ import annotations

import io
from pathlib import Path

import pytest
from flask import Flask
from PIL import Image
from sqlalchemy.orm import Session

from app.adapters.storage import LocalStore
from app.core.permissions import Role
from tests.factories.accounts import make_person, make_vendor, sign_in


def keep_logo(app: Flask) -> str:
    buffer = io.BytesIO()
    Image.new("RGB", (60, 20), "#1a7f37").save(buffer, "PNG")
    buffer.seek(0)
    return LocalStore(Path(app.config["DATA_DIR"]) / "uploads").save(buffer, extension=".png")


def test_pages_lead_to_the_vendors_logo_and_accent(app: Flask, session: Session) -> None:
    key = keep_logo(app)
    make_vendor(session, accent="#1a7f37", logo_key=key)
    make_person(session, None, Role.VENDOR_SALES, email="s@people.example")
    client = app.test_client()

    public = client.get("/sign-in").text
    sign_in(client, "s@people.example")
    for page in (public, client.get("/account").text):
        assert f'src="/brand/logo/{key}"' in page
        address = page.split('href="/brand/')[1].split('"')[0]
        sheet = client.get(f"/brand/{address}".replace("&amp;", "&"))
        assert sheet.mimetype == "text/css"
        assert "--st-accent: light-dark(#1a7f37, " in sheet.text
        assert "immutable" in sheet.headers["Cache-Control"]
    with client.get(f"/brand/logo/{key}") as logo:
        assert (logo.status_code, logo.mimetype) == (200, "image/png")
        assert "immutable" in logo.headers["Cache-Control"]


def test_an_older_mails_logo_is_the_present_one_and_nothing_else_is_served(
    app: Flask, session: Session
) -> None:
    make_vendor(session, logo_key=keep_logo(app))
    with app.test_client().get("/brand/logo/0123456789abcdef0123456789abcdef.png") as answer:
        assert answer.status_code == 200
        assert "immutable" not in answer.headers["Cache-Control"]


def test_without_logo_or_accent_the_frame_has_its_own(app: Flask, session: Session) -> None:
    make_vendor(session)
    client = app.test_client()

    assert "/brand/" not in client.get("/sign-in").text
    assert client.get("/brand/logo/0123456789abcdef0123456789abcdef.png").status_code == 404


@pytest.mark.parametrize("colour", ["ffffff", "fefefe", "xyzxyz", "4a48c", "4a48c4;x", "4A48C4"])
def test_only_colours_that_can_be_read_have_a_style_sheet(app: Flask, session: Session, colour: str) -> None:
    assert app.test_client().get(f"/brand/accent-{colour}.css").status_code == 404
