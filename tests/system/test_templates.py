"""What every template must keep: nothing inline, only icons that exist, balanced macros."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
TEMPLATES = sorted(
    path
    for path in (ROOT / "templates").rglob("*.html")
    if not {"email", "pdf"} & set(path.relative_to(ROOT / "templates").parts)
)
FORBIDDEN = {
    "a style attribute": re.compile(r"<[^>]*\sstyle\s*=", re.DOTALL),
    "an inline handler": re.compile(r"<[^>{%]*\son[a-z]+\s*=\s*[\"']", re.DOTALL),
    "an inline script": re.compile(r"<script(?![^>]*\b(?:src|type=\"application/json\"))", re.DOTALL),
    "an inline style sheet": re.compile(r"<style\b"),
    "hx-on": re.compile(r"hx-on[:-]"),
    "an event filter in hx-trigger": re.compile(r"hx-trigger\W+[^\"'>]*\["),
    "a js: value": re.compile(r"hx-(?:vals|headers)\W+js:"),
}
ICON = re.compile(r"""\bicon\(\s*"([a-z0-9-]+)"|\bicon\s*=\s*"([a-z0-9-]+)"|"icon"\s*:\s*"([a-z0-9-]+)\"""")


def icons_that_exist() -> set[str]:
    return set((ROOT / "static" / "icons.txt").read_text(encoding="utf-8").split())


@pytest.mark.parametrize("path", TEMPLATES, ids=lambda path: str(path.relative_to(ROOT)))
def test_a_template_passes_the_content_security_policy(path):
    text = path.read_text(encoding="utf-8")
    assert [name for name, pattern in FORBIDDEN.items() if pattern.search(text)] == []


@pytest.mark.parametrize("path", TEMPLATES, ids=lambda path: str(path.relative_to(ROOT)))
def test_a_template_names_only_icons_of_the_sprite(path):
    found = {name for groups in ICON.findall(path.read_text(encoding="utf-8")) for name in groups if name}
    assert found - icons_that_exist() == set()


def test_state_badges_name_only_icons_of_the_sprite():
    text = (ROOT / "templates" / "components" / "badge.html").read_text(encoding="utf-8")
    found = set(re.findall(r'\("(?:neutral|info|ok|warn|bad)", "([a-z0-9-]+)"', text))
    assert len(found) > 10
    assert found - icons_that_exist() == set()


def test_the_navigation_names_only_icons_of_the_sprite():
    found = set()
    for path in (ROOT / "app").rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Call) and getattr(node.func, "id", "") == "NavEntry":
                given = [*node.args[2:3], *(word.value for word in node.keywords if word.arg == "icon")]
                found |= {value.value for value in given if isinstance(value, ast.Constant)}
    assert found - icons_that_exist() == set()


def test_the_silhouettes_of_all_categories_are_drawn():
    drawn = set(
        re.findall(r'<symbol id="([a-z0-9-]+)"', (ROOT / "static/img/placeholders.svg").read_text("utf-8"))
    )
    text = (ROOT / "templates" / "components" / "icon.html").read_text(encoding="utf-8")
    named = set(re.findall(r'": "([a-z0-9-]+)"', text.split("silhouettes = {")[1].split("}")[0]))
    assert "box" in drawn
    assert named - drawn == set()
