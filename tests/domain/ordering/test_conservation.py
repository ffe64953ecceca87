"""Whatever is done in whatever order: units are neither made nor lost, and what is free serves who waits."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Collection
from datetime import timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    Bundle,
    RuleBasedStateMachine,
    initialize,
    invariant,
    multiple,
    rule,
    run_state_machine_as_test,
)
from sqlalchemy import Engine, create_engine, event, func, select, text

from app.core.database import configure_engine, run
from app.core.errors import DomainError
from app.core.permissions import Actor
from app.core.states import StateChange
from app.core.tenancy import TenantSession, all_companies
from app.domain.inventory import ledger
from app.domain.inventory.models import Allocation, ExpectedReceipt, StockLevel, Warehouse
from app.domain.ordering import actions
from app.domain.ordering.balances import find_differences
from app.domain.ordering.models import Order, OrderHold, OrderLine, Shipment
from app.domain.ordering.placing import Checkout
from tests.factories.catalogue import make_agreement, make_product
from tests.factories.ordering import NOW, TODAY, Shop, make_cart, make_shop, make_warehouse, settle

IS_FULL = bool(os.environ.get("SOAK"))
EXAMPLES, STEPS = (500, 50) if IS_FULL else (50, 30)

#: Opens an empty database and gives an engine on it.
Fresh = Callable[[], Engine]

few = st.integers(min_value=1, max_value=6)
any_product = st.integers(min_value=0, max_value=2)
any_warehouse = st.integers(min_value=0, max_value=1)


class Trade(RuleBasedStateMachine):
    """Two resellers and the vendor's people over three products and two warehouses."""

    fresh: Fresh

    orders = Bundle("orders")
    receipts = Bundle("receipts")

    def __init__(self) -> None:
        super().__init__()
        self.engine = self.fresh()
        self.session = TenantSession(bind=self.engine)
        self.clock = NOW
        self.carts: dict[int, tuple[int, Actor, Decimal]] = {}

    @initialize()
    def open_shop(self) -> None:
        self.shop: Shop = make_shop(self.session)
        west = make_warehouse(self.session, "WEST", position=2)
        self.places = [self.shop.warehouse.id, west.id]
        products = [
            make_product(self.session, "WAITS-1", kind="hardware_serial"),
            make_product(self.session, "WAITS-2"),
            make_product(self.session, "NEVER-WAITS", is_backorderable=False),
        ]
        make_agreement(self.session, prices={product: [(1, "10.00")] for product in products})
        self.products = [(product.id, product.sku) for product in products]
        settle(self.session)

    def teardown(self) -> None:
        self.session.close()
        self.engine.dispose()

    def act(self, action: Any, actor: Actor, **values: Any) -> Any:
        """What the action returned; None where it was refused."""
        self.clock += timedelta(minutes=1)
        try:
            return run(self.session, action, actor, now=self.clock, **values)
        except DomainError:
            return None
        finally:
            settle(self.session)

    def lines(self, order_id: int) -> list[Any]:
        with all_companies(self.session, reason="test"):
            return list(
                self.session.execute(
                    select(OrderLine.id, OrderLine.allocated, OrderLine.backordered, OrderLine.shipped)
                    .where(OrderLine.order_id == order_id)
                    .order_by(OrderLine.position)
                )
            )

    def side(self, number: int) -> tuple[Any, Actor]:
        return [(self.shop.company, self.shop.buyer), (self.shop.other, self.shop.other_buyer)][number]

    @rule(target=orders, who=st.integers(0, 1), wanted=st.dictionaries(any_product, few, min_size=1))
    def place(self, who: int, wanted: dict[int, int]) -> Any:
        company, buyer = self.side(who)
        cart_id = make_cart(self.session, company).id
        for number, quantity in wanted.items():
            self.act(
                actions.add_to_cart, buyer, cart_id=cart_id, code=self.products[number][1], quantity=quantity
            )
        total = Decimal(10) * sum(
            quantity for number, quantity in wanted.items() if self.may_have(number, quantity)
        )
        return self.submit(cart_id, buyer, company.branches[0].id, total)

    def may_have(self, number: int, quantity: int) -> bool:
        if number < 2:
            return True
        return self.free(self.products[number][0]) >= quantity

    def free(self, product_id: int) -> int:
        with all_companies(self.session, reason="test"):
            units = self.session.scalar(
                select(func.sum(StockLevel.on_hand - StockLevel.allocated)).where(
                    StockLevel.product_id == product_id
                )
            )
        return int(units or 0)

    def submit(self, cart_id: int, buyer: Actor, branch_id: int, total: Decimal) -> Any:
        order = self.act(
            actions.place_order,
            buyer,
            cart_id=cart_id,
            shown_total=total,
            checkout=Checkout(branch_id=branch_id),
        )
        if order is None:
            return multiple()
        self.carts[order.id] = (cart_id, buyer, total)
        return order.id

    @rule(order_id=orders)
    def submit_again(self, order_id: int) -> None:
        cart_id, buyer, total = self.carts[order_id]
        branch_id = self.side(0 if buyer is self.shop.buyer else 1)[0].branches[0].id
        again = self.act(
            actions.place_order,
            buyer,
            cart_id=cart_id,
            shown_total=total,
            checkout=Checkout(branch_id=branch_id),
        )
        assert again is not None
        assert again.id == order_id

    @rule(order_id=orders)
    def cancel(self, order_id: int) -> None:
        is_open = any(line.allocated or line.backordered for line in self.lines(order_id))
        done = self.act(actions.cancel_order, self.carts[order_id][1], order_id=order_id, reason="")
        assert (done is not None) == is_open

    @rule(order_id=orders, place=st.integers(0, 2), quantity=few)
    def cancel_some(self, order_id: int, place: int, quantity: int) -> None:
        lines = self.lines(order_id)
        line = lines[place % len(lines)]
        done = self.act(
            actions.cancel_line,
            self.carts[order_id][1],
            order_id=order_id,
            line_id=line.id,
            quantity=quantity,
            reason="",
        )
        assert (done is not None) == (quantity <= line.allocated + line.backordered)

    @rule(order_id=orders)
    def release(self, order_id: int) -> None:
        self.act(actions.release_order, self.shop.seller, order_id=order_id)

    @rule(
        order_id=orders, place=any_warehouse, line=st.integers(0, 2), quantity=few, first=st.integers(1, 40)
    )
    def ship(self, order_id: int, place: int, line: int, quantity: int, first: int) -> None:
        lines = self.lines(order_id)
        self.act(
            actions.ship_order,
            self.shop.clerk,
            order_id=order_id,
            warehouse_id=self.places[place],
            lines={lines[line % len(lines)].id: (quantity, f"U{first}+{quantity - 1}")},
        )

    @rule(order_id=orders)
    def reverse(self, order_id: int) -> None:
        with all_companies(self.session, reason="test"):
            latest = self.session.scalar(
                select(func.max(Shipment.id)).where(
                    Shipment.order_id == order_id, Shipment.reverses_id.is_(None)
                )
            )
        settle(self.session)
        if latest is not None:
            self.act(actions.reverse_shipment, self.shop.clerk, shipment_id=latest, reason="Wrong box")

    @rule(product=any_product, place=any_warehouse, counted=st.integers(0, 8))
    def count(self, product: int, place: int, counted: int) -> None:
        self.act(
            actions.count_stock,
            self.shop.clerk,
            product_id=self.products[product][0],
            warehouse_id=self.places[place],
            counted=counted,
        )

    @rule(product=any_product, place=any_warehouse, delta=st.integers(-4, 4))
    def correct(self, product: int, place: int, delta: int) -> None:
        self.act(
            actions.correct_stock,
            self.shop.clerk,
            product_id=self.products[product][0],
            warehouse_id=self.places[place],
            delta=delta,
        )

    @rule(product=any_product, place=any_warehouse, quantity=few)
    def receive(self, product: int, place: int, quantity: int) -> None:
        done = self.act(
            actions.receive_stock,
            self.shop.clerk,
            product_id=self.products[product][0],
            warehouse_id=self.places[place],
            quantity=quantity,
        )
        assert done is not None

    @rule(target=receipts, product=any_product, place=any_warehouse, quantity=few, days=st.integers(0, 9))
    def expect(self, product: int, place: int, quantity: int, days: int) -> Any:
        receipt = self.act(
            actions.expect_receipt,
            self.shop.clerk,
            product_id=self.products[product][0],
            warehouse_id=self.places[place],
            quantity=quantity,
            due_on=TODAY + timedelta(days=days),
        )
        return (receipt.id, receipt.product_id, receipt.warehouse_id)

    @rule(receipt=receipts, quantity=few)
    def receive_expected(self, receipt: tuple[int, int, int], quantity: int) -> None:
        receipt_id, product_id, warehouse_id = receipt
        self.act(
            actions.receive_stock,
            self.shop.clerk,
            product_id=product_id,
            warehouse_id=warehouse_id,
            quantity=quantity,
            receipt_id=receipt_id,
        )

    @rule(receipt=receipts)
    def close(self, receipt: tuple[int, int, int]) -> None:
        self.act(actions.close_receipt, self.shop.clerk, receipt_id=receipt[0])

    @invariant()
    def ledger_and_allocations_agree_with_the_levels(self) -> None:
        with all_companies(self.session, reason="test"):
            assert find_differences(self.session) == []
        settle(self.session)

    @invariant()
    def every_line_adds_up_and_holds_its_allocations(self) -> None:
        held = (
            select(func.coalesce(func.sum(Allocation.quantity), 0))
            .where(Allocation.order_line_id == OrderLine.id)
            .scalar_subquery()
        )
        with all_companies(self.session, reason="test"):
            rows = self.session.execute(
                select(
                    OrderLine.ordered,
                    OrderLine.allocated,
                    OrderLine.backordered,
                    OrderLine.cancelled,
                    OrderLine.shipped,
                    held.label("held"),
                )
            ).all()
        for row in rows:
            assert row.ordered == row.allocated + row.backordered + row.cancelled + row.shipped
            assert row.allocated == row.held
        settle(self.session)

    @invariant()
    def nothing_is_free_while_somebody_waits_for_it(self) -> None:
        with all_companies(self.session, reason="test"):
            waiting = self.session.scalars(
                select(OrderLine.product_id).where(OrderLine.backordered > 0).distinct()
            ).all()
        assert [product_id for product_id in waiting if self.free(product_id) > 0] == []
        settle(self.session)

    @invariant()
    def older_orders_are_served_before_younger_ones(self) -> None:
        """Who has waited without a break since before another order came was not passed over by it."""
        with all_companies(self.session, reason="test"):
            rows = self.session.execute(
                select(OrderLine.product_id, OrderLine.promised_on, OrderLine.backordered)
                .join(Order, Order.id == OrderLine.order_id)
                .where(OrderLine.backordered > 0)
                .order_by(OrderLine.product_id, Order.placed_at, Order.id, OrderLine.position)
            ).all()
            coming = self.session.execute(
                select(
                    ExpectedReceipt.product_id,
                    func.sum(ExpectedReceipt.quantity - ExpectedReceipt.received).label("units"),
                )
                .where(ExpectedReceipt.is_open)
                .group_by(ExpectedReceipt.product_id)
            ).all()
        settle(self.session)
        left = {row.product_id: int(row.units) for row in coming}
        latest: dict[int, Any] = {}
        for row in rows:
            left[row.product_id] = left.get(row.product_id, 0) - row.backordered
            assert (row.promised_on is not None) == (left[row.product_id] >= 0)
            if row.promised_on is not None:
                assert row.promised_on >= latest.get(row.product_id, TODAY)
                latest[row.product_id] = row.promised_on

    @invariant()
    def an_orders_state_follows_from_its_lines_and_its_history(self) -> None:
        with all_companies(self.session, reason="test"):
            orders = self.session.execute(
                select(Order.id, Order.number, Order.state).order_by(Order.id)
            ).all()
            held = set(self.session.scalars(select(OrderHold.order_id)))
            last = {
                change.subject_id: change.to_state
                for change in self.session.scalars(
                    select(StateChange).where(StateChange.machine == "order").order_by(StateChange.id)
                )
            }
        settle(self.session)
        for order in orders:
            lines = self.lines(order.id)
            is_open = any(line.allocated or line.backordered for line in lines)
            has_shipped = any(line.shipped for line in lines)
            assert (order.state == "cancelled") == (not is_open and not has_shipped)
            assert (order.state == "shipped") == (not is_open and has_shipped)
            assert (order.state == "part_shipped") == (is_open and has_shipped)
            assert order.state == last[order.id]
            if any(line.allocated for line in lines) and order.id not in held and not has_shipped:
                assert order.state == "released"
        numbers = [order.number for order in orders]
        assert numbers == [f"SO-26-{n:05}" for n in range(1, len(numbers) + 1)]
        settle(self.session)

    @invariant()
    def warehouses_stay_as_they_were(self) -> None:
        with all_companies(self.session, reason="test"):
            assert list(self.session.scalars(select(Warehouse.id).order_by(Warehouse.id))) == self.places
        settle(self.session)


