"""The scripts behind the Makefile say plainly what is wrong and leave things as they were."""

from __future__ import annotations

import base64
import functools
import hashlib
import io
import json
import os
import signal
import socket
import subprocess
import sys
import tarfile
import threading
from collections.abc import Iterator
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from tools import assets, processes, run, setup

ROOT = Path(__file__).resolve().parents[2]
HOME_ICON = (
    b'<svg xmlns="http://www.w3.org/2000/svg" width="24" height="24" viewBox="0 0 24 24">'
    b'<path stroke="none" d="M0 0h24v24H0z" fill="none" /><path d="M5 12l-2 0l9 -9l9 9l-2 0" /></svg>'
)


class QuietHandler(SimpleHTTPRequestHandler):
    def log_message(self, format: str, *args: object) -> None:
        pass


@pytest.fixture
def registry(tmp_path: Path) -> Iterator[tuple[Path, str]]:
    """An npm registry on loopback: the folder it serves and its address."""
    folder = tmp_path / "registry"
    folder.mkdir()
    server = ThreadingHTTPServer(("127.0.0.1", 0), functools.partial(QuietHandler, directory=str(folder)))
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield folder, f"http://127.0.0.1:{server.server_address[1]}/"
    server.shutdown()
    thread.join()
    server.server_close()


def publish(folder: Path, package: str, files: dict[str, bytes]) -> str:
    """Put version 1.0.0 of a package into the registry; its integrity."""
    content = io.BytesIO()
    with tarfile.open(fileobj=content, mode="w:gz") as archive:
        for name, data in files.items():
            member = tarfile.TarInfo(f"package/{name}")
            member.size = len(data)
            archive.addfile(member, io.BytesIO(data))
    path = folder / package / "-" / f"{package.rsplit('/', 1)[-1]}-1.0.0.tgz"
    path.parent.mkdir(parents=True)
    path.write_bytes(content.getvalue())
    return "sha512-" + base64.b64encode(hashlib.sha512(content.getvalue()).digest()).decode()


@pytest.fixture
def checkout(tmp_path: Path, registry: tuple[Path, str], monkeypatch: pytest.MonkeyPatch) -> Path:
    """A checkout whose lock file names packages of the registry on loopback."""
    folder, address = registry
    monkeypatch.setenv("NPM_REGISTRY", address)
    packages = {}
    for package, files in assets.FILES.items():
        content = {name: f"{package} {name}".encode() for name in files}
        if package == assets.ICONS_PACKAGE:
            content["icons/outline/home.svg"] = HOME_ICON
        integrity = publish(folder, package, content)
        packages[f"node_modules/{package}"] = {"version": "1.0.0", "integrity": integrity}
    root = tmp_path / "checkout"
    (root / "static").mkdir(parents=True)
    (root / "package-lock.json").write_text(json.dumps({"packages": packages}))
    (root / "static" / "icons.txt").write_text("# comment\nhome\n")
    return root


def fetch_assets(checkout: Path) -> int:
    return assets.main(["--root", str(checkout)])


def relock(checkout: Path, package: str, integrity: str) -> None:
    lock = json.loads((checkout / "package-lock.json").read_text())
    lock["packages"][f"node_modules/{package}"]["integrity"] = integrity
    (checkout / "package-lock.json").write_text(json.dumps(lock))


def test_assets_unpack_the_named_files_and_build_the_sprite(checkout: Path) -> None:
    assert fetch_assets(checkout) == 0

    vendor = checkout / "static" / "vendor"
    assert (vendor / "htmx.min.js").read_text() == "htmx.org dist/htmx.min.js"
    assert (vendor / "icons.svg").read_text() == (
        '<svg xmlns="http://www.w3.org/2000/svg">\n'
        '<symbol id="home" viewBox="0 0 24 24" fill="none" stroke="currentColor" stroke-linecap="round"'
        ' stroke-linejoin="round"><path d="M5 12l-2 0l9 -9l9 9l-2 0"/></symbol>\n</svg>\n'
    )


def test_assets_are_not_fetched_again_while_nothing_changed(
    checkout: Path, registry: tuple[Path, str]
) -> None:
    assert fetch_assets(checkout) == 0
    for tarball in registry[0].rglob("*.tgz"):
        tarball.unlink()

    assert fetch_assets(checkout) == 0


