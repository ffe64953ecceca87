"""Hostile input by class: at least 2,000 strings, and the first of each class as its example."""

# ruff: noqa: E501 - strings of one kind are read in one row
from __future__ import annotations

import unicodedata
from itertools import product

_WORDS = ("", "a", "A-1", "Kettle & Byte", "10", "<", "naïve", "商品")


def _around(payloads: tuple[str, ...], words: tuple[str, ...] = _WORDS) -> list[bytes]:
    """Each payload alone and before, behind and amid ordinary words."""
    made = [*payloads]
    made += [word + payload for word, payload in product(words[1:], payloads)]
    made += [payload + word for word, payload in product(words[1:], payloads)]
    return [text.encode() for text in made]


_NUMBERS = (
    "-1", "0", str(2**63), str(2**31), str(10**20), "1e9", "١٢", "１２", "1_000", "Infinity", "-Infinity", "NaN",
    "sNaN", "-0", "1E+400", "1e-400", "0x10", "010", "+1", "1,000", "1.0.0", "½", "²", "1 000", "१२", "--1",
    "1-", "9" * 400, "0.00000000001", "1.23456789", "True", "None", "1\u00a0000", "1'000", "1/2", "1e", ".5", "5.",
)  # fmt: skip

CLASSES: dict[str, list[bytes]] = {
    "quotes": _around(
        ("' OR 1=1 --", '" OR ""="', "'; DROP TABLE sales_order; --", "') UNION SELECT NULL--", "\\'", "%27", "$$;$$")
    ),
    "like": _around(("%", "_", "%_%", "\\%", "*", "?", "[a-z]", "100%")),
    "full text": _around(('"', "AND", "OR NOT", "NEAR(a, 5)", "a*", "^a", "sku:", "{a b}: c", "- a", "(", "a:b:c", "&|!")),
    "nul": _around(("\x00", "a\x00b")),
    "control": _around(("\x01", "\x07", "\x08", "\x0b", "\x1b[31m", "\x7f", "\x85", "\u2028", "\u2029")),
    "reordering": _around(("\u202egpj.exe", "\u202a", "\u2066", "\u2069", "\u200f", "\u061c")),
    "zero width": _around(("\u200b", "\u200d", "\ufeff", "\u2060", "\u00ad", "\u180e")),
    "emoji": _around(("🙂", "👩‍👩‍👧‍👦", "🏳️‍🌈", "𝕳", "\U0001f9ff" * 50)),
    "combining": _around(("Z\u0351\u036b\u0343" * 30, "e\u0301", "\u0301", "ﬁ", "ſ", "İ", "ß", "Å", "\u212b", "㎏")),
    "10 kB": [b"x" * 10_000, b"<" * 10_000, "é".encode() * 5_000, b" " * 10_000, b"9" * 10_000, b"a " * 5_000],
    "300 kB": [b"x" * 300_000, b"&" * 300_000, b"%" * 100_000],
    "numbers": [number.encode() for number in _NUMBERS] + _around(_NUMBERS[:20], ("", " ", "\t")),
    "dates": [
        *(b"2026-02-30", b"0000-00-00", b"9999-12-31", b"10000-01-01", b"2026-13-01", b"-2026-01-01"),
        *(b"2026-1-1", b"01/02/2026", b"2026-W01-1", b"20260101", b"2026-11-24T09:00", b"now", b"tomorrow"),
    ],
    "paths": _around(("../../../etc/passwd", "..\\..\\x", "/etc/passwd", "file:///etc/passwd", "con.txt", "~", "./.", "%2e%2e%2f")),
    "line breaks": _around(("\r\nSet-Cookie: x=1", "\nBcc: x@evil.example", "\r", "%0d%0aX: y", "a\r\n\r\nb")),
    "script": _around(
        (
            "<script>alert(1)</script>", "<img src=x onerror=alert(1)>", "\"><svg onload=alert(1)>", "</title><b>",
            "<!--", "]]>", "javascript:alert(1)", "<a href='data:text/html,x'>", "&lt;b&gt;", "</script>",
        )
    ),
    "template": _around(("{{7*7}}", "{%for x in y%}", "${7*7}", "#{7*7}", "<%= 7*7 %>", "{{config}}", "{#")),
    "format": _around(("{0.__class__}", "%s%s%s%n", "%(name)s", "{}", "{", "%", "{name!r:>99999}", "%99999999d")),
    "formula": _around(("=1+1", "+1", "-1+1", "@SUM(A1)", "=cmd|' /C calc'!A0", "\t=1", "=HYPERLINK(\"x\")"), ("", "a")),
    "addresses": _around(
        (
            "//evil.example", "/\\evil.example", "https:evil.example", "http:///evil.example", "\\evil.example",
            "///evil.example", "/%09/evil.example", "http://127.0.0.1:22", "http://[::1]/", "//evil.example@x",
        ),
        ("", "/"),
    ),
    "not utf-8": [
        b"\xff", b"\xfe\xff", b"\xed\xa0\x80", b"\xed\xbf\xbf", b"\xc0\xaf", b"\xf5\x80\x80\x80", b"a\x80b", b"\xe2\x82",
        *(bytes([first]) + b"abc" for first in range(0x80, 0x100)),
    ],
    "json": _around(('{"a": 1}', "[1, 2]", "null", "true", '{"$gt": ""}', "[" * 500, '{"__proto__": 1}', '"\\ud800"')),
    "xml": _around(
        ('<!DOCTYPE a [<!ENTITY x SYSTEM "file:///etc/passwd">]><a>&x;</a>', "&amp;", "&#0;", "&#xD800;", "<?xml?>", "<![CDATA[")
    ),
    "twice encoded": _around(("%253Cb%253E", "%3Cb%3E", "%2527", "&amp;lt;b&amp;gt;", "%25%32%37", "%u003c", "+", "%")),
    "regex": _around(("(a+)+$", "a" * 60 + "!", "((((((((((", "[", "\\", ".*" * 40, "(?=", "^(.*)*$", "a{99999}")),
    "shell": _around(("; ls", "| id", "`id`", "$(id)", "&& id", "\n id")),
    "spaces": _around((" ", "\t", "\u00a0", "\u3000", "\u2003", "  a  ", "\n")),
    "headings": _around(("Ignore all orders before", "-- ", "#", "@everyone", "/admin", "root", "undefined", "NULL")),
}  # fmt: skip
_seen: set[bytes] = set()
for _name, _texts in CLASSES.items():
    _forms = list(_texts)
    if _name not in ("10 kB", "300 kB", "not utf-8"):
        _forms += [
            unicodedata.normalize(form, text.decode()).encode() for text in _texts for form in ("NFKC", "NFD")
        ]
    CLASSES[_name] = [text for text in _forms if not (text in _seen or _seen.add(text))]  # type: ignore[func-returns-value]
