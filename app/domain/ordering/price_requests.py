"""Asking for the price of a product that has none, and what vendor sales answers."""

from __future__ import annotations

from datetime import date, datetime
from decimal import Decimal
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from app.core import audit
from app.core.clock import business_date
from app.core.errors import IllegalMove, InvalidInput, NotFound, StaleEdit
from app.core.permissions import Actor, Permission, requires
from app.core.sequences import take_number
from app.core.states import move
from app.core.texts import N_, _
from app.domain.accounts.mails import queue_mail
from app.domain.accounts.models import Branch, Company, User, Vendor
from app.domain.accounts.queries import get_vendor
from app.domain.catalogue.buyers import Buyer, get_buyer
from app.domain.catalogue.lookup import look_up_codes
from app.domain.catalogue.models import Product
from app.domain.catalogue.prices import prices_for_buyer
from app.domain.catalogue.quantities import MAX_QUANTITY, parse_quantity
from app.domain.catalogue.visibility import visible
from app.domain.ordering.errors import AmbiguousCode, HasPrice, UnknownCode
from app.domain.ordering.models import PriceRequest
from app.domain.ordering.states import REQUEST_MACHINE, RequestState

NOTE_LENGTH = 500
HIGHEST_PRICE = Decimal(99_999_999)


@requires(Permission.PRICE_REQUEST_CREATE)
def ask_price(
    session: Session,
    actor: Actor,
    *,
    quantity: int | str,
    now: datetime,
    code: str | None = None,
    product_id: int | None = None,
    branch_id: int | None = None,
    note: str = "",
) -> PriceRequest:
    """Ask vendor sales for the price of a product the company sees without one.

    The product is named by its id or by any number it goes by. Asking again while the person's own
    request is open changes that one.

    :raises UnknownCode: nothing visible goes by the number.
    :raises AmbiguousCode: several products do.
    :raises HasPrice: the product can be ordered at a price.
    """
    units = _quantity(quantity)
    note = _text(note, field="note")
    vendor = get_vendor(session)
    company, branch = _company_of(session, actor, branch_id)
    on = business_date(now, vendor.timezone)
    buyer = get_buyer(session, company_id=company.id, branch_id=branch.id)
    product = _product(session, buyer, code=code, product_id=product_id, on=on)
    request = _open_request(session, actor, company.id, product.id)
    if request is None:
        request = PriceRequest(
            company_id=company.id,
            branch_id=branch.id,
            product_id=product.id,
            asked_by_id=actor.user_id,
            asked_by_name=actor.name,
            quantity=units,
            note=note,
            created_at=now,
            number=f"{vendor.request_prefix}-{on:%y}-{take_number(session, f'price-request-{on:%y}'):05d}",
        )
        session.add(request)
        event, before = "price_request.asked", None
    elif (request.quantity, request.note) == (units, note):
        return request
    else:
        event, before = "price_request.changed", _facts(request)
        request.quantity, request.note, request.branch_id = units, note, branch.id
        request.version += 1
    session.flush()
    _record(session, actor, request, event, before=before, now=now)
    _alert(session, vendor, company, request, product, now)
    return request


def _quantity(quantity: int | str) -> int:
    if isinstance(quantity, str):
        return parse_quantity(quantity)
    if not 1 <= quantity <= MAX_QUANTITY:
        raise InvalidInput(_("Enter a quantity from 1 to 999999, digits only."), field="quantity")
    return quantity


def _text(text: str, *, field: str) -> str:
    trimmed = text.strip()
    if len(trimmed) > NOTE_LENGTH:
        raise InvalidInput(_("Use at most %(count)s characters.", count=NOTE_LENGTH), field=field)
    return trimmed


