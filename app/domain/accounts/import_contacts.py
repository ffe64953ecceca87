"""Import of contacts: people with their roles at resellers; invitations are sent only when asked for."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy.orm import Session

from app.core.database import is_writing
from app.core.imports.cells import CellRefused, Cells, RowReader
from app.core.imports.kinds import Change, FilePlan, Item, Judged, Option, PlainKind
from app.core.imports.mapping import Field
from app.core.imports.repeats import Repeats, memories_of
from app.core.imports.tables import SourceRow
from app.core.imports.verdicts import IS_CREATED, IS_UNCHANGED, IS_UPDATED, Verdict, rejected
from app.core.permissions import Actor, Permission, Role
from app.core.texts import N_, _
from app.domain.accounts import import_contact_store
from app.domain.accounts.import_contact_store import Stored, Work
from app.domain.accounts.import_lookups import company_refusal
from app.domain.accounts.queries import companies_by_number
from app.domain.accounts.rules import normal_email, one_line, role_name, roles_for

DESK = Role.END_CUSTOMER_DESK.value
#: Other words for roles, beside their own.
_WORDS = {
    "admin": Role.RESELLER_ADMIN,
    "administrator": Role.RESELLER_ADMIN,
    "finance": Role.RESELLER_FINANCE,
    "accounting": Role.RESELLER_FINANCE,
    "support": Role.RESELLER_SUPPORT,
    "support_desk": Role.RESELLER_SUPPORT,
    "purchasing": Role.BUYER,
    "end_customer": Role.END_CUSTOMER_DESK,
    "desk": Role.END_CUSTOMER_DESK,
}
#: A company's number may be any but the vendor's.
_ANY_COMPANY = 0
_ROLES = {
    **{word: role.value for word, role in _WORDS.items()},
    **{role.value: role.value for role in roles_for(_ANY_COMPANY)},
}

FIELDS = (
    Field(
        "email",
        N_("E-mail"),
        is_required=True,
        aliases=("mail", "e_mail", "email_address", "e_mail_address"),
        example="EXAMPLE@company.example",
        help=N_("The person's address, and what the person signs in with."),
    ),
    Field(
        "name",
        N_("Name"),
        aliases=("full_name", "contact", "contact_name", "person"),
        example="Mara Vint",
        help=N_("Needed for a new person; the name of somebody who is known stays."),
    ),
    Field(
        "company",
        N_("Company number"),
        is_required=True,
        aliases=("company_number", "customer", "customer_number", "account_number", "reseller"),
        example="EXAMPLE-1",
        help=N_("Where the person works; your own staff are invited one by one."),
    ),
    Field(
        "role",
        N_("Role"),
        aliases=("function", "user_role"),
        example="buyer",
        help=N_(
            "buyer, approver, reseller_admin, reseller_finance, reseller_support or end_customer_desk. "
            "Needed for somebody new to the company."
        ),
    ),
    Field(
        "end_customer",
        N_("End customer"),
        aliases=("end_customer_name",),
        help=N_("For an end customer's desk: the end customer's name at this company."),
    ),
)


@dataclass(frozen=True, slots=True)
class ContactRow:
    """A person's role in a company; empty cells say nothing."""

    email: str
    name: str
    company: str
    role: str
    end_customer: str


def _read(cells: Cells) -> tuple[str, ContactRow]:
    email = normal_email(cells.text("email", most=254, is_required=True))
    name = cells.text("name", most=200)
    name = one_line(name, field="name", maximum=200) if name else ""
    company = cells.text("company", most=40)
    if not company:
        raise CellRefused(
            "no_company",
            _("Say the number of the company. Your own staff are invited one by one on the page People."),
        )
    role = cells.word("role", _ROLES)
    end_customer = cells.text("end_customer", most=200)
    if (role == DESK) != bool(end_customer):
        raise cells.refused(
            "end_customer", _("name the end customer for an end customer's desk; other roles have none.")
        )
    return f"{email}\n{company}", ContactRow(email, name, company, role, end_customer)


