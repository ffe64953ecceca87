"""A doubled company is merged: everything follows, nothing is lost, and nobody is left behind."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest
from sqlalchemy import Engine, ForeignKeyConstraint, select, update
from sqlalchemy.orm import Session

from app.core.audit import AuditEntry
from app.core.database import Base, run, writing
from app.core.errors import Conflict, NotFound
from app.core.outbox import Job
from app.core.permissions import Actor, Role
from app.core.tenancy import all_companies, tenant_tables
from app.domain.accounts import actions as accounts
from app.domain.accounts.models import Branch, Company, EndCustomer, Membership, SignInSession
from app.domain.accounts.queries import companies_by_number
from app.domain.catalogue.models import CustomerPartNumber, TaxRate, VisibilityListing
from app.domain.inventory.queries import find_unbalanced
from app.domain.ordering import actions
from app.domain.ordering.merge_reads import find_by_number, plan_merge
from app.domain.ordering.merge_rules import (
    FATES,
    REFERENCES,
    Fate,
    Obstacle,
    Part,
    Side,
    fate_of,
    joined_part,
    obstacle_to,
    own_name,
)
from app.domain.ordering.merging import SWEEP, count_rows
from app.domain.ordering.models import Cart, CartLine, Order, OrderLine
from app.domain.ordering.placing import Checkout
from app.domain.ordering.replay_parties import find_or_make_party
from app.jobs.companies import sweep
from tests.domain.ordering.parallel import at_once, errors_of
from tests.factories.accounts import (
    actor_for,
    make_company,
    make_end_customer,
    make_member,
    make_person,
    read,
)
from tests.factories.catalogue import (
    make_agreement,
    make_customer_number,
    make_listing,
    make_product,
    make_tax_rate,
)
from tests.factories.ordering import NOW, Shop, done, make_cart, place, settle

ROUNDS = 5


class TestRules:
    def test_every_company_owned_table_is_decided_on(self) -> None:
        undecided = {table.name for table in tenant_tables()} - set(FATES)
        assert undecided == set(), "say in merge_rules.FATES what a merge does with these"

    def test_every_other_column_that_names_a_company_is_decided_on(self) -> None:
        found = set()
        for table in Base.metadata.sorted_tables:
            for constraint in table.foreign_key_constraints:
                names = [column.name for column in constraint.columns]
                if constraint.referred_table.name == "company" and names != ["company_id"]:
                    found |= {f"{table.name}.{name}" for name in names}
        assert found - set(REFERENCES) == set(), "say in merge_rules.REFERENCES what becomes of these"

    def test_a_column_that_names_a_company_belongs_to_a_company_owned_table(self) -> None:
        owned = set(tenant_tables())
        for table in Base.metadata.sorted_tables:
            if "company_id" in table.columns and table.columns["company_id"].foreign_keys:
                assert table in owned, table.name

    def test_joined_rows_are_named_by_their_id_alone(self) -> None:
        for table in Base.metadata.sorted_tables:
            for constraint in table.constraints:
                if isinstance(constraint, ForeignKeyConstraint) and constraint.referred_table.name in (
                    "end_customer",
                    "membership",
                ):
                    assert [element.column.name for element in constraint.elements] == ["id"], table.name

    def test_an_unknown_table_moves(self) -> None:
        assert fate_of("something_new") is Fate.MOVES

    @pytest.mark.parametrize(
        ("stays", "doubled", "joined"),
        [
            (Part("buyer", True), Part("reseller_admin", True), Part("reseller_admin", True)),
            (Part("approver", True), Part("buyer", True), Part("approver", True)),
            (Part("reseller_admin", False), Part("buyer", True), Part("buyer", True)),
            (Part("buyer", True), Part("reseller_admin", False), Part("buyer", True)),
            (Part("buyer", False), Part("reseller_admin", False), Part("buyer", False)),
            (Part("end_customer_desk", True), Part("reseller_finance", True), Part("reseller_finance", True)),
        ],
    )
    def test_of_two_roles_the_higher_one_in_force_stays(
        self, stays: Part, doubled: Part, joined: Part
    ) -> None:
        assert joined_part(stays, doubled) == joined

    @pytest.mark.parametrize(
        ("doubled", "obstacle"),
        [
            (Side(2, "USD", True, False), None),
            (Side(2, "USD", False, False), None),
            (Side(1, "USD", True, False), Obstacle.SAME),
            (Side(2, "GBP", True, False), Obstacle.CURRENCY),
            (Side(2, "USD", False, True), Obstacle.MERGED),
        ],
    )
    def test_what_is_in_the_way(self, doubled: Side, obstacle: Obstacle | None) -> None:
        assert obstacle_to(Side(1, "USD", True, False), doubled) is obstacle

    def test_into_a_closed_company_nothing_is_merged(self) -> None:
        closed = Side(1, "USD", False, False)
        assert obstacle_to(closed, Side(2, "USD", True, False)) is Obstacle.CLOSED

    def test_a_branch_gets_a_name_of_its_own(self) -> None:
        assert own_name("Main branch", "17850", frozenset({"main branch"})) == "Main branch (17850)"
        assert own_name("Annex", "17850", frozenset({"main branch"})) == "Annex"
        assert len(own_name("x" * 200, "17850", frozenset({"x" * 200}))) == 200


def merge(shop: Shop, **values: Any) -> None:
    given = {"stays_id": shop.company.id, "doubled_id": shop.other.id, "now": NOW, **values}
    done(shop.session, actions.merge_companies, shop.seller, **given)


def change(session: Session, statement: Any) -> None:
    with writing(session), all_companies(session, reason="test data"):
        session.execute(statement)
        session.commit()


def read_rows(session: Session, statement: Any) -> list[tuple[Any, ...]]:
    settle(session)
    with all_companies(session, reason="test"):
        rows = [tuple(row) for row in session.execute(statement)]
    settle(session)
    return rows


def owners(session: Session, model: Any) -> set[int]:
    return set(read(session, select(model.company_id)))


def test_everything_follows_and_the_double_leads_to_the_company_that_stays(shop: Shop) -> None:
    session, stays, doubled = shop.session, shop.company, shop.other
    product = shop.product(stock=5)
    order = place(session, shop.other_buyer, doubled, {product: 8})
    shop.place({product: 1})
    cart = make_cart(session, doubled, {product: 2})
    make_end_customer(session, doubled, "Town Hall")
    make_agreement(session, company=doubled, number="OWN-1", prices={product: [(1, "9.00")]})
    make_customer_number(session, doubled, product, "THEIRS-1")
    written = select(AuditEntry.id, AuditEntry.action).where(AuditEntry.company_id == doubled.id)
    before = read_rows(session, written)
    merge(shop)
    with all_companies(session, reason="test"):
        assert set(count_rows(session, doubled.id).values()) == {0}
    settle(session)
    for model in (Order, OrderLine, Cart, CartLine, Branch, EndCustomer, Membership, CustomerPartNumber):
        assert owners(session, model) - {None} == {stays.id}, model
    assert read(session, select(Order.number).where(Order.id == order.id)) == [order.number]
    assert len(read(session, select(CartLine).where(CartLine.cart_id == cart.id))) == 1
    row = read(session, select(Company).where(Company.id == doubled.id))[0]
    assert (row.is_active, row.merged_into_id, row.number) == (False, stays.id, doubled.number)
    after = read_rows(session, written)
    assert set(before) <= set(after), "history stays as it was"
    assert [action for _id, action in set(after) - set(before)] == ["company.merged"]
    with all_companies(session, reason="test"):
        assert find_unbalanced(session) == []
        found = find_by_number(session, doubled.number)
        assert found is not None
        assert found.id == stays.id
        rows = companies_by_number(session, {doubled.number, stays.number}, locked=False)
        assert rows[doubled.number].merged_into == stays.number


def test_the_order_is_given_to_the_vendors_own_system_again(shop: Shop) -> None:
    session, product = shop.session, shop.product(stock=5)
    order = place(session, shop.other_buyer, shop.other, {product: 1})
    before = read(session, select(Order.change_number).where(Order.id == order.id))
    merge(shop)
    assert read(session, select(Order.change_number).where(Order.id == order.id)) > before


def test_the_people_of_the_double_order_for_the_company_that_stays(shop: Shop) -> None:
    session, product = shop.session, shop.product(stock=5)
    user_id = shop.other_buyer.user_id
    with writing(session), all_companies(session, reason="test data"):
        session.add(
            SignInSession(
                token_hash="h", user_id=user_id, membership_id=shop.other_buyer.membership_id,
                created_at=NOW, last_seen_at=NOW,
            )
        )  # fmt: skip
        session.commit()
    merge(shop)
    assert read(session, select(SignInSession.ended_at)) == [NOW]
    member = read(session, select(Membership).where(Membership.user_id == user_id))[0]
    assert (member.company_id, member.role, member.is_active) == (shop.company.id, "buyer", True)
    with pytest.raises(NotFound):
        place(session, shop.other_buyer, shop.company, {product: 1})


def test_what_both_have_is_made_one(shop: Shop) -> None:
    session, stays, doubled = shop.session, shop.company, shop.other
    both = make_person(session, stays, Role.BUYER, email="both@kettle.example")
    make_member(session, both, doubled, Role.RESELLER_ADMIN)
    kept, other = (
        make_end_customer(session, stays, "Town Hall"),
        make_end_customer(session, doubled, "Town Hall"),
    )
    first, second = make_product(session, "A-1"), make_product(session, "A-2")
    make_customer_number(session, stays, first, "SAME-1")
    make_customer_number(session, doubled, second, "same-1")
    make_tax_rate(session, stays, code="US-ME", rate_bps=550)
    make_tax_rate(session, doubled, code="US-TX", rate_bps=825)
    product = shop.product(stock=5)
    order = place(session, shop.other_buyer, doubled, {product: 1}, end_customer_id=other.id)
    with all_companies(session, reason="test"):
        plan = plan_merge(session, stays_id=stays.id, doubled_id=doubled.id)
    settle(session)
    assert [(one.email, one.now) for one in plan.people] == [("both@kettle.example", "reseller_admin")]
    assert plan.end_customers == ["Town Hall"]
    assert [(row.code, bool(row.differs)) for row in plan.part_numbers] == [("same-1", True)]
    assert plan.tax_rates == [("standard", 550, 825)]
    assert plan.branches == [("Main branch", f"Main branch ({doubled.number})", False)]
    merge(shop)
    roles = read(session, select(Membership.role).where(Membership.user_id == both.id))
    assert roles == ["reseller_admin"]
    assert read(session, select(EndCustomer.id)) == [kept.id]
    assert read(session, select(Order.end_customer_id).where(Order.id == order.id)) == [kept.id]
    assert read(session, select(CustomerPartNumber.product_id)) == [first.id]
    assert read(session, select(TaxRate.rate_bps)) == [550]
    names = read(session, select(Branch.name).where(Branch.company_id == stays.id).order_by(Branch.id))
    assert names == ["Main branch", f"Main branch ({doubled.number})"]
    entry = read(session, select(AuditEntry).where(AuditEntry.action == "company.absorbed"))[0]
    assert entry.after["people"][0]["now"] == "reseller_admin"
    assert entry.after["end_customers"][0]["doubled_address"]["street"] == "2 Hill"
    assert entry.after["moved"]["sales_order"] == 1


@pytest.mark.parametrize(("mode", "kept"), [("all", 1), ("only_listed", 0)])
def test_listings_follow_only_under_the_same_rule(shop: Shop, mode: str, kept: int) -> None:
    session = shop.session
    make_listing(session, shop.other, product=make_product(session, "A-1"))
    change(session, update(Company).where(Company.id == shop.other.id).values(visibility_mode=mode))
    merge(shop)
    assert len(read(session, select(VisibilityListing))) == kept


def test_the_double_of_an_imported_history_is_merged_and_its_number_goes_on(
    session: Session, shop: Shop
) -> None:
    with writing(session), all_companies(session, reason="test data"):
        stays = make_company(session, "Kettle UK", currency="GBP")
        doubled = make_company(session, "Customer 17850", currency="GBP", number="17850", is_historical=True)
    change(
        session,
        update(Branch).where(Branch.company_id == doubled.id).values(street="", city="", region=""),
    )
    merge(shop, stays_id=stays.id, doubled_id=doubled.id)
    moved = read(session, select(Branch).where(Branch.company_id == stays.id).order_by(Branch.id))
    assert [(one.name, one.is_active) for one in moved] == [
        ("Main branch", True),
        ("Main branch (17850)", False),
    ]
    with writing(session), all_companies(session, reason="test"):
        party = find_or_make_party(
            session, Actor.system("replay"), number="17850", country="United Kingdom", now=NOW
        )
        assert party.company_id == stays.id
        session.rollback()


def test_twice_is_once_and_both_ways_is_refused(shop: Shop) -> None:
    session = shop.session
    merge(shop)
    merge(shop)
    assert len(read(session, select(AuditEntry).where(AuditEntry.action == "company.merged"))) == 1
    with pytest.raises(Conflict):
        merge(shop, stays_id=shop.other.id, doubled_id=shop.company.id)
    third = make_company(session, "Third")
    merge(shop, stays_id=third.id, doubled_id=shop.company.id)
    leads = read(session, select(Company.merged_into_id).where(Company.id == shop.other.id))
    assert leads == [third.id]
    with pytest.raises(Conflict):
        done(session, actions.reopen_company, shop.seller, company_id=shop.other.id, now=NOW)


def test_another_currency_is_refused_and_nothing_changes(shop: Shop) -> None:
    session = shop.session
    change(session, update(Company).where(Company.id == shop.other.id).values(currency="GBP"))
    product = shop.product(stock=5)
    shop.place({product: 1})
    before = read(session, select(Company.version).order_by(Company.id))
    with pytest.raises(Conflict, match="currencies"):
        merge(shop)
    assert read(session, select(Company.version).order_by(Company.id)) == before
    assert owners(session, Branch) == {shop.company.id, shop.other.id}


def test_what_is_written_into_the_double_meanwhile_is_swept_after(shop: Shop) -> None:
    session, product = shop.session, make_product(shop.session, "A-1")
    merge(shop)
    make_cart(session, shop.other, {product: 2}, name="Late")
    job = read(session, select(Job).where(Job.kind == SWEEP))[0]
    assert job.run_at == NOW + timedelta(minutes=2)
    with writing(session), all_companies(session, reason="test"):
        sweep(session, job, NOW)
        session.commit()
    assert owners(session, Cart) == owners(session, CartLine) == {shop.company.id}


def placing(actor: Actor, cart: Cart) -> Any:
    def task(session: Session) -> Any:
        return run(
            session, actions.place_order, actor, cart_id=cart.id, shown_total=Decimal("10.00"),
            checkout=Checkout(branch_id=cart.branch_id), now=NOW,
        ).number  # fmt: skip

    return task


def test_orders_placed_into_the_double_meanwhile_follow_or_are_refused(engine: Engine, shop: Shop) -> None:
    session, product = shop.session, shop.product(stock=100)
    for number in range(ROUNDS):
        doubled = make_company(session, f"Double {number}")
        buyer = make_person(session, doubled, Role.BUYER)
        actor = actor_for(session, buyer, doubled)
        carts = [make_cart(session, doubled, {product: 1}) for _n in range(3)]
        settle(session)

        def merging(own: Session, doubled_id: int = doubled.id) -> str:
            values = {"stays_id": shop.company.id, "doubled_id": doubled_id, "now": NOW}
            run(own, actions.merge_companies, shop.seller, **values)
            return "merged"

        results = at_once(engine, [*(placing(actor, cart) for cart in carts), merging])
        assert results[3] == "merged"
        assert set(errors_of(results)) <= {"NotFound", "Conflict"}, results
        placed = {one for one in results[:3] if isinstance(one, str)}
        assert set(read(session, select(Order.number).where(Order.number.in_(placed)))) == placed
        assert owners(session, Order) | owners(session, OrderLine) <= {shop.company.id}
        ids = [cart.id for cart in carts]
        still = read(session, select(Cart).where(Cart.id.in_(ids)))
        assert {cart.company_id for cart in still} == {shop.company.id}
        assert sum(cart.placed_at is None for cart in still) == 3 - len(placed)
    settle(session)
    with all_companies(session, reason="test"):
        assert find_unbalanced(session) == []


def test_two_who_merge_both_ways_at_once_leave_one_company(engine: Engine, shop: Shop) -> None:
    def merging(stays: Company, doubled: Company) -> Any:
        def task(own: Session) -> str:
            values = {"stays_id": stays.id, "doubled_id": doubled.id, "now": NOW}
            run(own, actions.merge_companies, shop.seller, **values)
            return "merged"

        return task

    results = at_once(engine, [merging(shop.company, shop.other), merging(shop.other, shop.company)])
    assert sorted(map(str, results)).count("merged") == 1, results
    assert errors_of(results) == ["Conflict"]
    active = read(shop.session, select(Company).where(Company.is_active))
    assert len(active) == 1
    assert owners(shop.session, Branch) == {active[0].id}


def test_a_closed_double_can_be_merged(shop: Shop) -> None:
    done(shop.session, actions.close_company, shop.seller, company_id=shop.other.id, now=NOW)
    merge(shop)
    with pytest.raises(Conflict):
        done(
            shop.session, accounts.set_company_active, shop.seller,
            company_id=shop.other.id, is_active=True, now=NOW,
        )  # fmt: skip
