"""/metrics names no person, is never public by itself, and says what the instance does."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta

import pytest
from flask import Flask
from sqlalchemy.orm import Session

from app.api import metrics as door
from app.core import outbox
from app.core.database import writing
from app.core.imports.models import ImportRun
from app.core.outbox import Job
from app.core.tenancy import all_companies
from tests.factories.accounts import NOW
from tests.factories.catalogue import make_agreement, make_product
from tests.factories.ordering import make_shop, place, stock_in

LINE = re.compile(r'[a-z_]+(\{([a-z]+="[^"\n]*",?)+\})? (-?[0-9.e+-]+|\+Inf)')


def values(text: str) -> dict[str, float]:
    """Every sample; the format is read strictly."""
    found = {}
    for line in text.splitlines():
        if not line.startswith("# "):
            assert LINE.fullmatch(line), line
            name, _, value = line.rpartition(" ")
            found[name] = float(value)
    return found


def test_it_says_what_the_instance_does(app: Flask, session: Session) -> None:
    door._counted.clear()
    shop = make_shop(session)
    product = make_product(session)
    make_agreement(session, prices={product: [(1, "10.00")]})
    stock_in(session, product, 5)
    place(session, shop.buyer, shop.company, {product: 1})
    moment = datetime.now(UTC)
    with writing(session), all_companies(session, reason="test data"):
        session.add(Job(message_id="dead", kind="x", payload={}, state="dead", run_at=NOW, created_at=NOW))
        outbox.enqueue(session, "x", {}, now=moment - timedelta(seconds=90), message_id="waits")
        outbox.beat(session, "embedded:host:1", now=moment - timedelta(seconds=7))
        run = {"kind": "products", "filename": "a.csv", "options": {}, "started_by": "x", "created_at": NOW}
        session.add(ImportRun(**run, state="done"))
        session.commit()
    client = app.test_client()
    client.get("/sign-in")
    client.get("/no/such/page")

    answer = client.get("/metrics")

    assert answer.status_code == 200
    assert answer.content_type == "text/plain; version=0.0.4; charset=utf-8"
    found = values(answer.text)
    assert found["sellthru_database_up"] == 1
    assert found['sellthru_jobs{state="dead"}'] == 1
    assert found['sellthru_jobs{state="queued"}'] >= 1
    assert found["sellthru_job_oldest_due_seconds"] >= 90
    assert 7 <= found['sellthru_worker_heartbeat_age_seconds{worker="embedded:host:1"}'] < 60
    assert found['sellthru_orders_placed_total{source="portal"}'] == 1
    assert found['sellthru_import_runs{kind="products",state="done"}'] == 1
    page = 'sellthru_http_requests_total{endpoint="sign_in.sign_in",status="2xx"'
    signed = [name for name in found if name.startswith(page)]
    assert len(signed) == 1
    assert 'pid="' in signed[0]
    assert any('endpoint="none",status="4xx"' in name for name in found)
    counts = [name for name in found if name.startswith("sellthru_http_request_seconds_bucket")]
    assert any('le="+Inf"' in name for name in counts)
    assert "kettle" not in answer.text.lower()


@pytest.mark.parametrize(
    ("host", "peer", "headers", "hops", "status"),
    [
        ("localhost", "127.0.0.1", {}, 0, 200),
        ("127.0.0.1:8000", "::1", {}, 0, 200),
        ("localhost", "203.0.113.9", {}, 0, 404),
        ("localhost", "127.0.0.1", {"X-Forwarded-For": "203.0.113.9"}, 0, 404),
        ("localhost", "127.0.0.1", {"Forwarded": "for=203.0.113.9"}, 0, 404),
        # A proxy on this machine that we were not told of and that marks nothing.
        ("portal.example", "127.0.0.1", {}, 0, 404),
        ("portal.example", "127.0.0.1", {}, 1, 200),
        ("portal.example", "203.0.113.9", {"Authorization": "Bearer right-token"}, 1, 200),
        ("portal.example", "203.0.113.9", {"Authorization": "Bearer wrong-token"}, 1, 404),
        ("portal.example", "203.0.113.9", {"Authorization": "Bearer "}, 1, 404),
    ],
)
def test_only_this_machine_or_the_token_may_ask(
    app: Flask, host: str, peer: str, headers: dict[str, str], hops: int, status: int
) -> None:
    app.config.update(METRICS_TOKEN="right-token", PROXY_HOPS=hops, TRUSTED_HOSTS=None)
    answer = app.test_client().get(
        "/metrics", base_url=f"http://{host}", environ_base={"REMOTE_ADDR": peer}, headers=headers
    )
    assert answer.status_code == status


def test_without_a_token_nobody_else_may_ask(app: Flask) -> None:
    app.config["METRICS_TOKEN"] = None
    peer = {"REMOTE_ADDR": "203.0.113.9"}
    for given in ("Bearer ", "Bearer None", "Basic x"):
        headers = {"Authorization": given}
        assert app.test_client().get("/metrics", environ_base=peer, headers=headers).status_code == 404
