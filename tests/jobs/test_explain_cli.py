"""The explain commands: a JSON object a line, in and out, whatever the line."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest
from click.testing import CliRunner

from app.jobs import explain_cli
from tests.system.servers import ROOT, environment

WARRANTY = {
    "ship": "2025-11-10",
    "invoice": None,
    "registration": "2026-01-05",
    "basis": "registration",
    "grace_days": 90,
    "term": {"number": 36, "unit": "months"},
    "extensions": [{"bought": "2028-06-01", "term": {"number": 24, "unit": "months"}}],
    "lapse": {"grace_days": 10, "max_backdate_days": 180},
    "replacements": [{"ship": "2028-12-10", "floor_days": 90}],
    "on": "2026-02-01",
}
SLA = {
    "zone": "Europe/Berlin",
    "week": {day: [["10:00", "18:00"]] for day in ("mon", "tue", "wed", "thu", "fri")},
    "holidays": ["2026-03-06"],
    "targets": {"first_response": 14400, "resolution": 14400},
    "events": [
        ["2026-03-05T17:30:00", "created"],
        ["2026-03-05T17:50:00", "hold"],
        ["2026-03-09T12:30:00", "resume"],
        ["2026-03-09T12:00:00Z", "resolved"],
    ],
    "now": "2026-03-09T13:00:00",
}
CREDIT = {
    "currency": "EUR",
    "quantity": 3,
    "unit_price": "100.00",
    "line_discount": "0.00",
    "order_discounts": [{"share": "10.00"}],
    "tax_rate": "0.19",
    "credited_units": 0,
    "credit_units": 1,
}
EXPLAIN = {
    "warranty": (explain_cli.warranty, "explain", WARRANTY),
    "sla": (explain_cli.sla, "explain", SLA),
    "serials": (explain_cli.serials, "check", {"serial": "sn1"}),
    "credit": (explain_cli.credit, "explain", CREDIT),
}
DEEP = [b"[" * depth + b"]" * depth for depth in (100, 5000)]
NO_OBJECTS = [
    b"{",
    b"[]",
    b"null",
    b"1",
    b'"text"',
    b'{"a": NaN}',
    b'{"a": Infinity}',
    b'{"a": 1e999}',
    b'{"a": "\\ud800"}',
    b'{"\\udc00": 1}',
    b'{"a": 1, "a": 2}',
    b'{"a": ' + DEEP[0] + b"}",
    b'{"a": ' + DEEP[1] + b"}",
    b'{"a": "\xff"}',
    b'{"a": ' + b"9" * 5000 + b"}",
    b'{"a": "' + b"x" * 1_000_001 + b'"}',
    b"\x00",
]


def say(what: str, *lines: bytes | dict) -> list[dict]:
    """The command's answers to the lines."""
    group, command, _sample = EXPLAIN[what]
    written = [json.dumps(line).encode() if isinstance(line, dict) else line for line in lines]
    result = CliRunner().invoke(group, [command], input=b"\n".join(written))
    assert result.exit_code == 0, result.output
    assert result.stdout.isascii()
    return [json.loads(line) for line in result.stdout.splitlines()]


def test_warranty():
    (found,) = say("warranty", WARRANTY)
    assert found.pop("why") == [
        "The term starts with the registration date, 2026-01-05.",
        "36 months from 2026-01-05 end on 2029-01-04; claims are taken from shipping on, 2025-11-10.",
        "24 months bought on 2028-06-01 run from 2029-01-05 to 2031-01-04; claims from 2029-01-05 on.",
        "The replacement of 2028-12-10 lengthens the cover to 2029-03-09, its day 90.",
    ]
    assert found == {
        "start": "2026-01-05",
        "last_day": "2029-03-09",
        "claimable_from": "2025-11-10",
        "covered": True,
        "cover_until": "2031-01-04",
        "segments": [
            {"start": "2026-01-05", "last_day": "2029-03-09", "claimable_from": "2025-11-10"},
            {"start": "2029-01-05", "last_day": "2031-01-04", "claimable_from": "2029-01-05"},
        ],
        "flags": [],
    }


def test_sla():
    (found,) = say("sla", SLA)
    clock = {
        "due": "2026-03-09T16:10:00+01:00",
        "met_at": "2026-03-09T13:00:00+01:00",
        "business_seconds": 3000,
        "hold_business_seconds": 9600,
        "state": "met",
    }
    assert found == {"first_response": clock, "next_response": None, "resolution": clock}


def test_serials():
    assert say("serials", {"serial": "abo12345", "mask": "AA999999"}) == [
        {"canonical": "ABO12345", "result": "reject", "code": "bad_mask", "suggestions": ["AB012345"]}
    ]
    assert say("serials", {"serial": "490154203237518", "check": "luhn"})[0]["result"] == "ok"
    assert say("serials", {"range": "~, 10-11", "count": 3, "next": 31}) == [{"serials": ["31", "10", "11"]}]


def test_credit():
    assert say("credit", CREDIT) == [
        {
            "units": ["96.67", "96.67", "96.66"],
            "net": "96.67",
            "tax": "18.37",
            "gross": "115.04",
            "left_net": "193.33",
            "left_tax": "36.73",
        }
    ]


@pytest.mark.parametrize("what", EXPLAIN)
@pytest.mark.parametrize("line", NO_OBJECTS, ids=range(len(NO_OBJECTS)))
def test_what_is_no_json_object_is_said_and_the_rest_goes_on(what, line):
    bad, good = say(what, line, b"", b"  ", EXPLAIN[what][2])
    assert bad["error"] == "bad_json"
    assert bad["message"]
    assert "error" not in good


