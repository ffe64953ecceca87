"""States of a request to become a reseller as data."""

from __future__ import annotations

from enum import StrEnum

from app.core.states import Machine


class RequestState(StrEnum):
    """`unconfirmed` until the contact has opened the link in the mail; nobody vets it before."""

    UNCONFIRMED = "unconfirmed"
    OPEN = "open"
    ASKED = "asked"
    APPROVED = "approved"
    REFUSED = "refused"


_S = RequestState
REQUEST_MACHINE = Machine(
    "reseller_request",
    {
        (_S.UNCONFIRMED, "confirm"): _S.OPEN,
        (_S.OPEN, "ask"): _S.ASKED,
        (_S.OPEN, "approve"): _S.APPROVED,
        (_S.OPEN, "refuse"): _S.REFUSED,
        (_S.ASKED, "answer"): _S.OPEN,
        (_S.ASKED, "approve"): _S.APPROVED,
        (_S.ASKED, "refuse"): _S.REFUSED,
    },
)
#: In which a contact's further request is the same one.
UNDECIDED = (_S.UNCONFIRMED.value, _S.OPEN.value, _S.ASKED.value)
