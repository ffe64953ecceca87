"""The floor: a bare Flask application with hand-written SQL and one template of 24 rows.

No sign-in, no layout, no tenancy, no audit: what the same data costs when nothing else is done. Search
and list are one indexed query each; the order is the smallest set of statements that takes stock.
"""

from __future__ import annotations

import json

from flask import Flask, render_template, request
from sqlalchemy import Engine, bindparam, text

ROWS = """<!doctype html><table>{% for row in rows %}<tr>
<td><a href="/p/{{ row.sku }}">{{ row.name }}</a></td><td>{{ row.sku }}</td><td>{{ row.summary }}</td>
<td>{{ row.unit_price }}</td></tr>{% endfor %}</table>"""

LIST = """
SELECT p.id, p.sku, p.name, p.summary,
       (SELECT min(r.unit_price) FROM price_row r WHERE r.product_id = p.id) AS unit_price
FROM product p WHERE p.category_id = :category AND (p.name_key, p.id) > (:name, :id)
ORDER BY p.name_key, p.id LIMIT 24
"""
ROW_COLUMNS = """
SELECT p.id, p.sku, p.name, p.summary,
       (SELECT min(r.unit_price) FROM price_row r WHERE r.product_id = p.id) AS unit_price
"""
SEARCH_SQLITE = (
    ROW_COLUMNS
    + """ FROM product_search s JOIN product p ON p.id = s.rowid WHERE product_search MATCH :match LIMIT 24"""
)
SEARCH_POSTGRES = (
    ROW_COLUMNS
    + """ FROM product_search s JOIN product p ON p.id = s.product_id
WHERE s.trigrams @> :trigrams LIMIT 24"""
)
PRODUCT = """
SELECT p.id, p.sku, p.name, p.summary, r.unit_price
FROM product p LEFT JOIN price_row r ON r.product_id = p.id
WHERE p.sku_key = :sku
"""


def _trigrams(words: list[str]) -> list[str]:
    return sorted({word[i : i + 3] for word in words for i in range(len(word) - 2)})


def create_floor_tables(engine: Engine) -> None:
    """The two tables the floor's order needs."""
    key = "BIGSERIAL" if engine.dialect.name == "postgresql" else "INTEGER"
    with engine.begin() as connection:
        connection.execute(text(f"CREATE TABLE bench_order (id {key} PRIMARY KEY, total BIGINT)"))
        connection.execute(
            text(
                "CREATE TABLE bench_order_line"
                f" (id {key} PRIMARY KEY, order_id BIGINT, product_id BIGINT, quantity INTEGER,"
                " unit_price BIGINT)"
            )
        )


def create_floor(engine: Engine) -> Flask:
    """The bare application on `engine` (the seeded database)."""
    app = Flask(__name__)
    is_sqlite = engine.dialect.name == "sqlite"
    # Parsed once: `render_template_string` would parse it at every request and flatter the ratios.
    template = app.jinja_env.from_string(ROWS)
    reading = engine.execution_options(readonly=True)  # a plain BEGIN on SQLite, as our pages have

    @app.get("/list")
    def list_page() -> str:
        args = request.args
        with reading.connect() as connection:
            rows = connection.execute(
                text(LIST),
                {
                    "category": int(args["category"]),
                    "name": args.get("name", ""),
                    "id": int(args.get("id", 0)),
                },
            ).all()
        return render_template(template, rows=rows)

    @app.get("/search")
    def search_page() -> str:
        words = request.args["q"].lower().split()
        with reading.connect() as connection:
            if is_sqlite:
                match = " ".join(f'"{word}"' for word in words)
                rows = connection.execute(text(SEARCH_SQLITE), {"match": match}).all()
            else:
                rows = connection.execute(text(SEARCH_POSTGRES), {"trigrams": _trigrams(words)}).all()
        return render_template(template, rows=rows)

    @app.get("/p/<sku>")
    def product_page(sku: str) -> str:
        with reading.connect() as connection:
            rows = connection.execute(text(PRODUCT), {"sku": sku}).all()
        return render_template(template, rows=rows)

    @app.post("/order")
    def place_order() -> str:
        lines = json.loads(request.get_data())
        ids = sorted(line["product_id"] for line in lines)
        with engine.begin() as connection:
            prices: dict[int, int] = dict(
                connection.execute(
                    text(
                        "SELECT product_id, min(unit_price) FROM price_row"
                        " WHERE product_id IN :ids GROUP BY product_id"
                    ).bindparams(bindparam("ids", expanding=True)),
                    {"ids": ids},
                )
                .tuples()
                .all()
            )
            connection.execute(
                text(
                    "UPDATE stock_level SET allocated = allocated + :quantity"
                    " WHERE product_id = :product_id AND on_hand - allocated >= :quantity"
                ),
                sorted(lines, key=lambda line: int(line["product_id"])),
            )
            order_id = connection.execute(
                text("INSERT INTO bench_order (total) VALUES (:total) RETURNING id"),
                {"total": sum(prices[line["product_id"]] * line["quantity"] for line in lines)},
            ).scalar_one()
            connection.execute(
                text(
                    "INSERT INTO bench_order_line (order_id, product_id, quantity, unit_price)"
                    " VALUES (:order_id, :product_id, :quantity, :unit_price)"
                ),
                [{**line, "order_id": order_id, "unit_price": prices[line["product_id"]]} for line in lines],
            )
        return str(order_id)

    return app
