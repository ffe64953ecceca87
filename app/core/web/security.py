"""Response headers every answer carries: content security policy, caching, framing, sniffing."""

from __future__ import annotations

from flask import Flask, Response, g, request

from app.core.web import bodies

CSP = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; font-src 'self'; "
    "connect-src 'self'; media-src 'self'; manifest-src 'self'; object-src 'none'; base-uri 'none'; "
    "frame-ancestors 'none'; form-action 'self'"
)
#: Downloads people uploaded: never rendered with the portal's rights.
SANDBOX_CSP = "default-src 'none'; sandbox"
YEAR_S = 31_536_000


def register(app: Flask) -> None:
    """Read forms strictly, and set the headers after each request."""
    bodies.register(app)

    @app.after_request
    def set_headers(response: Response) -> Response:
        headers = response.headers
        headers.setdefault("Content-Security-Policy", CSP)
        headers["X-Content-Type-Options"] = "nosniff"
        headers["X-Frame-Options"] = "DENY"
        headers["Referrer-Policy"] = "same-origin"
        headers["Cross-Origin-Opener-Policy"] = "same-origin"
        headers["Strict-Transport-Security"] = f"max-age={YEAR_S}; includeSubDomains"
        headers["Permissions-Policy"] = "camera=(self), geolocation=(), microphone=()"
        is_versioned = request.endpoint == "static" and request.args.get("v")
        if response.status_code == 200 and (is_versioned or g.get("is_immutable")):
            headers["Cache-Control"] = f"public, max-age={YEAR_S}, immutable"
        elif request.endpoint != "static":
            headers["Cache-Control"] = "no-store" if g.get("actor") else "no-cache"
        return response
