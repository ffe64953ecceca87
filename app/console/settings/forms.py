"""Forms of the settings; every field says in a sentence what it does."""

from __future__ import annotations

from typing import Any
from zoneinfo import available_timezones

from flask_babel import lazy_gettext as lazy
from flask_wtf import FlaskForm
from wtforms import BooleanField, FileField, HiddenField, PasswordField, RadioField

from app.console.fields import ChoiceField
from app.core.texts import _
from app.core.uploads import JPEG, PNG
from app.core.web.addresses import country_choices
from app.core.web.fields import TextField, WholeNumberField
from app.domain.accounts.settings import MOST_ALLOCATION_DAYS
from app.domain.accounts.settings_rules import MOST_ARCHIVE_MB, MOST_ATTACHMENT_MB, MOST_TABLE_MB
from app.domain.accounts.vendor_rules import LANGUAGES, LAST_NUMBER

_PORT = 65_535


class SettingsForm(FlaskForm):  # type: ignore[misc]  # Flask-WTF carries no types
    """Carries the version that was shown."""

    version = HiddenField()

    def shown_version(self) -> int:
        """The version the page was opened with; 0 where it was not given."""
        text = str((self.version.raw_data or [""])[0])
        return int(text) if text.isascii() and text.isdigit() and len(text) < 18 else 0


def _zones() -> list[tuple[str, str]]:
    return [(zone, zone) for zone in sorted(available_timezones()) if "/" in zone or zone == "UTC"]


class CompanyForm(SettingsForm):
    name = TextField(lazy("Name"), description=lazy("Stands in the frame, in mails and on documents."))
    legal_name = TextField(
        lazy("Legal name"),
        required=False,
        description=lazy("Stands below mails and on documents; empty means the name."),
    )
    street = TextField(
        lazy("Street and number"),
        required=False,
        description=lazy("Part of the legal address below mails and on documents."),
    )
    postcode = TextField(
        lazy("Postcode"), maximum=20, required=False, description=lazy("Written before the city.")
    )
    city = TextField(
        lazy("City"), maximum=120, required=False, description=lazy("Needed as soon as there is an address.")
    )
    region = TextField(
        lazy("State or region"), maximum=120, required=False, description=lazy("Where addresses have one.")
    )
    country = ChoiceField(
        lazy("Country"),
        choices=lambda: [("", _("None yet")), *country_choices()],
        description=lazy("Needed as soon as there is an address."),
    )
    tax_id = TextField(
        lazy("Tax id"), maximum=40, required=False, description=lazy("Your number at the tax office.")
    )
    timezone = ChoiceField(
        lazy("Time zone"),
        choices=_zones,
        description=lazy("Times are shown and business days begin in this zone."),
    )
    language = ChoiceField(
        lazy("Language"),
        choices=lambda: [(code, _(name)) for code, name in LANGUAGES.items()],
        description=lazy("Of mails to people who chose none."),
    )
    alert_email = TextField(
        lazy("Mailbox for alerts"),
        maximum=254,
        required=False,
        render_kw={"type": "email"},
        description=lazy("Hears of new orders and price requests; empty means that nobody does."),
    )


class BrandingForm(SettingsForm):
    accent = TextField(
        lazy("Accent colour"),
        maximum=7,
        required=False,
        description=lazy("Six hex digits such as #4a48c4: buttons, links and what is selected. Empty: ours."),
    )
    logo = FileField(
        lazy("Logo"),
        render_kw={"accept": ",".join(sorted(PNG.extensions | JPEG.extensions))},
        description=lazy("PNG or JPEG; stands in the frame, on the sign-in page and in mails."),
    )
    remove_logo = BooleanField(
        lazy("Take the logo away"), description=lazy("The name stands alone then, with our mark.")
    )


_NEXT = lazy("Skip ahead to")


