"""Every kind of import there is, in the order in which a vendor needs them."""

from __future__ import annotations

from app.core.imports.kinds import ImportKind
from app.domain.accounts.import_contacts import ContactsKind
from app.domain.assets.import_assets import AssetsKind
from app.domain.catalogue.import_companies import CompaniesKind
from app.domain.catalogue.import_images import ImagesKind
from app.domain.catalogue.import_numbers import NumbersKind
from app.domain.catalogue.import_prices import PricesKind
from app.domain.catalogue.import_visibility import VisibilityKind
from app.domain.catalogue.imports import ProductsKind
from app.domain.ordering.import_receipts import ReceiptsKind
from app.domain.ordering.import_stock import StockKind

#: Kinds by the name that runs, the command and addresses carry.
KINDS: dict[str, ImportKind] = {
    kind.name: kind
    for kind in (
        ProductsKind(),
        PricesKind(),
        CompaniesKind(),
        ContactsKind(),
        NumbersKind(),
        StockKind(),
        ReceiptsKind(),
        VisibilityKind(),
        ImagesKind(),
        AssetsKind(),
    )
}
