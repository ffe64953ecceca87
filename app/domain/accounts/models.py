"""Companies, branches, people and their memberships, server-side sessions, single-use links, mails."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import CheckConstraint, ForeignKey, Index, String, Text, UniqueConstraint, text
from sqlalchemy.orm import Mapped, mapped_column, relationship

from app.core.database import Base
from app.core.tenancy import CompanyOrVendor, CompanyOwned, Tenant


class Vendor(Base):
    """The one vendor of this instance (id 1)."""

    __tablename__ = "vendor"
    __table_args__ = (CheckConstraint("id = 1", name="only_one"),)

    id: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    name: Mapped[str] = mapped_column(String(200))
    currency: Mapped[str] = mapped_column(String(3))
    timezone: Mapped[str] = mapped_column(String(60))
    order_prefix: Mapped[str] = mapped_column(String(10), default="SO")
    #: Mailbox that hears of new orders and price requests.
    alert_email: Mapped[str | None] = mapped_column(String(254))
    #: Whether an order is released by itself once a unit of it is allocated.
    releases_automatically: Mapped[bool] = mapped_column(default=True)
    #: Days an order that is not released keeps its stock from those who wait; None = always.
    allocation_days: Mapped[int | None]
    #: Demo instances show links in the mail log and a banner.
    is_demo: Mapped[bool] = mapped_column(default=False)
    #: Name and address as documents carry them.
    legal_name: Mapped[str] = mapped_column(String(200), default="")
    street: Mapped[str] = mapped_column(String(200), default="")
    postcode: Mapped[str] = mapped_column(String(20), default="")
    city: Mapped[str] = mapped_column(String(120), default="")
    region: Mapped[str] = mapped_column(String(120), default="")
    #: ISO 3166-1 alpha-2; empty until it is said.
    country: Mapped[str] = mapped_column(String(2), default="")
    tax_id: Mapped[str | None] = mapped_column(String(40))
    #: Language of mails to people who chose none, BCP 47.
    language: Mapped[str] = mapped_column(String(5), default="en")
    #: Accent colour `#rrggbb`; None = the product's own.
    accent: Mapped[str | None] = mapped_column(String(7))
    #: Storage key of the logo; None = the name stands alone.
    logo_key: Mapped[str | None] = mapped_column(String(80))
    #: First letters of price requests' and new companies' numbers.
    request_prefix: Mapped[str] = mapped_column(String(10), default="PR")
    company_prefix: Mapped[str] = mapped_column(String(10), default="C")
    #: Address of the portal in links; BASE_URL of the environment wins.
    base_url: Mapped[str | None] = mapped_column(String(300))
    #: Mail server; MAIL_URL of the environment wins. The password is kept in a file, never here.
    mail_host: Mapped[str | None] = mapped_column(String(253))
    mail_port: Mapped[int | None]
    #: starttls | tls | none
    mail_security: Mapped[str] = mapped_column(String(8), default="starttls")
    mail_user: Mapped[str | None] = mapped_column(String(254))
    mail_sender: Mapped[str | None] = mapped_column(String(254))
    mail_reply_to: Mapped[str | None] = mapped_column(String(254))
    #: Largest uploads in MB: tables, archives of pictures, single attachments.
    table_limit_mb: Mapped[int] = mapped_column(default=200)
    archive_limit_mb: Mapped[int] = mapped_column(default=1024)
    attachment_limit_mb: Mapped[int] = mapped_column(default=10)
    #: People who edit settings at once are told.
    version: Mapped[int] = mapped_column(default=1)


class Company(Tenant, Base):
    """A reseller company. It owns itself: in a company scope only its own row is visible."""

    __tablename__ = "company"
    tenant_column = "id"

    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str] = mapped_column(String(200))
    #: Lower-cased name, for the list's order and for search.
    name_key: Mapped[str] = mapped_column(String(200), index=True)
    #: The vendor's own number for the company, or the number it had in imported history (`17850`).
    number: Mapped[str] = mapped_column(String(40), unique=True)
    #: All its carts, orders and agreements are in this currency.
    currency: Mapped[str] = mapped_column(String(3))
    #: Price tier: `gold`, `silver`; agreements of that tier apply.
    tier: Mapped[str | None] = mapped_column(String(40))
    tax_id: Mapped[str | None] = mapped_column(String(40))
    #: all | only_listed | all_except
    visibility_mode: Mapped[str] = mapped_column(String(12), default="all")
    is_active: Mapped[bool] = mapped_column(default=True)
    #: Made from imported order history, not by a person.
    is_historical: Mapped[bool] = mapped_column(default=False)
    created_at: Mapped[datetime]
    #: The company it was a double of, which has all that was its own; its number leads there.
    merged_into_id: Mapped[int | None] = mapped_column(ForeignKey("company.id"), index=True)
    version: Mapped[int] = mapped_column(default=1)

    branches: Mapped[list[Branch]] = relationship(back_populates="company", order_by="Branch.id")


class Branch(CompanyOwned, Base):
    """A company's place of business, with its own address, agreement and terms."""

    __tablename__ = "branch"
    __table_args__ = (UniqueConstraint("company_id", "id"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str] = mapped_column(String(200))
    street: Mapped[str] = mapped_column(String(200), default="")
    postcode: Mapped[str] = mapped_column(String(20), default="")
    city: Mapped[str] = mapped_column(String(120), default="")
    region: Mapped[str] = mapped_column(String(120), default="")
    #: ISO 3166-1 alpha-2.
    country: Mapped[str] = mapped_column(String(2), default="US")
    #: Days net of the invoice.
    terms_days: Mapped[int] = mapped_column(default=30)
    is_active: Mapped[bool] = mapped_column(default=True)
    version: Mapped[int] = mapped_column(default=1)

    company: Mapped[Company] = relationship(back_populates="branches")


class EndCustomer(CompanyOwned, Base):
    """A customer of one reseller; where the same firm buys from two resellers they are two rows."""

    __tablename__ = "end_customer"
    __table_args__ = (UniqueConstraint("company_id", "name"), UniqueConstraint("company_id", "id"))

    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str] = mapped_column(String(200))
    street: Mapped[str] = mapped_column(String(200), default="")
    postcode: Mapped[str] = mapped_column(String(20), default="")
    city: Mapped[str] = mapped_column(String(120), default="")
    region: Mapped[str] = mapped_column(String(120), default="")
    country: Mapped[str] = mapped_column(String(2), default="US")
    is_active: Mapped[bool] = mapped_column(default=True)


