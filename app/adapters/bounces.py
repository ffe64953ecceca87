"""Mails that come back: what a delivery status notification says, whoever sent it. Source: RFC 3464."""

from __future__ import annotations

import re
from dataclasses import dataclass
from email import message_from_bytes, policy
from email.message import Message
from typing import Any

from app.adapters.mailer import clean_words

MAX_BYTES = 1024 * 1024
#: Parts that are looked at; a notification has three.
_MOST_PARTS = 50
_ID = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}")
_MESSAGE_ID = re.compile(rf"(?im)^message-id:\s*<({_ID.pattern})@")


@dataclass(frozen=True, slots=True)
class Bounce:
    """One mail that was not delivered: our id, to whom, and why."""

    message_id: str
    recipient: str | None
    words: str


def read_bounce(content: bytes) -> Bounce | None:
    """The failure a notification tells, or None: no notification, of a delay, or of no mail of ours."""
    try:
        return _read(message_from_bytes(content[:MAX_BYTES], policy=policy.compat32))
    except (ValueError, TypeError, AttributeError, KeyError, IndexError, LookupError, RecursionError):
        # Strangers write these, and the parser has its own faults with what they write.
        return None


def _read(message: Message) -> Bounce | None:
    failure: Message | None = None
    envelope: str | None = None
    original: str | None = None
    for number, part in enumerate(message.walk()):
        if number >= _MOST_PARTS:
            break
        kind = part.get_content_type()
        if kind == "message/delivery-status":
            for block in _blocks(part):
                envelope = envelope or _id_in(block.get("Original-Envelope-Id"))
                if str(block.get("Action", "")).strip().lower() == "failed":
                    failure = failure or block
        elif kind in ("message/rfc822", "text/rfc822-headers"):
            original = original or _original_id(part)
    message_id = envelope or original
    if failure is None or message_id is None:
        return None
    return Bounce(message_id, _recipient(failure), _words(failure))


def _blocks(part: Message) -> list[Message]:
    payload: Any = part.get_payload()
    return [block for block in payload if isinstance(block, Message)] if isinstance(payload, list) else []


def _id_in(text: Any) -> str | None:
    found = _ID.search(str(text or ""))
    return found[0] if found else None


def _original_id(part: Message) -> str | None:
    payload: Any = part.get_payload()
    if isinstance(payload, list):
        return _id_in(payload[0].get("Message-ID")) if payload else None
    found = _MESSAGE_ID.search(str(payload))
    return found[1].lower() if found else None


def _recipient(block: Message) -> str | None:
    for name in ("Original-Recipient", "Final-Recipient"):
        text = str(block.get(name) or "").rpartition(";")[2].strip().strip("<>")
        if "@" in text and len(text) <= 254:
            return text
    return None


def _words(block: Message) -> str:
    said = str(block.get("Diagnostic-Code") or "").partition(";")[2] or str(block.get("Status") or "")
    return clean_words(said) or "undeliverable"
