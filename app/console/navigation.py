"""The console's rooms in the side bar and on the phone."""

from __future__ import annotations

from app.core.permissions import Permission
from app.core.texts import N_
from app.core.web.shell import NavEntry, Navigation, NavSection

HOME = NavEntry(N_("Home"), "console.home.index", "home", Permission.ACCOUNT_USE)
ORDERS = NavEntry(N_("Orders"), "console.orders.index", "package", Permission.ORDER_READ)
REQUESTS = NavEntry(
    N_("Price requests"), "console.requests.index", "message-question", Permission.PRICE_REQUEST_ANSWER
)
COMPANIES = NavEntry(N_("Companies"), "console.companies.index", "building", Permission.COMPANY_READ)
APPLICATIONS = NavEntry(
    N_("Reseller requests"), "console.applications.index", "building-store", Permission.COMPANY_MANAGE
)
CATALOGUE = NavEntry(N_("Products"), "console.catalogue.index", "layout-grid", Permission.CATALOGUE_READ)
AGREEMENTS = NavEntry(N_("Price agreements"), "console.agreements.index", "tag", Permission.PRICE_MANAGE)
IMPORTS = NavEntry(N_("Imports"), "console.imports.index", "file-import", Permission.IMPORT_RUN)
STOCK = NavEntry(N_("Stock"), "console.stock.index", "building-warehouse", Permission.STOCK_READ)
ASSETS = NavEntry(N_("Assets"), "console.assets.index", "barcode", Permission.ASSET_READ)
SHIPPING = NavEntry(N_("Shipping"), "console.shipping.index", "truck-delivery", Permission.SHIPMENT_MANAGE)
PEOPLE = NavEntry(N_("People"), "console.people.index", "users", Permission.STAFF_MANAGE)
JOBS = NavEntry(N_("Background work"), "console.jobs.index", "list-check", Permission.JOB_READ)
MAIL = NavEntry(N_("Mail log"), "console.mail.index", "mail", Permission.MAIL_READ)
AUDIT = NavEntry(N_("Audit trail"), "console.audit.index", "history", Permission.AUDIT_READ)
SETTINGS = NavEntry(N_("Settings"), "console.settings.index", "settings", Permission.SETTINGS_MANAGE)

NAVIGATION = Navigation(
    sections=(
        NavSection(None, (HOME,)),
        NavSection(N_("Sell"), (ORDERS, SHIPPING, REQUESTS, COMPANIES, APPLICATIONS)),
        NavSection(N_("Catalogue"), (CATALOGUE, AGREEMENTS, IMPORTS, STOCK)),
        NavSection(N_("Support"), (ASSETS,)),
        NavSection(N_("House"), (PEOPLE, JOBS, MAIL, AUDIT, SETTINGS)),
    ),
    tabs=(HOME, ORDERS, STOCK, COMPANIES),
    search_endpoint="console.search.index",
)
