"""Which companies may be the same one."""

from __future__ import annotations

import pytest
from sqlalchemy.orm import Session

from app.core.permissions import Role
from app.core.tenancy import all_companies
from app.domain.accounts.doubles import Likeness, are_alike, find_doubles, name_core, own_domain, tax_core
from tests.factories.accounts import make_company, make_person


@pytest.mark.parametrize(
    ("name", "core"),
    [
        ("Kettle & Byte, Ltd.", "kettle byte"),
        ("KETTLE AND BYTE GmbH", "kettle byte"),
        ("The Byte Company", "byte"),
        ("Ltd.", ""),
    ],
)
def test_the_core_of_a_name_is_what_tells_firms_apart(name: str, core: str) -> None:
    assert name_core(name) == core


@pytest.mark.parametrize(
    ("one", "other", "alike"),
    [
        ("Kettle & Byte", "Kettle and Byte Ltd", True),
        ("Quillfeather Systems", "Quilfeather Systems", True),
        ("Quillfeather Systems", "Quarry Systems", False),
        ("Ltd", "GmbH", False),
        ("", "", False),
    ],
)
def test_names_are_alike_but_for_legal_form_and_a_slip_of_the_pen(one: str, other: str, alike: bool) -> None:
    assert are_alike(one, other) is alike


def test_tax_numbers_are_compared_without_marks_and_free_mail_is_nobodys_domain() -> None:
    assert tax_core("de 123.456-789") == "DE123456789"
    assert own_domain("ilse@quill.example") == "quill.example"
    assert own_domain("ilse@gmail.com") is None


def test_doubles_are_found_by_each_likeness_the_surest_first(session: Session) -> None:
    by_tax = make_company(session, "Elsewhere", tax_id="DE 123-456")
    by_name = make_company(session, "Quillfeather Systems Ltd")
    by_domain = make_company(session, "Third")
    make_person(session, by_domain, Role.BUYER, email="ilse@quill.example")
    make_company(session, "Nobody's double", tax_id="DE 999")
    gone = make_company(session, "Quillfeather Systems", merged_into_id=by_tax.id)
    with all_companies(session, reason="test"):
        found = find_doubles(
            session, name="Quillfeather Systems", tax_id="de123456", domains=["quill.example"]
        )
        without = find_doubles(session, name="Quillfeather Systems", tax_id=None, but=by_name.id)
    assert [(one.id, one.reasons) for one in found] == [
        (by_tax.id, (Likeness.TAX_ID,)),
        (by_name.id, (Likeness.NAME,)),
        (by_domain.id, (Likeness.DOMAIN,)),
    ]
    assert without == []
    assert gone.id not in {one.id for one in found}
