"""Which agreement wins, which step applies, and what a buyer is told about it."""

from __future__ import annotations

from datetime import date
from decimal import Decimal

from app.domain.catalogue.pricing import (
    Agreement,
    BelowFirstStep,
    Ladder,
    Price,
    Step,
    effective_rule,
    explain_ladders,
    resolve_price,
)
from app.domain.catalogue.quantities import QuantityRule


def ladder(
    level: str,
    *steps: tuple[int, str],
    number: int = 1,
    starts: date = date(2026, 1, 1),
    rule: QuantityRule | None = None,
) -> Ladder:
    agreement = Agreement(number, f"{level}-{number}", level, level, starts)
    return Ladder(agreement, tuple(Step(quantity, Decimal(price)) for quantity, price in steps), rule)


def price_at(quantity: int, *ladders: Ladder) -> tuple[str, Decimal]:
    found = resolve_price(ladders, quantity=quantity)
    assert isinstance(found, Price)
    return found.ladder.agreement.level, found.unit_price


def test_branch_wins_over_company_over_tier_over_list_even_where_dearer() -> None:
    listed, tier = ladder("list", (1, "8.00")), ladder("tier", (1, "8.50"))
    company, branch = ladder("company", (1, "9.00")), ladder("branch", (1, "9.50"))
    assert price_at(1, listed, tier, company, branch) == ("branch", Decimal("9.50"))
    assert price_at(1, listed, tier, company) == ("company", Decimal("9.00"))
    assert price_at(1, listed, tier) == ("tier", Decimal("8.50"))
    assert price_at(1, listed) == ("list", Decimal("8.00"))


def test_the_winner_prices_the_whole_product_and_ladders_are_never_mixed() -> None:
    company = ladder("company", (1, "9.00"), (8, "7.00"))
    listed = ladder("list", (2, "8.00"), (9, "1.00"))
    assert [price_at(quantity, company, listed)[1] for quantity in (1, 7, 8, 9, 1000)] == [
        Decimal("9.00"),
        Decimal("9.00"),
        Decimal("7.00"),
        Decimal("7.00"),
        Decimal("7.00"),
    ]


def test_a_tie_goes_to_the_later_start_then_to_the_higher_id() -> None:
    older = ladder("company", (1, "5.00"), number=9, starts=date(2026, 1, 1))
    newer = ladder("company", (1, "6.00"), number=2, starts=date(2026, 6, 1))
    newest = ladder("company", (1, "7.00"), number=3, starts=date(2026, 6, 1))
    assert price_at(1, older, newer)[1] == Decimal("6.00")
    assert price_at(1, newest, older, newer)[1] == Decimal("7.00")


def test_below_the_first_step_the_answer_is_the_minimum_with_that_step() -> None:
    branch, listed = ladder("branch", (10, "9.00"), (50, "8.00")), ladder("list", (1, "8.00"))
    found = resolve_price([listed, branch], quantity=5)
    assert isinstance(found, BelowFirstStep)
    assert (found.minimum, found.step.unit_price, found.losers) == (10, Decimal("9.00"), (listed,))


def test_no_ladder_or_one_without_steps_is_price_on_request() -> None:
    assert resolve_price([], quantity=1) is None
    assert resolve_price([ladder("branch")], quantity=1) is None
    assert price_at(1, ladder("branch"), ladder("list", (1, "8.00"))) == ("list", Decimal("8.00"))


def test_zero_is_a_price() -> None:
    assert price_at(1, ladder("company", (1, "0")), ladder("list", (1, "8.00"))) == ("company", Decimal(0))


def test_the_winning_agreement_overrides_the_products_quantity_rule_and_starts_at_its_first_step() -> None:
    own = QuantityRule(minimum=1, multiple=5)
    with_rule = ladder("company", (1, "9.00"), rule=QuantityRule(minimum=4, multiple=4, maximum=40))
    losing = ladder("list", (100, "8.00"), rule=QuantityRule(minimum=100))
    assert effective_rule(own, [losing, with_rule]) == QuantityRule(4, 4, 40)
    assert effective_rule(own, [ladder("list", (10, "8.00"))]) == QuantityRule(10, 5, None)
    assert effective_rule(own, []) == own


def test_a_buyer_reads_of_own_agreements_and_list_only_and_staff_of_all() -> None:
    ladders = [
        ladder("branch", (1, "9.00")),
        ladder("company", (1, "9.10")),
        ladder("tier", (1, "8.00")),
        ladder("list", (1, "10.00")),
    ]
    buyer = explain_ladders(ladders, quantity=1, for_staff=False)
    staff = explain_ladders(ladders, quantity=1, for_staff=True)
    assert buyer is not None
    assert staff is not None
    assert [shown.level for shown in buyer.ladders] == ["branch", "company", "list"]
    assert [shown.level for shown in staff.losers] == ["company", "tier", "list"]


def test_a_tier_price_that_wins_is_shown_to_the_buyer_without_its_name() -> None:
    ladders = [ladder("tier", (1, "8.00"), (10, "7.50")), ladder("list", (1, "10.00"))]
    buyer = explain_ladders(ladders, quantity=10, for_staff=False)
    assert buyer is not None
    winner = buyer.winner
    assert winner is not None
    assert (winner.level, winner.number, winner.name, winner.starts_on) == ("tier", None, None, None)
    assert [step.unit_price for step in winner.steps] == [Decimal("8.00"), Decimal("7.50")]
    assert buyer.step == Step(10, Decimal("7.50"))


def test_below_the_first_step_the_explanation_names_the_minimum() -> None:
    explanation = explain_ladders([ladder("company", (10, "9.00"))], quantity=3, for_staff=False)
    assert explanation is not None
    assert (explanation.step, explanation.minimum) == (None, 10)
    assert explain_ladders([], quantity=1, for_staff=True) is None