def _opened(url: str) -> Engine:
    engine = create_engine(url)
    configure_engine(engine)
    return engine


def _in_haste(connection: Any, record: Any) -> None:
    # Nobody pulls the plug here, and the files are thrown away.
    connection.execute("PRAGMA synchronous = OFF")


def _fresh_sqlite(template: Path, folder: Path) -> Fresh:
    path = folder / "model.db"

    def fresh() -> Engine:
        for rest in folder.glob("model.db*"):
            rest.unlink()
        shutil.copyfile(template, path)
        engine = _opened(f"sqlite:///{path}")
        event.listen(engine, "connect", _in_haste)
        return engine

    return fresh


def _fresh_postgres(url: str) -> Fresh:
    def fresh() -> Engine:
        engine = _opened(url)
        with engine.begin() as connection:
            tables = connection.execute(text("SELECT tablename FROM pg_tables WHERE schemaname = 'public'"))
            names = [row[0] for row in tables if row[0] != "alembic_version"]
            for name in names:
                connection.execute(text(f'ALTER TABLE "{name}" DISABLE TRIGGER ALL'))
            for name in names:
                connection.execute(text(f'DELETE FROM "{name}"'))
            for name in names:
                connection.execute(text(f'ALTER TABLE "{name}" ENABLE TRIGGER ALL'))
        return engine

    return fresh


