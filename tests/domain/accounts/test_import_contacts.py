"""Import of contacts: roles for new and known people, mails only when asked for, and taking it back."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select
from sqlalchemy.orm import Session

from app.core.audit import AuditEntry
from app.core.database import run
from app.core.errors import DomainError
from app.core.outbox import Job
from app.core.permissions import Role
from app.core.tenancy import all_companies
from app.domain.accounts.import_contacts import ContactsKind
from app.domain.accounts.models import Company, Membership, SingleUseLink, User
from app.domain.accounts.people import resend_invitation, set_member_active
from tests.factories.accounts import make_company, make_end_customer, make_member, make_user
from tests.factories.importing import ACTOR, NOW, Importing

HEADER = "E-mail,Name,Company number,Role,End customer\n"
FILE = (
    f"{HEADER}Mara@Kettle.example,Mara Vint,K1,Administrator,\n"
    "jon@kettle.example,Jón Ó,K1,buyer,\n"
    "jon@kettle.example,Jon Other,K2,Finance,\n"
    "mara@kettle.example,Mara Vint,K1,reseller_admin,\n"
    "jon@kettle.example,Jón Ó,K1,approver,\n"
    "desk@hall.example,Desk,K1,end customer desk,Town Hall\n"
)


@pytest.fixture
def importing(session: Session, tmp_path: Path) -> Importing:
    make_end_customer(session, make_company(session, number="K1"), "Town Hall")
    make_company(session, "Quill", number="K2")
    return Importing(session, tmp_path, ContactsKind())


def people(importing: Importing) -> list[tuple[Any, ...]]:
    importing.session.rollback()
    statement = (
        select(User.email, User.name, Company.number, Membership.role)
        .join(Membership, Membership.user_id == User.id)
        .join(Company, Company.id == Membership.company_id)
        .order_by(Membership.id)
    )
    with all_companies(importing.session, reason="test"):
        found = [tuple(row) for row in importing.session.execute(statement)]
    importing.session.rollback()
    return found


def mails(importing: Importing) -> list[tuple[str, str]]:
    rows = importing.rows(Job.id, Job.payload)
    return [(payload["template"], payload["recipient"]) for _id, payload in rows]


def test_people_get_their_roles_and_nobody_is_mailed(importing: Importing) -> None:
    assert importing(FILE, size=9) == (4, 0, 1, 1)
    assert importing.rejected == [(6, "conflicting_row")]
    stored = people(importing)
    assert stored == [
        ("mara@kettle.example", "Mara Vint", "K1", "reseller_admin"),
        ("jon@kettle.example", "Jón Ó", "K1", "buyer"),
        ("jon@kettle.example", "Jón Ó", "K2", "reseller_finance"),
        ("desk@hall.example", "Desk", "K1", "end_customer_desk"),
    ]
    assert mails(importing) == []
    assert importing.rows(User.password_hash) == [(None,), (None,), (None,)]
    assert importing(FILE, size=1) == (0, 0, 5, 1)
    assert people(importing) == stored


def test_a_dry_run_says_the_same_and_stores_nothing(importing: Importing) -> None:
    assert importing(FILE, is_dry_run=True, invite=True) == (4, 0, 1, 1)
    assert people(importing) == []
    assert mails(importing) == []
    assert ("contacts.imported",) not in importing.rows(AuditEntry.action)


def test_somebody_imported_without_a_mail_is_invited_later(importing: Importing) -> None:
    text = f"{HEADER}jon@kettle.example,Jón Ó,K1,buyer,\n"
    importing(text)
    membership_id = importing.rows(Membership.id)[0][0]
    run(importing.session, resend_invitation, ACTOR, membership_id=membership_id, now=NOW)
    assert mails(importing) == [("invitation", "jon@kettle.example")]
    assert importing(text, invite=True) == (0, 0, 1, 0)
    assert len(mails(importing)) == 1


def test_invitations_go_out_once_when_asked_for(importing: Importing) -> None:
    importing(f"{HEADER}jon@kettle.example,Jón Ó,K1,buyer,\n")
    assert importing(FILE, size=9, invite=True) == (3, 1, 1, 1)
    assert sorted(mails(importing)) == [
        ("invitation", "desk@hall.example"),
        ("invitation", "jon@kettle.example"),
        ("invitation", "mara@kettle.example"),
    ]
    with pytest.raises(DomainError, match="was sent an invitation"):
        importing.undo()
    assert importing(FILE, size=9, invite=True) == (0, 0, 5, 1)
    assert len(mails(importing)) == 3


def test_a_known_person_keeps_name_and_password(importing: Importing) -> None:
    user = make_user(importing.session, "mara@kettle.example", name="Mara Vint")
    assert importing(f"{HEADER}mara@kettle.example,Somebody Else,K2,buyer,\n", invite=True) == (1, 0, 0, 0)
    assert importing.rows(User.name, User.password_hash) == [("Mara Vint", user.password_hash)]
    assert mails(importing) == [("membership_added", "mara@kettle.example")]
    assert importing.rows(SingleUseLink.id) == []


def test_a_role_is_changed_and_an_administrators_is_not(importing: Importing) -> None:
    importing(FILE)
    text = f"{HEADER}jon@kettle.example,,K1,approver,\nmara@kettle.example,,K1,buyer,\n"
    text += "desk@hall.example,,K1,buyer,\n"
    assert importing(text) == (0, 1, 0, 2)
    assert importing.rejected == [(3, "administrator_stays"), (4, "desk_stays")]
    assert people(importing)[1][3] == "approver"
    importing.undo()
    assert people(importing)[1][3] == "buyer"


def test_a_run_is_taken_back_while_nobody_came(importing: Importing) -> None:
    make_member(
        importing.session, make_user(importing.session, "jon@kettle.example"), None, Role.VENDOR_SALES
    )
    importing(FILE)
    importing.undo()
    assert people(importing) == []
    assert importing.rows(User.email) == [("jon@kettle.example",)]


def test_the_only_administrator_with_a_password_is_not_taken_away(importing: Importing) -> None:
    make_user(importing.session, "mara@kettle.example")
    importing(FILE)
    with pytest.raises(DomainError, match="only administrator"):
        importing.undo()
    assert len(people(importing)) == 4


@pytest.mark.parametrize(
    ("row", "code"),
    [
        ("a@b.example,A,,buyer,", "no_company"),
        ("a@b.example,A,K9,buyer,", "unknown_company"),
        ("a@b.example,A,K3,buyer,", "company_closed"),
        ("a@b.example,A,K1,vendor_admin,", "bad_word"),
        ("a@b.example,A,K1,,", "missing_value"),
        ("a@b.example,,K1,buyer,", "missing_value"),
        (",A,K1,buyer,", "missing_value"),
        ("a at b.example,A,K1,buyer,", "bad_email"),
        ("a@b.example;c@d.example,A,K1,buyer,", "bad_email"),
        ("a@b.example,A,K1,end_customer_desk,", "bad_end_customer"),
        ("a@b.example,A,K1,buyer,Town Hall", "bad_end_customer"),
        ("a@b.example,A,K2,end_customer_desk,Town Hall", "unknown_end_customer"),
        ("out@b.example,A,K1,buyer,", "kept_out"),
    ],
)
def test_a_row_that_cannot_be_used_says_what_to_change(importing: Importing, row: str, code: str) -> None:
    make_company(importing.session, "Shut", number="K3", is_active=False)
    make_user(importing.session, "out@b.example", is_disabled=True)
    assert importing(f"{HEADER}{row}\n", invite=True) == (0, 0, 0, 1)
    assert importing.rejected == [(2, code)]
    assert people(importing) == []
    assert mails(importing) == []


def test_somebody_who_was_let_go_stays_so(importing: Importing) -> None:
    importing(FILE)
    membership_id = importing.rows(Membership.id)[1][0]
    run(importing.session, set_member_active, ACTOR, membership_id=membership_id, is_active=False, now=NOW)
    assert importing(FILE)[3] == 2
    assert (3, "let_go") in importing.rejected
