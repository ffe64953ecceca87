"""All companies' orders: the list, its files, one order, releasing and cancelling."""

from app.console.orders import changes, exporting
from app.console.orders.routes import blueprint

changes.register(blueprint)
exporting.register(blueprint)

__all__ = ["blueprint"]
