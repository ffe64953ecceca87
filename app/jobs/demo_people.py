"""The demo's vendor, resellers and people. All of them are made up."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from app.core.permissions import Role

VENDOR: dict[str, Any] = {
    "name": "Larkspur",
    "currency": "USD",
    "timezone": "America/New_York",
    "order_prefix": "SO",
    "alert_email": "orders@larkspur.example",
}


@dataclass(frozen=True, slots=True)
class DemoBranch:
    name: str
    address: dict[str, str]
    terms_days: int = 30


@dataclass(frozen=True, slots=True)
class DemoCompany:
    name: str
    number: str
    tier: str | None
    tax_code: str
    tax_bps: int
    branches: tuple[DemoBranch, ...]
    end_customers: dict[str, dict[str, str]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class DemoPerson:
    """`key` names the sign-in in the password file; memberships are (company number or None, role)."""

    key: str
    name: str
    email: str
    memberships: tuple[tuple[str | None, Role], ...]
    #: Whether the sign-in is printed: one per role is.
    shown: bool = True

    @property
    def role(self) -> Role:
        return self.memberships[0][1]


def _address(street: str, postcode: str, city: str, region: str) -> dict[str, str]:
    return {"street": street, "postcode": postcode, "city": city, "region": region, "country": "US"}


KETTLE, QUILL, MARROW = "K-2041", "Q-1177", "M-3096"

COMPANIES = (
    DemoCompany(
        name="Kettle & Byte",
        number=KETTLE,
        tier="gold",
        tax_code="US-ME",
        tax_bps=550,
        branches=(
            DemoBranch("Portland", _address("14 Wharf Row", "04101", "Portland", "ME")),
            DemoBranch("Lidham", _address("3 Quay Street", "03801", "Lidham", "NH"), terms_days=14),
        ),
        end_customers={
            "Upper Thimble Town Hall": _address("1 Green", "04220", "Upper Thimble", "ME"),
            "Gannet & Daughters Architects": _address("22 Slate Hill", "04102", "Portland", "ME"),
            "Saltmarsh Primary School": _address("9 Reed Lane", "04074", "Saltmarsh", "ME"),
        },
    ),
    DemoCompany(
        name="Quillfeather Systems",
        number=QUILL,
        tier="silver",
        tax_code="US-MA",
        tax_bps=625,
        branches=(DemoBranch("Head office", _address("80 Foundry Way", "02118", "Boston", "MA")),),
        end_customers={"Juniper Street Clinic": _address("5 Juniper Street", "02119", "Boston", "MA")},
    ),
    DemoCompany(
        name="Marrow Lane IT",
        number=MARROW,
        tier=None,
        tax_code="US-VT",
        tax_bps=600,
        branches=(
            DemoBranch("Workshop", _address("7 Marrow Lane", "05401", "Burlington", "VT"), terms_days=0),
        ),
    ),
)

PEOPLE = (
    DemoPerson("buyer", "Mara Vint", "mara@kettle-byte.example", ((KETTLE, Role.BUYER),)),
    DemoPerson(
        "approver",
        "Ilse Worm",
        "ilse@kettle-byte.example",
        ((KETTLE, Role.APPROVER), (MARROW, Role.BUYER)),
    ),
    DemoPerson("reseller_admin", "Otto Brandt", "otto@kettle-byte.example", ((KETTLE, Role.RESELLER_ADMIN),)),
    DemoPerson(
        "reseller_finance", "Nell Ashby", "nell@kettle-byte.example", ((KETTLE, Role.RESELLER_FINANCE),)
    ),
    DemoPerson(
        "reseller_support", "Jonas Pell", "jonas@kettle-byte.example", ((KETTLE, Role.RESELLER_SUPPORT),)
    ),
    DemoPerson("end_customer_desk", "Vera Loam", "vera@thimble.example", ((KETTLE, Role.END_CUSTOMER_DESK),)),
    DemoPerson("vendor_sales", "Ida Sorrel", "ida@larkspur.example", ((None, Role.VENDOR_SALES),)),
    DemoPerson("vendor_warehouse", "Tom Reed", "tom@larkspur.example", ((None, Role.VENDOR_WAREHOUSE),)),
    DemoPerson("vendor_support", "Ada Finch", "ada@larkspur.example", ((None, Role.VENDOR_SUPPORT),)),
    DemoPerson("vendor_finance", "Paul Heron", "paul@larkspur.example", ((None, Role.VENDOR_FINANCE),)),
    DemoPerson("vendor_admin", "Ruth Calder", "ruth@larkspur.example", ((None, Role.VENDOR_ADMIN),)),
    DemoPerson(
        "quillfeather_admin",
        "Ben Quill",
        "ben@quillfeather.example",
        ((QUILL, Role.RESELLER_ADMIN),),
        shown=False,
    ),
    DemoPerson(
        "quillfeather_buyer", "Cora Lund", "cora@quillfeather.example", ((QUILL, Role.BUYER),), shown=False
    ),
    DemoPerson(
        "marrow_admin",
        "Dirk Marrow",
        "dirk@marrow-lane.example",
        ((MARROW, Role.RESELLER_ADMIN),),
        shown=False,
    ),
)
