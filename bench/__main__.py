"""`make bench`: CPU per request as a ratio to the bare floor's, both measured in one run.

Usage: python -m bench [--products 10000,100000] [--database sqlite,postgres] [--times 60]
"""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

from sqlalchemy import create_engine, text
from sqlalchemy.engine import make_url

from bench.measure import Cost, Meter, measure_pair


@dataclass(frozen=True)
class Row:
    """One line of the report."""

    database: str
    products: int
    work: str
    floor: Cost
    ours: Cost
    target: float

    @property
    def ratio(self) -> float:
        return self.ours.cpu_ms / self.floor.cpu_ms


def main(arguments: list[str] | None = None) -> int:
    """Measure every database at every size and print the table."""
    options = _options().parse_args(arguments)
    rows: list[Row] = []
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="sellthru-bench-")))
        for name in options.database.split(","):
            for products in map(int, options.products.split(",")):
                with _database(name, folder / f"{name}-{products}") as url:
                    rows += _measure(url, name, products, options.times, folder / f"data-{name}-{products}")
    _print(rows)
    return 0


def _options() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="make bench", description=__doc__)
    parser.add_argument("--products", default="10000,100000", help="sizes, separated by commas")
    parser.add_argument("--database", default="sqlite,postgres", help="sqlite, postgres or both")
    parser.add_argument("--times", type=int, default=60, help="requests per figure")
    return parser


@contextmanager
def _database(name: str, folder: Path) -> Iterator[str]:
    """An empty database of its own: a SQLite file, or one on TEST_POSTGRES_URL or the packaged server."""
    folder.mkdir(parents=True)
    if name == "sqlite":
        yield f"sqlite:///{folder / 'bench.db'}"
        return
    from tools import postgres

    with ExitStack() as stack:
        given = os.environ.get("TEST_POSTGRES_URL")
        server = make_url(given or stack.enter_context(postgres.server()).url)
        server = server.set(drivername="postgresql+psycopg")
        own = f"sellthru_bench_{os.getpid()}"
        admin = create_engine(server.set(database="postgres"), isolation_level="AUTOCOMMIT")
        with admin.connect() as connection:
            connection.execute(text(f'DROP DATABASE IF EXISTS "{own}" WITH (FORCE)'))
            connection.execute(text(f'CREATE DATABASE "{own}"'))
        try:
            yield server.set(database=own).render_as_string(hide_password=False)
        finally:
            with admin.connect() as connection:
                connection.execute(text(f'DROP DATABASE IF EXISTS "{own}" WITH (FORCE)'))
            admin.dispose()


def _measure(url: str, name: str, products: int, times: int, data_dir: Path) -> list[Row]:
    from app.core.database import Base, configure_engine
    from bench import seed, visits
    from bench.floor import create_floor, create_floor_tables

    engine = create_engine(url, pool_size=1, max_overflow=0)
    configure_engine(engine)
    Base.metadata.create_all(engine)
    started = time.monotonic()
    seeded = seed.seed(engine, products=products)
    create_floor_tables(engine)
    _say(f"{name}: {products} products seeded in {time.monotonic() - started:.0f} s")
    floor_meter, floor_app = Meter(engine), create_floor(engine)
    ours_app, ours_engine = visits.create_ours(url, data_dir)
    ours_meter = Meter(ours_engine)
    visitor = visits.Visitor(ours_app, ours_engine, seeded)
    rows = []
    for work in visits.works(floor_app, visitor, seeded):
        floor, ours = measure_pair(
            (floor_meter, work.floor), (ours_meter, work.ours), times=work.times or times
        )
        row = Row(name, products, work.name, floor, ours, work.target)
        _say(f"  {work.name}: floor {floor.cpu_ms:.2f} ms, ours {ours.cpu_ms:.2f} ms, {row.ratio:.1f} x")
        rows.append(row)
    engine.dispose()
    ours_engine.dispose()
    return rows


def _say(line: str) -> None:
    sys.stderr.write(line + "\n")


def _print(rows: Sequence[Row]) -> None:
    head = "| database | products | work | floor, CPU ms | ours, CPU ms | ratio | target | statements |"
    sys.stdout.write(head + "\n|---|---|---|---|---|---|---|---|\n")
    for row in rows:
        sys.stdout.write(
            f"| {row.database} | {row.products:,} | {row.work} | {row.floor.cpu_ms:.2f} |"
            f" {row.ours.cpu_ms:.2f} | {row.ratio:.1f} | {f'≤ {row.target:g}' if row.target else '-'} |"
            f" {row.ours.statements:g} |\n"
        )
    sys.stdout.write("\n| database | products | compared | ratio | target |\n|---|---|---|---|---|\n")
    for database, products, name, ratio, target in _comparisons(rows):
        sys.stdout.write(f"| {database} | {products} | {name} | {ratio:.2f} | ≤ {target:g} |\n")


def _comparisons(rows: Sequence[Row]) -> Iterator[tuple[str, str, str, float, float]]:
    """Our own figures beside each other: page 50 and page 1, a long and a short order, two sizes."""
    cost = {(row.database, row.products, row.work): row.ours.cpu_ms for row in rows}
    pairs = (
        ("catalogue page 50", "catalogue page 1", 1.5),
        ("order of 1,000 lines", "order of 50 lines", 15),
    )
    for database, products in dict.fromkeys((row.database, row.products) for row in rows):
        for many, one, target in pairs:
            ratio = cost[database, products, many] / cost[database, products, one]
            yield database, f"{products:,}", f"{many} / {one}", ratio, target
    for row in rows:
        before = cost.get((row.database, row.products // 10, row.work))
        if before:
            target = 2 if row.work.startswith("search") else 1.3
            yield (row.database, f"{row.products:,} / {row.products // 10:,}", row.work,
                   row.ours.cpu_ms / before, target)  # fmt: skip


if __name__ == "__main__":
    sys.exit(main())
