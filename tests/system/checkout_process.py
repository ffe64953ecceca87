"""Places carts in processes that may be killed at any step, one JSON line in and one out for each.

`python -m tests.system.checkout_process DATABASE_URL`; a line is {"cart", "branch", "total", "company",
"user", "kill"}. `kill` is null, a number (kill -9 before that statement, counted from 1, the commit being
one), "acknowledged" (right after the commit), or {"after": seconds}. The answer is {"number", "steps"}.
"""

from __future__ import annotations

import json
import os
import signal
import sys
import threading
import time
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

from sqlalchemy import Engine, create_engine, event

from app import models  # noqa: F401 - every table is known
from app.core.database import configure_engine, run
from app.core.permissions import ROLE_PERMISSIONS, Actor, Role
from app.core.tenancy import TenantSession
from app.domain.ordering import actions
from app.domain.ordering.placing import Checkout


def die() -> None:
    os.kill(os.getpid(), signal.SIGKILL)
    time.sleep(60)


def watch(engine: Engine, kill: Any) -> list[str]:
    """Note each statement, and end this process before the one that is named."""
    steps: list[str] = []

    def step(statement: str) -> None:
        steps.append(statement)
        if len(steps) == kill:
            die()

    event.listen(engine, "before_cursor_execute", lambda c, cu, statement, *rest: step(statement))
    event.listen(engine, "commit", lambda connection: step("COMMIT"))
    return steps


def place(url: str, task: dict[str, Any], out: int) -> None:
    engine = create_engine(url)
    configure_engine(engine)
    kill = task["kill"]
    steps = watch(engine, kill)
    if isinstance(kill, dict):
        threading.Timer(kill["after"], die).start()
    actor = Actor(
        name="Mara Vint", permissions=ROLE_PERMISSIONS[Role.BUYER], user_id=task["user"],
        role=Role.BUYER, company_id=task["company"],
    )  # fmt: skip
    with TenantSession(bind=engine) as session:
        order = run(
            session,
            actions.place_order,
            actor,
            cart_id=task["cart"],
            shown_total=Decimal(task["total"]),
            checkout=Checkout(branch_id=task["branch"]),
            now=datetime.now(UTC),
        )
        number = order.number
    if kill == "acknowledged":
        die()
    os.write(out, json.dumps({"number": number, "steps": len(steps)}).encode())
    os._exit(0)


def main(url: str) -> None:
    for line in sys.stdin:
        ours, theirs = os.pipe()
        child = os.fork()
        if child == 0:
            place(url, json.loads(line), theirs)
        os.close(theirs)
        with os.fdopen(ours, "rb") as pipe:
            said = pipe.read()
        os.waitpid(child, 0)
        print(said.decode() or json.dumps({"number": None, "steps": None}), flush=True)


if __name__ == "__main__":
    main(sys.argv[1])