BACKWARDS = [["2026-03-05T17:30:00", "created"], ["2026-03-05T17:00:00", "hold"]]


@pytest.mark.parametrize(
    ("what", "change", "code"),
    [
        ("warranty", {"ship": None}, "missing_ship"),
        ("warranty", {"basis": None}, "missing_field"),
        ("warranty", {"basis": "moon"}, "bad_value"),
        ("warranty", {"term": None}, "missing_field"),
        ("warranty", {"term": {"number": 3}}, "missing_field"),
        ("warranty", {"term": {"number": True, "unit": "months"}}, "bad_value"),
        ("warranty", {"term": {"number": 1.5, "unit": "months"}}, "bad_value"),
        ("warranty", {"term": {"number": 36000, "unit": "years"}}, "bad_value"),
        ("warranty", {"ship": "2026-02-30"}, "bad_value"),
        ("warranty", {"ship": "20260201"}, "bad_value"),
        ("warranty", {"ship": "٢٠٢٦-02-01"}, "bad_value"),
        ("warranty", {"ship": 20260201}, "bad_value"),
        ("warranty", {"grace_days": -1}, "bad_value"),
        ("warranty", {"grace_days": False}, "bad_value"),
        ("warranty", {"extensions": [{"term": {"number": 1, "unit": "days"}}]}, "missing_field"),
        ("warranty", {"extensions": {}}, "bad_value"),
        ("warranty", {"replacements": [{"ship": "2025-01-01", "floor_days": 9}]}, "bad_value"),
        ("warranty", {"on": "today"}, "bad_value"),
        ("sla", {"zone": "Mars/Base"}, "bad_value"),
        ("sla", {"zone": "../etc/passwd"}, "bad_value"),
        ("sla", {"zone": None}, "missing_field"),
        ("sla", {"week": {}}, "bad_value"),
        ("sla", {"week": {"monday": [["10:00", "18:00"]]}}, "bad_value"),
        ("sla", {"week": {"mon": [["18:00", "10:00"]]}}, "bad_value"),
        ("sla", {"week": {"mon": [["10:00", "24:01"]]}}, "bad_value"),
        ("sla", {"targets": {"resolution": 0}}, "bad_value"),
        ("sla", {"targets": None}, "missing_field"),
        ("sla", {"events": []}, "missing_field"),
        ("sla", {"events": BACKWARDS}, "events_out_of_order"),
        ("sla", {"events": [["2026-03-05T17:30:00", "born"]]}, "bad_value"),
        ("sla", {"events": [["2026-03-05", "created"]]}, "bad_value"),
        ("sla", {"now": None}, "missing_field"),
        ("serials", {"serial": None}, "missing_field"),
        ("serials", {"serial": 12}, "bad_value"),
        ("serials", {"check": "magic"}, "bad_value"),
        ("serials", {"mask": ""}, "bad_value"),
        ("serials", {"range": "10-20", "count": 1}, "ambiguous_range"),
        ("serials", {"range": "10-20", "count": 12}, "count_mismatch"),
        ("serials", {"range": "5 5"}, "duplicate"),
        ("serials", {"range": "5-5"}, "bad_range"),
        ("serials", {"range": "1-2", "count": -1}, "bad_value"),
        ("credit", {"credit_units": 4}, "more_than_left"),
        ("credit", {"credit_units": 0}, "bad_value"),
        ("credit", {"credit_units": None}, "missing_field"),
        ("credit", {"unit_price": 100.0}, "bad_value"),
        ("credit", {"unit_price": "-1"}, "bad_value"),
        ("credit", {"unit_price": "1e5"}, "bad_value"),
        ("credit", {"unit_price": "NaN"}, "bad_value"),
        ("credit", {"line_discount": "0.001"}, "bad_value"),
        ("credit", {"line_discount": "500.00"}, "bad_value"),
        ("credit", {"currency": "XXQ"}, "bad_value"),
        ("credit", {"currency": "eur"}, "bad_value"),
        ("credit", {"tax_rate": "1.5"}, "bad_value"),
        ("credit", {"order_discounts": [{}]}, "missing_field"),
        ("credit", {"quantity": 2**63}, "bad_value"),
    ],
)
def test_what_cannot_be_answered_has_a_code(what, change, code):
    (found,) = say(what, EXPLAIN[what][2] | change)
    assert set(found) == {"error", "message"}
    assert found["error"] == code


def test_absent_is_null():
    needed = ("currency", "quantity", "unit_price", "tax_rate", "credit_units")
    assert say("credit", {name: CREDIT[name] for name in needed})[0]["units"] == ["100.00"] * 3
    short = {"ship": "2025-01-31", "basis": "ship", "term": {"number": 1, "unit": "months"}}
    assert say("warranty", short)[0]["covered"] is None


def test_the_command_needs_no_database(tmp_path):
    done = subprocess.run(
        [sys.executable, "-m", "flask", "serials", "check"],
        cwd=ROOT,
        env=environment("postgresql://nobody@127.0.0.1:1/none", tmp_path / "data"),
        input='{"serial": "ab1"}\n',
        capture_output=True,
        text=True,
    )
    said = '{"canonical": "AB1", "result": "ok", "code": null, "suggestions": []}\n'
    assert (done.returncode, done.stdout) == (0, said), done.stderr