class User(Base):
    """A person, known once; memberships say for whom and in which role."""

    __tablename__ = "user_account"

    id: Mapped[int] = mapped_column(primary_key=True)
    #: Lower-cased address, unique.
    email: Mapped[str] = mapped_column(String(254), unique=True)
    name: Mapped[str] = mapped_column(String(200))
    #: argon2id; None until the invitation is accepted.
    password_hash: Mapped[str | None] = mapped_column(String(200))
    is_disabled: Mapped[bool] = mapped_column(default=False)
    created_at: Mapped[datetime]
    last_signed_in_at: Mapped[datetime | None]
    #: Why the latest mail to the address was refused, and since when; None once one went through.
    mail_refusal: Mapped[str | None] = mapped_column(String(300))
    mail_refused_at: Mapped[datetime | None]


class Membership(CompanyOrVendor, Base):
    """A person's role in a company, or in the vendor where the company is empty."""

    __tablename__ = "membership"
    __table_args__ = (
        Index("uq_membership_user_company", "user_id", "company_id", unique=True),
        Index("ix_membership_company_role", "company_id", "role"),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    user_id: Mapped[int] = mapped_column(ForeignKey("user_account.id"))
    role: Mapped[str] = mapped_column(String(30))
    end_customer_id: Mapped[int | None] = mapped_column(ForeignKey("end_customer.id"))
    is_active: Mapped[bool] = mapped_column(default=True)
    created_at: Mapped[datetime]

    user: Mapped[User] = relationship()


class SignInSession(Base):
    """A server-side session: signing out, disabling or expiry ends it at once, whatever the cookie says."""

    __tablename__ = "sign_in_session"
    __table_args__ = (Index("ix_sign_in_session_user_id", "user_id"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    #: SHA-256 of the token in the cookie; the token itself is not stored.
    token_hash: Mapped[str] = mapped_column(String(64), unique=True)
    user_id: Mapped[int] = mapped_column(ForeignKey("user_account.id"))
    membership_id: Mapped[int] = mapped_column(ForeignKey("membership.id"))
    #: The reseller a vendor's person is viewing as.
    view_as_company_id: Mapped[int | None] = mapped_column(ForeignKey("company.id"))
    created_at: Mapped[datetime]
    last_seen_at: Mapped[datetime]
    ended_at: Mapped[datetime | None]
    address: Mapped[str | None] = mapped_column(String(45))
    user_agent: Mapped[str | None] = mapped_column(String(200))


class ResellerRequest(Base):
    """Somebody outside asks to become a reseller; the vendor's until a company is made of it."""

    __tablename__ = "reseller_request"
    __table_args__ = (Index("ix_reseller_request_state", "state", "created_at", "id"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    #: See accounts.states.REQUEST_MACHINE.
    state: Mapped[str] = mapped_column(String(12))
    company_name: Mapped[str] = mapped_column(String(200))
    street: Mapped[str] = mapped_column(String(200))
    postcode: Mapped[str] = mapped_column(String(20))
    city: Mapped[str] = mapped_column(String(120))
    region: Mapped[str] = mapped_column(String(120))
    country: Mapped[str] = mapped_column(String(2))
    tax_id: Mapped[str | None] = mapped_column(String(40))
    contact_name: Mapped[str] = mapped_column(String(200))
    email: Mapped[str] = mapped_column(String(254), index=True)
    phone: Mapped[str] = mapped_column(String(40))
    message: Mapped[str] = mapped_column(Text)
    created_at: Mapped[datetime]
    #: When the contact showed that the address is theirs.
    confirmed_at: Mapped[datetime | None]
    #: What was asked of the contact last, and what they answered, the latest last.
    question: Mapped[str] = mapped_column(Text, default="")
    answer: Mapped[str] = mapped_column(Text, default="")
    decided_at: Mapped[datetime | None]
    decided_by_name: Mapped[str | None] = mapped_column(String(200))
    #: Why it was refused, as the contact reads it.
    reason: Mapped[str] = mapped_column(String(500), default="")
    made_company_id: Mapped[int | None] = mapped_column(ForeignKey("company.id"))


class SingleUseLink(Base):
    """An invitation, a password reset, or a word from somebody who wants to become a reseller.

    The link is a MAC over purpose, id and nonce; using it ends it.
    """

    __tablename__ = "single_use_link"
    __table_args__ = (
        Index("ix_single_use_link_user_purpose", "user_id", "purpose"),
        Index("ix_single_use_link_request_purpose", "request_id", "purpose"),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    #: invitation (7 days) | reset (1 hour) | confirmation (3 days) | answer (30 days)
    purpose: Mapped[str] = mapped_column(String(12))
    #: Whose account it opens; empty where it belongs to a request to become a reseller.
    user_id: Mapped[int | None] = mapped_column(ForeignKey("user_account.id"))
    request_id: Mapped[int | None] = mapped_column(ForeignKey("reseller_request.id"))
    #: 128 random bits in hex.
    nonce: Mapped[str] = mapped_column(String(32))
    created_at: Mapped[datetime]
    expires_at: Mapped[datetime]
    used_at: Mapped[datetime | None]
    #: A newer link of the same purpose voids this one.
    voided_at: Mapped[datetime | None]


class MailMessage(CompanyOrVendor, Base):
    """A rendered mail. Its link, where it has one, is kept apart and shown only in the demo."""

    __tablename__ = "mail_message"
    __table_args__ = (
        Index("ix_mail_message_created_at", "created_at", "id"),
        Index("ix_mail_message_state", "state", "created_at", "id"),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    #: The job's message id; a job delivered twice renders one mail.
    message_id: Mapped[str] = mapped_column(String(36), unique=True)
    template: Mapped[str] = mapped_column(String(60))
    recipient: Mapped[str] = mapped_column(String(254), index=True)
    subject: Mapped[str] = mapped_column(String(300))
    text_body: Mapped[str] = mapped_column(Text)
    html_body: Mapped[str] = mapped_column(Text)
    #: The single-use link the bodies mention as [[link]]; its address is computed when it is needed.
    link_id: Mapped[int | None] = mapped_column(ForeignKey("single_use_link.id"))
    #: kept | waiting | sent | refused | bounced | failed | lapsed, see `mail_states`
    state: Mapped[str] = mapped_column(String(12), default="kept")
    created_at: Mapped[datetime]
    attempts: Mapped[int] = mapped_column(default=0)
    #: When the text was last handed to a server; with no answer stored it may have arrived all the same.
    handed_at: Mapped[datetime | None]
    sent_at: Mapped[datetime | None]
    #: The server's latest words, or ours where it said nothing.
    answer: Mapped[str | None] = mapped_column(String(500))


class CompanyExport(CompanyOwned, Base):
    """All data of a company as one archive: asked for, made in the background, kept for a week."""

    __tablename__ = "company_export"
    __table_args__ = (
        # Asked for twice at once, it is made once.
        Index(
            "uq_company_export_open",
            "company_id",
            "by_vendor",
            unique=True,
            sqlite_where=text("state IN ('queued', 'running')"),
            postgresql_where=text("state IN ('queued', 'running')"),
        ),
        Index("ix_company_export_expires_at", "expires_at"),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    #: queued | running | ready | failed | expired
    state: Mapped[str] = mapped_column(String(10), default="queued")
    #: Whether the vendor's staff asked for it; the company sees its own only.
    by_vendor: Mapped[bool] = mapped_column(default=False)
    asked_by_id: Mapped[int | None] = mapped_column(ForeignKey("user_account.id"))
    asked_by_name: Mapped[str] = mapped_column(String(200))
    storage_key: Mapped[str | None] = mapped_column(String(80))
    size: Mapped[int | None]
    created_at: Mapped[datetime]
    finished_at: Mapped[datetime | None]
    expires_at: Mapped[datetime | None]
