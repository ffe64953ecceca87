"""Stock by product, counting in, expected receipts, warehouses."""

from app.console.stock import counting, receipts, warehouses
from app.console.stock.routes import blueprint

for room in (counting, receipts, warehouses):
    room.register(blueprint)

__all__ = ["blueprint"]