def test_a_changed_hash_stops_the_assets_and_leaves_the_old_files(
    checkout: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert fetch_assets(checkout) == 0
    expected = "sha512-" + base64.b64encode(b"\0" * 64).decode()
    relock(checkout, "htmx.org", expected)

    assert fetch_assets(checkout) == 1

    message = capsys.readouterr().err
    assert "htmx.org 1.0.0 is not the file that package-lock.json names" in message
    assert expected in message
    assert (checkout / "static/vendor/htmx.min.js").read_text() == "htmx.org dist/htmx.min.js"
    assert [path.name for path in (checkout / "static").iterdir() if path.is_dir()] == ["vendor"]


def test_a_tarball_changed_at_the_registry_is_not_unpacked(
    checkout: Path, registry: tuple[Path, str], capsys: pytest.CaptureFixture[str]
) -> None:
    tarball = next(registry[0].rglob("htmx.org-1.0.0.tgz"))
    tarball.write_bytes(tarball.read_bytes() + b"\0")

    assert fetch_assets(checkout) == 1

    assert "its hash is sha512-" in capsys.readouterr().err
    assert not (checkout / "static" / "vendor").exists()


def test_an_icon_that_does_not_exist_is_named(checkout: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (checkout / "static" / "icons.txt").write_text("home\ndiscount-2\n")

    assert fetch_assets(checkout) == 1

    message = capsys.readouterr().err
    assert "static/icons.txt names an icon that does not exist" in message
    assert "discount-2" in message


def test_an_unreachable_registry_is_said_with_its_address(
    checkout: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        address = f"http://127.0.0.1:{closed.getsockname()[1]}/"
        monkeypatch.setenv("NPM_REGISTRY", address)

        assert fetch_assets(checkout) == 1

    message = capsys.readouterr().err
    assert address in message
    assert "NPM_REGISTRY=" in message


def test_the_registry_of_an_npmrc_is_used(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("NPM_REGISTRY", "npm_config_registry", "NPM_CONFIG_REGISTRY"):
        monkeypatch.delenv(name, raising=False)
    npmrc = tmp_path / "npmrc"
    npmrc.write_text("fund=false\nregistry=https://npm.example.test/all\n//npm.example.test/:_authToken=x\n")
    monkeypatch.setenv("NPM_CONFIG_USERCONFIG", str(npmrc))

    assert assets.registry() == "https://npm.example.test/all/"


@pytest.mark.parametrize("version", [(3, 11, 0), (3, 12, 4), (3, 13, 1), (3, 14, 0)])
def test_supported_pythons_are_taken(version: tuple[int, int, int]) -> None:
    setup.check_version(version)


@pytest.mark.parametrize(
    ("version", "named"), [((3, 10, 12), "3.10"), ((3, 15, 0), "3.15"), ((2, 7, 18), "2.7")]
)
def test_other_pythons_are_told_which_versions_work(version: tuple[int, int, int], named: str) -> None:
    with pytest.raises(setup.SetupError) as refusal:
        setup.check_version(version)

    assert str(refusal.value) == (
        f"Sellthru needs Python 3.11, 3.12, 3.13 or 3.14, and this is Python {named};"
        " install one of them or name it: make PYTHON=/path/to/python3.12"
    )


def start_demo(data_dir: Path, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "tools.run"],
        cwd=ROOT,
        env={**os.environ, "DATA_DIR": str(data_dir), **environment},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=60,
    )


def test_a_port_in_use_is_said_in_one_sentence_before_anything_starts(tmp_path: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]

        done = start_demo(tmp_path / "data", PORT=str(port))

    assert done.returncode == 1
    assert done.stderr.startswith(f"Port {port} is in use; stop the program that uses it")
    assert done.stderr.count("\n") == 1
    assert done.stdout == ""
    assert not (tmp_path / "data").exists()


@pytest.mark.parametrize("port", ["0", "-1", "65536", "web", "8000 ", "٨٠٠٠", "1e3"])
def test_a_port_that_is_none_is_refused(tmp_path: Path, port: str) -> None:
    done = start_demo(tmp_path / "data", PORT=port)

    assert done.returncode == 1
    assert done.stderr.startswith("PORT must be a number from 1 to 65535")
    assert not (tmp_path / "data").exists()


def test_an_unknown_carrier_of_jobs_is_refused(tmp_path: Path) -> None:
    done = start_demo(tmp_path / "data", JOBS="huey")

    assert done.returncode == 1
    assert done.stderr == "JOBS must be embedded or celery, not 'huey'.\n"


@pytest.fixture
def demo() -> Iterator[run.Demo]:
    made = run.Demo(port=1, jobs="embedded", environment=os.environ)
    yield made
    made.stop()
    for child in made.children.values():
        if child.stdout is not None:
            child.stdout.close()


def start_python(demo: run.Demo, code: str) -> subprocess.Popen[bytes]:
    """A child that runs `code` and has begun: it says so on its standard output."""
    child = demo.start("The child", "timeit", "-n", "1", "-r", "1", code, output=subprocess.PIPE)
    assert child.stdout is not None
    child.stdout.readline()
    return child


def test_a_child_that_ends_is_named_with_its_status(demo: run.Demo) -> None:
    child = start_python(demo, "print('up', flush=True); import os; os._exit(3)")
    child.wait()

    with pytest.raises(
        run.RunError, match=r"^The child has ended with exit status 3; everything is stopped\.$"
    ):
        demo.check()


def test_children_are_stopped_by_sigterm(demo: run.Demo) -> None:
    child = start_python(demo, "print('up', flush=True); import time; time.sleep(60)")

    demo.stop()

    assert child.returncode == -signal.SIGTERM


def test_a_child_that_ignores_sigterm_is_killed(demo: run.Demo, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(processes, "STOP_S", 0.2)
    child = start_python(
        demo,
        "import signal, time; signal.signal(15, signal.SIG_IGN); print('up', flush=True); time.sleep(60)",
    )

    demo.stop()

    assert child.returncode == -signal.SIGKILL