class NumbersForm(SettingsForm):
    order_prefix = TextField(
        lazy("Orders begin with"), maximum=10, description=lazy("SO gives SO-26-00001; the year follows.")
    )
    order_next = WholeNumberField(_NEXT, minimum=1, maximum=LAST_NUMBER, required=False)
    request_prefix = TextField(
        lazy("Price requests begin with"), maximum=10, description=lazy("PR gives PR-26-00001.")
    )
    request_next = WholeNumberField(_NEXT, minimum=1, maximum=LAST_NUMBER, required=False)
    company_prefix = TextField(
        lazy("Companies begin with"),
        maximum=10,
        description=lazy("C gives C1001; only where no number is typed for a new company."),
    )
    company_next = WholeNumberField(_NEXT, minimum=1, maximum=LAST_NUMBER, required=False)


class ReleaseForm(SettingsForm):
    release = RadioField(
        lazy("Release of orders"),
        choices=lambda: [("auto", _("By itself")), ("hand", _("By hand"))],
        description=lazy("Holds for orders and stock from now on; an order that waits stays as it is."),
    )
    allocation_days = WholeNumberField(
        lazy("Days an unreleased order keeps its stock"),
        minimum=1,
        maximum=MOST_ALLOCATION_DAYS,
        required=False,
        description=lazy(
            "Then what others wait for goes to them, and the order queues behind them. Empty: it keeps it."
        ),
    )


class AddressForm(SettingsForm):
    base_url = TextField(
        lazy("Address of the portal"),
        maximum=300,
        required=False,
        render_kw={"type": "url", "placeholder": "https://portal.company.example"},
        description=lazy("Links in mails begin with it."),
    )


class MailForm(SettingsForm):
    host = TextField(
        lazy("Mail server"),
        maximum=253,
        required=False,
        description=lazy("Host name such as mail.company.example; empty: mails are kept in the mail log."),
    )
    security = ChoiceField(
        lazy("Encryption"),
        choices=lambda: [
            ("starttls", _("STARTTLS, usually port 587")),
            ("tls", _("TLS, usually port 465")),
            ("none", _("None, without sign-in, usually port 25")),
        ],
        description=lazy("The server's certificate is always checked."),
    )
    port = WholeNumberField(
        lazy("Port"), minimum=1, maximum=_PORT, required=False, description=lazy("Empty: the usual one.")
    )
    user = TextField(
        lazy("User"), maximum=254, required=False, description=lazy("Empty: the server asks for no sign-in.")
    )
    password = PasswordField(
        lazy("Password"),
        render_kw={"autocomplete": "new-password", "maxlength": 500},
        description=lazy("Never shown again. Empty: the one that is kept stays."),
    )
    sender = TextField(
        lazy("Sender"),
        maximum=254,
        required=False,
        render_kw={"type": "email"},
        description=lazy("Mails come from this address, under your name; refusals are sent to it."),
    )
    reply_to = TextField(
        lazy("Reply address"),
        maximum=254,
        required=False,
        render_kw={"type": "email"},
        description=lazy("Where answers of readers go; empty: to the sender."),
    )


class LimitsForm(SettingsForm):
    table_mb = WholeNumberField(
        lazy("Tables, MB"),
        minimum=1,
        maximum=MOST_TABLE_MB,
        description=lazy("Largest CSV, XLSX or ODS upload; the command on the server has no limit."),
    )
    archive_mb = WholeNumberField(
        lazy("ZIP files of pictures, MB"),
        minimum=1,
        maximum=MOST_ARCHIVE_MB,
        description=lazy("Largest ZIP upload; its pictures are read one at a time."),
    )
    attachment_mb = WholeNumberField(
        lazy("Attachments, MB"),
        minimum=1,
        maximum=MOST_ATTACHMENT_MB,
        description=lazy("Largest single picture or datasheet."),
    )


def fields_of(form: SettingsForm) -> list[Any]:
    """The form's own fields in their order."""
    return [field for field in form if field.name not in ("version", "csrf_token")]
