"""All companies' orders: the list, one order, releasing and cancelling."""

from app.console.orders import changes
from app.console.orders.routes import blueprint

changes.register(blueprint)

__all__ = ["blueprint"]
