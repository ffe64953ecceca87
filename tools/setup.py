"""Make .venv with the locked requirements, and fetch the front-end files. Does only what is missing.

Runs on any Python 3 that is on the machine, so that an unsuitable one gets a sentence, not a traceback.
"""

import argparse
import hashlib
import os
import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
OLDEST, NEWEST = (3, 11), (3, 14)
#: what is wanted -> requirements files; each set is stamped on its own
SETS = {
    "core": ["requirements.txt"],
    "scale": ["requirements.txt", "requirements-scale.txt"],
    "dev": ["requirements.txt", "requirements-dev.txt"],
}


class SetupError(Exception):
    """The environment cannot be made; the message says what to do."""


def check_version(version):
    """Refuse a Python that the locked requirements do not support."""
    if not OLDEST <= tuple(version[:2]) <= NEWEST:
        raise SetupError(
            "Sellthru needs Python 3.11, 3.12, 3.13 or 3.14, and this is Python {}.{};"
            " install one of them or name it: make PYTHON=/path/to/python3.12".format(*version[:2])
        )


def stamp_of(files):
    """A hash of the requirements files."""
    digest = hashlib.sha256()
    for name in files:
        digest.update((ROOT / name).read_bytes() + b"\0")
    return digest.hexdigest()


def is_usable(python):
    """Whether .venv's interpreter runs and is one of the supported versions."""
    if not python.is_file():
        return False
    code = "import sys; print(sys.version_info[0], sys.version_info[1])"
    try:
        answer = subprocess.run([str(python), "-c", code], capture_output=True, text=True)
        check_version([int(part) for part in answer.stdout.split()])
    except (OSError, SetupError, ValueError, TypeError, IndexError):
        return False
    return answer.returncode == 0


def make_venv(venv):
    """A fresh virtual environment, in place of one whose interpreter is gone."""
    check_version(sys.version_info)
    if venv.exists():
        shutil.rmtree(venv)
    print("Making .venv with Python {}.{} …".format(*sys.version_info[:2]), flush=True)
    made = subprocess.run([sys.executable, "-m", "venv", str(venv)], capture_output=True, text=True)
    if made.returncode:
        shutil.rmtree(venv, ignore_errors=True)
        reason = (made.stdout + made.stderr).strip() or "no reason given"
        raise SetupError(
            f"Python cannot make a virtual environment; on Debian and Ubuntu: "
            f" apt install python3-venv.\n{reason}"
        )


def install(python, files):
    """Install exactly the locked versions, each checked against its hash."""
    print("Installing {} …".format(" and ".join(files)), flush=True)
    command = [str(python), "-m", "pip", "install", "--quiet", "--no-input", "--disable-pip-version-check"]
    command += ["--require-hashes"]
    for name in files:
        command += ["-r", str(ROOT / name)]
    if subprocess.run(command, cwd=str(ROOT)).returncode:
        raise SetupError("The requirements could not be installed; the lines above say why.")


def ensure(wanted, *, venv):
    """Bring the environment up to date for the `wanted` set."""
    python = venv / "bin" / "python"
    if not is_usable(python):
        make_venv(venv)
    stamp = stamp_of(SETS[wanted])
    path = venv / f".installed-{wanted}"
    if path.is_file() and path.read_text(encoding="utf-8") == stamp:
        return
    install(python, SETS[wanted])
    path.write_text(stamp, encoding="utf-8")


def _lock():
    """Hold until the process ends, so that two commands started together do not install at once."""
    try:
        import fcntl
    except ImportError as error:
        raise SetupError("Sellthru runs on Linux and macOS; on Windows use WSL.") from error
    (ROOT / ".cache").mkdir(exist_ok=True)
    handle = open(ROOT / ".cache" / "setup.lock", "w")  # kept open for the lock's sake
    fcntl.flock(handle, fcntl.LOCK_EX)
    return handle


def main(arguments=None):
    """Command line; exit 1 with a sentence where the environment cannot be made."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("wanted", nargs="?", default="core", choices=sorted(SETS))
    parser.add_argument("--no-assets", action="store_true", help="leave the front-end files alone")
    options = parser.parse_args(arguments)
    venv = ROOT / ".venv"
    try:
        if not is_usable(venv / "bin" / "python"):
            check_version(sys.version_info)
        lock = _lock()
        ensure(options.wanted, venv=venv)
        if not options.no_assets:
            assets = [str(venv / "bin" / "python"), str(ROOT / "tools" / "assets.py")]
            if subprocess.run(assets, cwd=str(ROOT)).returncode:
                return 1
        lock.close()
    except SetupError as error:
        print(error, file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 130
    return 0


if __name__ == "__main__":
    os.environ.pop("PYTHONHOME", None)
    sys.exit(main())