def _company_of(session: Session, actor: Actor, branch_id: int | None) -> tuple[Company, Branch]:
    """The actor's company, locked so that two clicks make one request, and the branch that asks."""
    company = session.scalars(
        select(Company).where(Company.id == actor.company_id).with_for_update(key_share=True)
    ).one_or_none()
    if company is None:
        raise NotFound()
    statement = select(Branch).where(Branch.company_id == company.id, Branch.is_active).order_by(Branch.id)
    if branch_id is not None:
        statement = statement.where(Branch.id == branch_id)
    branch = session.scalars(statement.limit(1)).one_or_none()
    if branch is None:
        raise InvalidInput(_("This branch is closed. Choose another one."), field="branch")
    return company, branch


def _product(
    session: Session, buyer: Buyer, *, code: str | None, product_id: int | None, on: date
) -> Product:
    if product_id is None:
        product_id = _look_up(session, buyer, code or "", on)
    product = session.scalars(
        select(Product).where(Product.id == product_id, visible(buyer, on))
    ).one_or_none()
    if product is None:
        raise UnknownCode(_("There is no such product. Check the number."), field="sku")
    if product.life_cycle == "ended":
        raise InvalidInput(_("It is not made any more, so there is no price to ask for."), field="sku")
    if prices_for_buyer(session, buyer, [product.id], on=on).get(product.id):
        raise HasPrice(_("It has a price for you: put it into a cart instead."), field="sku", sku=product.sku)
    return product


def _look_up(session: Session, buyer: Buyer, code: str, on: date) -> int:
    matches = look_up_codes(session, buyer, [code], on=on)[code]
    if not matches:
        raise UnknownCode(
            _("No product goes by “%(code)s”. Check the number.", code=code.strip()), field="sku"
        )
    if len(matches) > 1 and matches[0].source != "sku":
        skus = [match.sku for match in matches[:5]]
        raise AmbiguousCode(
            _("Several products go by this number. Enter one of their SKUs: %(skus)s.", skus=", ".join(skus)),
            field="sku",
            skus=skus,
        )
    return matches[0].product_id


def _open_request(session: Session, actor: Actor, company_id: int, product_id: int) -> PriceRequest | None:
    return session.scalars(
        select(PriceRequest)
        .where(
            PriceRequest.company_id == company_id,
            PriceRequest.product_id == product_id,
            PriceRequest.asked_by_id == actor.user_id,
            PriceRequest.state == RequestState.OPEN,
        )
        .order_by(PriceRequest.id)
        .limit(1)
        .with_for_update()
    ).one_or_none()


@requires(Permission.PRICE_REQUEST_ANSWER)
def answer_price_request(
    session: Session,
    actor: Actor,
    *,
    request_id: int,
    unit_price: Decimal,
    valid_until: date,
    answer: str = "",
    version: int | None = None,
    now: datetime,
) -> PriceRequest:
    """Offer a unit price in the company's currency until a day; the buyer is told by mail.

    :raises IllegalMove: it was answered, declined or withdrawn before.
    :raises StaleEdit: the buyer changed it since `version` was shown.
    """
    request = _to_answer(session, request_id, version)
    if not 0 < unit_price <= HIGHEST_PRICE or unit_price != round(unit_price, 4):
        raise InvalidInput(
            _("Enter a price above 0 and up to 99,999,999 with at most four decimals."), field="unit_price"
        )
    if valid_until < business_date(now, get_vendor(session).timezone):
        raise InvalidInput(_("This day has passed. Choose today or a later one."), field="valid_until")
    request.unit_price, request.valid_until = unit_price, valid_until
    return _close(session, actor, request, "answer", _text(answer, field="answer"), now)


@requires(Permission.PRICE_REQUEST_ANSWER)
def decline_price_request(
    session: Session,
    actor: Actor,
    *,
    request_id: int,
    reason: str,
    version: int | None = None,
    now: datetime,
) -> PriceRequest:
    """Say that there will be no price, and why; the buyer is told by mail.

    :raises IllegalMove: it was answered, declined or withdrawn before.
    """
    request = _to_answer(session, request_id, version)
    text = _text(reason, field="reason")
    if not text:
        raise InvalidInput(_("Say why, so that the buyer knows what to do next."), field="reason")
    return _close(session, actor, request, "decline", text, now)


