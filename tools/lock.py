"""Compile requirements*.in to requirements*.txt with hashes, for every supported Python and platform.

uv is installed in a throw-away environment; nobody needs it to install or run Sellthru. Versions that
are already locked stay; `--upgrade` takes newer ones.
"""

import argparse
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
UV = "uv~=0.13"
#: requirements.txt first: the other two are compiled under its versions.
NAMES = ("requirements", "requirements-scale", "requirements-dev")


def main(arguments: list[str] | None = None) -> int:
    """Command line; exit status of the first step that fails."""
    parser = argparse.ArgumentParser(description="Compile requirements*.in to requirements*.txt with hashes.")
    parser.add_argument("--upgrade", action="store_true", help="take newer versions than the locked ones")
    options = parser.parse_args(arguments)
    with tempfile.TemporaryDirectory(prefix="sellthru-lock-") as folder:
        python = Path(folder) / "bin" / "python"
        steps = [
            [sys.executable, "-m", "venv", folder],
            [str(python), "-m", "pip", "install", "--quiet", "--disable-pip-version-check", UV],
        ]
        for name in NAMES:
            command = [
                str(python),
                "-m",
                "uv",
                "pip",
                "compile",
                "--quiet",
                "--generate-hashes",
                "--universal",
            ]
            command += ["--python-version", "3.11", "--no-header", f"{name}.in", "-o", f"{name}.txt"]
            steps.append(command + (["--upgrade"] if options.upgrade else []))
        for step in steps:
            status = subprocess.run(step, cwd=ROOT).returncode
            if status:
                return status
    print("requirements*.txt are compiled; `make setup` installs them.")
    return 0


if __name__ == "__main__":
    sys.exit(main())
