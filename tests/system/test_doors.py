"""Rules every route keeps: a declared door, a CSRF token, safe headers, no writing by reading."""

from __future__ import annotations

import re
from collections.abc import Iterator

import pytest
from flask import Flask
from flask.testing import FlaskClient

from app.core.permissions import Permission
from app.core.web import door

#: Routes that take a post without a token, each with its reason. Empty on purpose.
CSRF_EXEMPT: dict[str, str] = {}


def rules(app: Flask) -> Iterator[tuple[str, str, frozenset[str]]]:
    """Endpoint, a path with its arguments filled by ones, and methods of every route."""
    for rule in app.url_map.iter_rules():
        if rule.endpoint == "static":
            continue
        path = re.sub(r"<(?:[^:<>]+:)?[^<>]+>", "1", rule.rule)
        yield rule.endpoint, path, frozenset(rule.methods or ())


@pytest.fixture
def client(app: Flask) -> FlaskClient:
    return app.test_client()


class TestDeclaredDoors:
    def test_every_route_says_who_may_enter(self, app: Flask) -> None:
        with app.app_context():
            undeclared = {endpoint for endpoint, _, _ in rules(app) if door.door_of(endpoint) is None}
        assert undeclared == set()

    def test_public_routes_are_these_and_no_others(self, app: Flask) -> None:
        with app.app_context():
            public = {
                endpoint
                for endpoint, _, _ in rules(app)
                if (declared := door.door_of(endpoint)) and declared[0] == "public"
            }
        assert public == {
            "brand.accent",
            "brand.logo",
            "health.healthz",
            "health.readyz",
            "metrics.show",
            "apply.answer",
            "apply.confirm",
            "apply.done",
            "apply.form",
            "apply.sent",
            "sign_in.accept",
            "sign_in.forgot",
            "sign_in.forgot_sent",
            "sign_in.reset",
            "sign_in.sign_in",
            "sign_in.start",
        }

    def test_a_route_without_a_door_answers_500_and_nothing_else(self, app: Flask) -> None:
        app.config["PROPAGATE_EXCEPTIONS"] = False
        app.add_url_rule("/forgotten", "forgotten", lambda: "secret")
        answer = app.test_client().get("/forgotten")
        assert answer.status_code == 500
        assert b"secret" not in answer.data

    def test_a_stranger_is_sent_to_sign_in_or_refused_everywhere_else(
        self, app: Flask, client: FlaskClient
    ) -> None:
        with app.app_context():
            closed = [
                (path, methods)
                for endpoint, path, methods in rules(app)
                if (declared := door.door_of(endpoint)) and declared[0] != "public"
            ]
        assert closed
        for path, methods in closed:
            for method in methods - {"OPTIONS", "HEAD"}:
                answer = client.open(path, method=method)
                assert answer.status_code in (302, 303), (method, path, answer.status_code)
                assert "/sign-in" in answer.headers["Location"]

    def test_permissions_are_known_ones(self, app: Flask) -> None:
        with app.app_context():
            for endpoint, _, _ in rules(app):
                declared = door.door_of(endpoint)
                assert declared is not None
                if declared[0] == "permission":
                    assert isinstance(declared[1], Permission), endpoint
                else:
                    assert len(declared[1]) > 3, f"{endpoint} does not say why it is public"


class TestTokens:
    def test_every_unsafe_route_refuses_a_request_without_token(self, app: Flask) -> None:
        app.config["WTF_CSRF_ENABLED"] = True
        client = app.test_client()
        for endpoint, path, methods in rules(app):
            for method in methods & {"POST", "PUT", "PATCH", "DELETE"}:
                if endpoint in CSRF_EXEMPT:
                    continue
                for kind in ("application/x-www-form-urlencoded", "text/plain", "application/json"):
                    answer = client.open(path, method=method, data="{}", content_type=kind)
                    assert answer.status_code == 400, (method, path, kind, answer.status_code)


class TestHeaders:
    def test_every_answer_carries_the_security_headers(self, app: Flask, client: FlaskClient) -> None:
        for path in [path for _, path, methods in rules(app) if "GET" in methods] + ["/nowhere"]:
            headers = client.get(path).headers
            assert "default-src 'none'" in headers["Content-Security-Policy"], path
            assert "unsafe" not in headers["Content-Security-Policy"]
            assert headers["X-Content-Type-Options"] == "nosniff"
            assert headers["Referrer-Policy"] == "same-origin"
            assert headers["Strict-Transport-Security"].startswith("max-age=31536000; includeSubDomains")
            assert headers["Cross-Origin-Opener-Policy"] == "same-origin"
            assert headers["Content-Type"].endswith("charset=utf-8") or "json" in headers["Content-Type"]

    def test_no_foreign_origin_is_welcome(self, app: Flask, client: FlaskClient) -> None:
        for origin in ("https://evil.example", "null"):
            for path in [path for _, path, methods in rules(app) if "GET" in methods]:
                answer = client.get(path, headers={"Origin": origin})
                assert "Access-Control-Allow-Origin" not in answer.headers

    def test_trace_is_not_a_method(self, client: FlaskClient) -> None:
        assert client.open("/sign-in", method="TRACE").status_code == 405

    def test_a_forged_host_is_refused(self, client: FlaskClient) -> None:
        assert client.get("/sign-in", headers={"Host": "evil.example"}).status_code == 400

    def test_forwarded_headers_of_a_stranger_change_nothing(self, client: FlaskClient) -> None:
        forged = {"X-Forwarded-Host": "evil.example", "X-Forwarded-Proto": "https"}
        answer = client.get("/sign-in", headers=forged)
        assert b"evil.example" not in answer.data
        assert "evil.example" not in answer.headers.get("Location", "")

    def test_the_cookie_is_http_only_and_same_site(self, client: FlaskClient) -> None:
        cookies = client.get("/sign-in").headers.getlist("Set-Cookie")
        for cookie in cookies:
            assert "HttpOnly" in cookie
            assert "SameSite=Lax" in cookie
            assert "Path=/" in cookie
            assert "Domain" not in cookie

    def test_an_unexpected_fault_tells_nothing_about_our_insides(self, app: Flask) -> None:
        app.config["PROPAGATE_EXCEPTIONS"] = False

        @door.public("a planted fault")
        def fault() -> str:
            raise RuntimeError("SELECT secret FROM /srv/inside")

        app.add_url_rule("/fault", "fault", fault)
        answer = app.test_client().get("/fault")
        assert answer.status_code == 500
        for word in (b"SELECT", b"secret", b"/srv", b"Traceback", b"RuntimeError"):
            assert word not in answer.data