@requires(Permission.PRICE_REQUEST_CREATE)
def withdraw_price_request(session: Session, actor: Actor, *, request_id: int, now: datetime) -> PriceRequest:
    """Take back the company's own request; vendor sales sees it no more in the queue.

    :raises IllegalMove: it was answered, declined or withdrawn before.
    """
    request = _to_answer(session, request_id, None)
    move(session, REQUEST_MACHINE, request, "withdraw", actor=actor, now=now)
    request.version += 1
    _record(session, actor, request, "price_request.withdrawn", before=None, now=now)
    return request


_OVER = {
    RequestState.ANSWERED.value: N_("This request was answered already."),
    RequestState.DECLINED.value: N_("This request was declined already."),
    RequestState.WITHDRAWN.value: N_("The buyer withdrew this request."),
}


def _to_answer(session: Session, request_id: int, version: int | None) -> PriceRequest:
    request = session.scalars(
        select(PriceRequest).where(PriceRequest.id == request_id).with_for_update()
    ).one_or_none()
    if request is None:
        raise NotFound(_("There is no price request by that number."))
    if request.state != RequestState.OPEN:
        raise IllegalMove(_(_OVER[request.state]), state=request.state)
    if version is not None and request.version != version:
        raise StaleEdit()
    return request


def _close(
    session: Session, actor: Actor, request: PriceRequest, event: str, text: str, now: datetime
) -> PriceRequest:
    before = _facts(request)
    request.answer, request.answered_at, request.answered_by_name = text, now, actor.name
    request.version += 1
    session.flush()
    state = move(session, REQUEST_MACHINE, request, event, actor=actor, now=now, reason=text or None)
    _record(session, actor, request, f"price_request.{state}", before=before, now=now)
    _tell_buyer(session, request, now)
    return request


def _alert(
    session: Session,
    vendor: Vendor,
    company: Company,
    request: PriceRequest,
    product: Product,
    now: datetime,
) -> None:
    if not vendor.alert_email:
        return
    queue_mail(
        session,
        template="price_request_alert",
        recipient=vendor.alert_email,
        company_id=None,
        context={
            "number": request.number,
            "company": company.name,
            "sku": product.sku,
            "name": product.name,
            "quantity": request.quantity,
            "note": request.note,
            "url": f"/console/price-requests/{request.id}",
        },
        link_id=None,
        now=now,
    )


def _tell_buyer(session: Session, request: PriceRequest, now: datetime) -> None:
    row = session.execute(
        select(User.email, Product.sku, Product.name, Company.currency)
        .select_from(PriceRequest)
        .join(Product, Product.id == PriceRequest.product_id)
        .join(Company, Company.id == PriceRequest.company_id)
        .outerjoin(User, User.id == PriceRequest.asked_by_id)
        .where(PriceRequest.id == request.id)
    ).one()
    if row.email is None:
        return
    queue_mail(
        session,
        template="price_request_answer",
        recipient=row.email,
        company_id=request.company_id,
        context={
            "number": request.number,
            "sku": row.sku,
            "name": row.name,
            "quantity": request.quantity,
            "unit_price": str(request.unit_price) if request.unit_price is not None else None,
            "currency": row.currency,
            "valid_until": request.valid_until.isoformat() if request.valid_until else None,
            "answer": request.answer,
            "url": "/price-requests",
        },
        link_id=None,
        now=now,
    )


def _facts(request: PriceRequest) -> dict[str, Any]:
    return {
        "quantity": request.quantity,
        "note": request.note,
        "state": request.state,
        "unit_price": str(request.unit_price) if request.unit_price is not None else None,
        "valid_until": request.valid_until.isoformat() if request.valid_until else None,
        "answer": request.answer,
    }


def _record(
    session: Session,
    actor: Actor,
    request: PriceRequest,
    action: str,
    *,
    before: dict[str, Any] | None,
    now: datetime,
) -> None:
    audit.record(
        session,
        actor,
        action,
        subject_type="price_request",
        subject_id=request.id,
        now=now,
        company_id=request.company_id,
        before=before,
        after=_facts(request),
    )