class ContactsKind(PlainKind):
    """A contact is known by e-mail and company. Passwords and names of known people stay."""

    name = "contacts"
    title = N_("Contacts")
    hint = N_("People at resellers with their roles.")
    fields: Sequence[Field] = FIELDS
    permissions = (Permission.COMPANY_MANAGE,)
    options: Sequence[Option] = (
        Option(
            "invite",
            N_("Send invitations"),
            "flag",
            N_("Everybody of the file who was never invited gets a mail. Otherwise invite them later."),
        ),
    )

    def open(self, plan: FilePlan) -> Callable[[SourceRow], Item]:
        """Reader of the file's rows."""
        return RowReader(plan, FIELDS, _read)

    def judge(
        self, session: Session, plan: FilePlan, items: Sequence[Item], recalled: Mapping[str, str]
    ) -> Judged:
        """A verdict for each row; where the run stores, the companies' people are its own meanwhile."""
        rows: list[ContactRow] = [item.value for item in items if item.fault is None]
        companies = companies_by_number(session, {row.company for row in rows}, locked=is_writing(session))
        stored = import_contact_store.load(
            session,
            companies,
            emails={row.email for row in rows},
            customers={row.end_customer for row in rows if row.end_customer},
        )
        repeats, work = Repeats(recalled), Work(is_inviting=bool(plan.options.get("invite")))
        verdicts = []
        for item in items:
            verdict = item.fault or repeats.verdict(item)
            if verdict is None:
                verdict = _judge(item.value, stored, work)
                if not verdict.code:
                    repeats.keep(item)
            verdicts.append(verdict)
        return Judged(verdicts, repeats.memories, work, work.changes())

    def memories(self, items: Sequence[Item], recalled: Mapping[str, str]) -> dict[str, str]:
        """What the first row of each contact said."""
        return memories_of(items, recalled)

    def store(
        self, session: Session, actor: Actor, plan: FilePlan, judged: Judged, *, run_id: int, now: datetime
    ) -> None:
        """Write the batch's people and roles, and queue the invitations that were asked for."""
        import_contact_store.store(session, actor, judged.work, run_id=run_id, now=now)

    def undo(
        self, session: Session, actor: Actor, changes: Sequence[Change], *, run_id: int, now: datetime
    ) -> None:
        """Take people away again who were not invited and never came, and bring roles back."""
        import_contact_store.undo(session, changes)


def _judge(row: ContactRow, stored: Stored, work: Work) -> Verdict:
    company: Any = stored.companies.get(row.company)
    refusal = company_refusal(company, row.company)
    if refusal is not None:
        return refusal
    if not company.is_active:
        return rejected(
            "company_closed",
            _("The company %(number)s is closed. Open it first, or leave the row out.", number=row.company),
        )
    user = stored.users.get(row.email)
    if user is not None and user.is_disabled:
        return rejected("kept_out", _("This address cannot be invited: the person is kept out everywhere."))
    customer_id = stored.customers.get((company.id, row.end_customer)) if row.end_customer else None
    if row.end_customer and customer_id is None:
        return rejected(
            "unknown_end_customer",
            _(
                "The company has no end customer called %(name)s. Add it on the company's page first.",
                name=row.end_customer,
            ),
        )
    known = stored.memberships.get((user.id, company.id)) if user is not None else None
    if known is not None:
        return _judge_known(row, company, known, customer_id, user, work)
    is_known_person = user is not None or row.email in work.people
    missing = [] if row.role else [_("Role")]
    missing += [] if row.name or is_known_person else [_("Name")]
    if missing:
        return rejected(
            "missing_value",
            _(
                "%(columns)s: needed for somebody new to the company, and empty.",
                columns=", ".join(missing),
            ),
        )
    if not is_known_person:
        work.add_person(row.email, row.name)
    work.add_member(row, company, user, customer_id)
    return IS_CREATED


def _judge_known(
    row: ContactRow, company: Any, known: Any, customer_id: int | None, user: Any, work: Work
) -> Verdict:
    if not known.is_active:
        return rejected(
            "let_go", _("This person was let go. Let the person in again on the company's page, if meant.")
        )
    if row.role in ("", known.role) and (customer_id is None or customer_id == known.end_customer_id):
        if work.is_inviting and user.was_never_invited and work.invite(row, company, known, user):
            return IS_UPDATED
        return IS_UNCHANGED
    if DESK in (row.role, known.role):
        return rejected("desk_stays", _("An end customer's desk is invited as one and stays one."))
    if known.role == Role.RESELLER_ADMIN.value:
        return rejected(
            "administrator_stays",
            _(
                "This person is %(role)s of the company, and one must be left. Change the role on its page.",
                role=role_name(known.role),
            ),
        )
    work.change_role(row, known)
    return IS_UPDATED
