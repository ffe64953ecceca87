"""Which companies may be the same one: by name, tax number and the domain of e-mail addresses."""

from __future__ import annotations

import re
from collections.abc import Collection
from dataclasses import dataclass
from difflib import SequenceMatcher
from enum import StrEnum
from typing import Any

from sqlalchemy import func, or_, select
from sqlalchemy.orm import Session

from app.domain.accounts.models import Company, Membership, User

#: Words that say how a firm is owned and nothing about which one it is.
_LEGAL_FORMS = frozenset(
    re.findall(
        r"\w+",
        "ag bv co company corp corporation gmbh group holding inc incorporated kg limited llc llp ltd nv oy"
        " plc pte pty sa sarl sas se sl spa srl ug und and the",
    )
)
#: Anybody has an address there.
_FREE_MAIL = frozenset(
    re.findall(
        r"[\w.-]+",
        "aol.com gmail.com gmx.com gmx.de gmx.net googlemail.com hotmail.com icloud.com live.com mail.com"
        " me.com msn.com outlook.com proton.me protonmail.com t-online.de web.de yahoo.com",
    )
)
_SIMILAR = 0.86
_LEAST_WORD = 3
_MOST_CANDIDATES = 300
MOST_SHOWN = 10


class Likeness(StrEnum):
    """Why two companies may be one."""

    TAX_ID = "tax_id"
    NAME = "name"
    DOMAIN = "domain"


@dataclass(frozen=True, slots=True)
class Double:
    """A company that may be the same, with why."""

    id: int
    name: str
    number: str
    currency: str
    is_active: bool
    reasons: tuple[Likeness, ...]


def name_core(name: str) -> str:
    """The name without case, punctuation and legal form: "Kettle & Byte, Ltd." is "kettle byte"."""
    words = re.split(r"[\W_]+", name.casefold())
    return " ".join(word for word in words if word and word not in _LEGAL_FORMS)


def are_alike(one: str, other: str) -> bool:
    """Whether two names may be of the same firm: the same core, or nearly."""
    first, second = name_core(one), name_core(other)
    if not first or not second:
        return False
    return first == second or SequenceMatcher(None, first, second).ratio() >= _SIMILAR


def tax_core(tax_id: str | None) -> str:
    """A tax number's letters and digits in capitals."""
    return re.sub(r"[\W_]+", "", tax_id or "").upper()


def own_domain(email: str) -> str | None:
    """The domain of a firm's address; None for addresses that anybody can have."""
    domain = email.rpartition("@")[2].lower()
    return domain if domain and domain not in _FREE_MAIL else None


def find_doubles(
    session: Session,
    *,
    name: str,
    tax_id: str | None,
    domains: Collection[str] = (),
    but: int | None = None,
) -> list[Double]:
    """Companies that may be the same, the surest first; companies merged already are left out."""
    found: dict[int, tuple[Any, set[Likeness]]] = {}
    for reason, rows in (
        (Likeness.TAX_ID, _by_tax_id(session, tax_core(tax_id))),
        (Likeness.NAME, _by_name(session, name)),
        (Likeness.DOMAIN, _by_domain(session, domains)),
    ):
        for row in rows:
            if row.id != but:
                found.setdefault(row.id, (row, set()))[1].add(reason)
    doubles = [
        Double(row.id, row.name, row.number, row.currency, row.is_active, tuple(sorted(reasons, key=_rank)))
        for row, reasons in found.values()
    ]
    doubles.sort(key=lambda one: (_rank(one.reasons[0]), -len(one.reasons), one.id))
    return doubles[:MOST_SHOWN]


def _rank(reason: Likeness) -> int:
    return list(Likeness).index(reason)


def _companies() -> Any:
    return (
        select(Company.id, Company.name, Company.number, Company.currency, Company.is_active)
        .where(Company.merged_into_id.is_(None))
        .order_by(Company.id)
        .limit(_MOST_CANDIDATES)
    )


def _by_tax_id(session: Session, core: str) -> list[Any]:
    if not core:
        return []
    plain: Any = func.upper(Company.tax_id)
    for mark in " -./":
        plain = func.replace(plain, mark, "")
    return list(session.execute(_companies().where(plain == core)))


def _by_name(session: Session, name: str) -> list[Any]:
    words = [word for word in name_core(name).split() if len(word) >= _LEAST_WORD]
    if not words:
        return []
    longest = sorted(words, key=len, reverse=True)[:2]
    holds = or_(*(Company.name_key.contains(word, autoescape=True) for word in longest))
    return [row for row in session.execute(_companies().where(holds)) if are_alike(row.name, name)]


def _by_domain(session: Session, domains: Collection[str]) -> list[Any]:
    if not domains:
        return []
    there = (
        select(Membership.id)
        .join(User, User.id == Membership.user_id)
        .where(
            Membership.company_id == Company.id,
            or_(*(User.email.endswith("@" + domain, autoescape=True) for domain in sorted(domains))),
        )
    )
    return list(session.execute(_companies().where(there.exists())))