def _play(fresh: Fresh, examples: int, *, phases: Collection[Phase] = tuple(Phase)) -> None:
    machine = type("Trade", (Trade,), {"fresh": staticmethod(fresh)})
    run_state_machine_as_test(
        machine,
        settings=settings(
            max_examples=examples,
            stateful_step_count=STEPS,
            deadline=None,
            database=None,
            derandomize=not IS_FULL,
            phases=phases,
            suppress_health_check=list(HealthCheck),
        ),
    )


def test_units_are_conserved_on_sqlite(sqlite_template: Path, tmp_path: Path) -> None:
    _play(_fresh_sqlite(sqlite_template, tmp_path), EXAMPLES)


@pytest.mark.soak
def test_units_are_conserved_on_postgres(postgres_url: str) -> None:
    _play(_fresh_postgres(postgres_url), EXAMPLES)


def test_some_units_are_conserved_on_postgres(postgres_url: str) -> None:
    _play(_fresh_postgres(postgres_url), 5)


def test_units_that_are_not_given_back_are_noticed(
    sqlite_template: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The control: the model fails where a cancellation keeps the units it had."""
    monkeypatch.setattr(ledger, "give_back", lambda session, units: set())
    with pytest.raises(AssertionError):
        _play(_fresh_sqlite(sqlite_template, tmp_path), EXAMPLES, phases=[Phase.generate])
