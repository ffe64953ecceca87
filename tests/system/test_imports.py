"""The contracts in pyproject.toml catch an import that points the wrong way."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """A copy of the application's code and contracts."""
    shutil.copytree(ROOT / "app", tmp_path / "app", ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copyfile(ROOT / "pyproject.toml", tmp_path / "pyproject.toml")
    return tmp_path


def lint_imports(checkout: Path) -> tuple[int, str]:
    program = Path(sys.executable).parent / "lint-imports"
    done = subprocess.run(
        [program, "--no-logo", "--no-cache"], cwd=checkout, capture_output=True, text=True, timeout=120
    )
    return done.returncode, " ".join((done.stdout + done.stderr).split())


def plant(checkout: Path, module: str, line: str) -> None:
    path = checkout / module
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(f"{line}\n", encoding="utf-8")


def test_the_tree_as_it_is_keeps_every_contract(checkout: Path) -> None:
    status, output = lint_imports(checkout)

    assert status == 0, output
    assert "0 broken" in output


@pytest.mark.parametrize(
    ("module", "line", "named"),
    [
        (
            "app/domain/accounts/planted.py",
            "import app.domain.ordering",
            "app.domain.accounts.planted -> app.domain.ordering",
        ),
        ("app/core/planted.py", "import app.domain.accounts", "app.core.planted -> app.domain.accounts"),
        ("app/domain/catalogue/planted.py", "import flask", "app.domain.catalogue.planted -> flask"),
        ("app/core/planted.py", "import flask_login", "app.core.planted -> flask_login"),
        ("app/domain/ordering/planted.py", "import stripe", "app.domain.ordering.planted -> stripe"),
        ("app/domain/ordering/planted.py", "import wtforms", "app.domain.ordering.planted -> wtforms"),
        ("app/domain/ordering/planted.py", "import reportlab", "app.domain.ordering.planted -> reportlab"),
        ("app/domain/accounts/planted.py", "import app.core.web", "app.domain.accounts.planted"),
        ("app/portal/planted.py", "import app.console", "app.portal.planted -> app.console"),
        ("app/adapters/planted.py", "import app.jobs", "app.adapters.planted -> app.jobs"),
    ],
)
def test_a_planted_import_breaks_the_build_and_is_named(
    checkout: Path, module: str, line: str, named: str
) -> None:
    plant(checkout, module, line)

    status, output = lint_imports(checkout)

    assert status == 1
    assert named in output
    assert "BROKEN" in output


def test_a_domain_outside_the_order_breaks_the_build(checkout: Path) -> None:
    plant(checkout, "app/domain/astrology/__init__.py", '"""Planted."""')

    status, output = lint_imports(checkout)

    assert status == 1
    assert "astrology" in output
