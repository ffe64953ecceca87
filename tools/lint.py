"""The static checks: ruff, mypy, import-linter."""

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
PROGRAMS = Path(sys.executable).parent
CHECKS = {
    "ruff check": ["ruff", "check", "--quiet"],
    "ruff format": ["ruff", "format", "--check", "--quiet", "--diff"],
    "mypy": ["mypy"],
    "import-linter": ["lint-imports", "--no-logo", "--cache-dir", ".cache/import-linter"],
}


def main() -> int:
    """Run every check, also after one has failed; exit 1 where one has."""
    failed = []
    for name, command in CHECKS.items():
        print(f"— {name}", flush=True)
        if subprocess.run([PROGRAMS / command[0], *command[1:]], cwd=ROOT).returncode:
            failed.append(name)
    print(f"Failed: {', '.join(failed)}" if failed else "All static checks pass.")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
