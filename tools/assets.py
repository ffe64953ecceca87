"""Fetch the front-end files named in package-lock.json into static/vendor/, without Node.

Each package is one tarball from the configured npm registry. Its sha512 must be the one in
package-lock.json; only the files named below are unpacked. `npm ci` would give the same files.
"""

import argparse
import base64
import configparser
import hashlib
import io
import json
import os
import re
import shutil
import subprocess
import sys
import tarfile
import urllib.error
import urllib.request
import xml.etree.ElementTree as ElementTree
from collections.abc import Iterable
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
#: Used only where neither the environment, an .npmrc nor npm itself names another one.
DEFAULT_REGISTRY = "https://registry.npmjs.org/"
#: package -> {file in the package: file in static/vendor/}
FILES = {
    "@tabler/core": {"dist/css/tabler.min.css": "tabler.min.css"},
    "htmx.org": {"dist/htmx.min.js": "htmx.min.js", "LICENSE": "licences/htmx.txt"},
    "tom-select": {
        "dist/js/tom-select.complete.min.js": "tom-select.complete.min.js",
        "dist/css/tom-select.min.css": "tom-select.min.css",
        "LICENSE": "licences/tom-select.txt",
    },
    "chart.js": {"dist/chart.umd.js": "chart.umd.js", "LICENSE.md": "licences/chart.txt"},
    "inter-ui": {
        "variable-latin/InterVariable-subset.woff2": "inter-latin.woff2",
        "variable/InterVariable.woff2": "inter.woff2",
        "LICENSE.txt": "licences/inter.txt",
    },
    "@tabler/icons": {"LICENSE": "licences/tabler.txt"},
}
ICONS_PACKAGE = "@tabler/icons"
#: The characters of inter-latin.woff2 (100 kB); the full font (352 kB) is loaded only by a page
#: that shows another one.
LATIN = (
    "U+0, U+20-7E, U+A0-AC, U+AE-FF, U+131, U+152-153, U+2BB-2BC, U+2C6, U+2DA, U+2DC, U+2000-200B,"
    " U+2010-2027, U+202F-2055, U+2057, U+205F, U+2074, U+20AC, U+2122, U+2191, U+2193, U+2212, U+FEFF"
)
OTHERS = (
    "U+1-1F, U+7F-9F, U+AD, U+100-130, U+132-151, U+154-2BA, U+2BD-2C5, U+2C7-2D9, U+2DB, U+2DD-1FFF,"
    " U+200C-200F, U+2028-202E, U+2056, U+2058-205E, U+2060-2073, U+2075-20AB, U+20AD-2121, U+2123-2190,"
    " U+2192, U+2194-2211, U+2213-FEFE, U+FF00-10FFFF"
)
FONT_FACE = """@font-face {{
  font-family: "Inter";
  font-style: normal;
  font-weight: 100 900;
  font-display: swap;
  src: url("{file}") format("woff2");
  unicode-range: {characters};
}}
"""
SVG = "{http://www.w3.org/2000/svg}"


class AssetError(Exception):
    """A front-end file cannot be had as locked; the message says what to do."""


def registry() -> str:
    """The npm registry that the environment, an .npmrc or npm itself names, else the default."""
    for name in ("NPM_REGISTRY", "npm_config_registry", "NPM_CONFIG_REGISTRY"):
        if os.environ.get(name):
            return os.environ[name].rstrip("/") + "/"
    user = os.environ.get("NPM_CONFIG_USERCONFIG")
    for path in (ROOT / ".npmrc", Path(user) if user else Path.home() / ".npmrc"):
        found = _registry_in(path)
        if found:
            return found.rstrip("/") + "/"
    return (_registry_of_npm() or DEFAULT_REGISTRY).rstrip("/") + "/"


def _registry_in(npmrc: Path) -> str | None:
    if not npmrc.is_file():
        return None
    parser = configparser.ConfigParser(
        delimiters=("=",), interpolation=None, strict=False, allow_no_value=True
    )
    try:
        parser.read_string("[npmrc]\n" + npmrc.read_text(encoding="utf-8"))
    except (configparser.Error, UnicodeDecodeError):
        return None
    value = (parser["npmrc"].get("registry") or "").strip().strip("\"'")
    return value if value.startswith(("http://", "https://")) else None


def _registry_of_npm() -> str | None:
    npm = shutil.which("npm")
    if not npm:
        return None
    try:
        answer = subprocess.run(
            [npm, "config", "get", "registry"], cwd=ROOT, capture_output=True, text=True, timeout=30
        )
    except (OSError, subprocess.TimeoutExpired):
        return None
    value = answer.stdout.strip()
    return value if answer.returncode == 0 and value.startswith(("http://", "https://")) else None


def locked_packages(lock_path: Path) -> dict[str, tuple[str, str]]:
    """{name: (version, integrity)} of the packages that FILES takes something from."""
    try:
        entries = json.loads(lock_path.read_text(encoding="utf-8"))["packages"]
    except (OSError, ValueError, KeyError) as error:
        raise AssetError(f"{lock_path.name} cannot be read ({error}); restore it from git.") from error
    packages = {}
    for name in FILES:
        entry = entries.get(f"node_modules/{name}")
        if not entry or not str(entry.get("integrity", "")).startswith("sha512-"):
            raise AssetError(
                f"{lock_path.name} has no sha512 of {name}; run npm install --package-lock-only."
            )
        packages[name] = (entry["version"], entry["integrity"])
    return packages


def check_integrity(name: str, version: str, integrity: str, content: bytes) -> None:
    """Stop unless `content` is the very file that package-lock.json names."""
    found = "sha512-" + base64.b64encode(hashlib.sha512(content).digest()).decode("ascii")
    if found != integrity:
        raise AssetError(
            f"{name} {version} is not the file that package-lock.json names: its hash is {found}, expected"
            f" {integrity}. Nothing was installed. Try again; if it stays so, the registry's copy was changed"
            " and must not be used."
        )


def fetch(name: str, version: str, integrity: str, *, address: str, cache: Path) -> bytes:
    """The package's tarball as bytes, checked; from `cache` where a fetch before left it."""
    file_name = f"{name.rsplit('/', 1)[-1]}-{version}.tgz"
    kept = cache / (name.replace("/", "+") + f"-{version}.tgz")
    if kept.is_file():
        cached = kept.read_bytes()
        check_integrity(name, version, integrity, cached)
        return cached
    url = f"{address}{name}/-/{file_name}"
    try:
        with urllib.request.urlopen(url, timeout=120) as answer:  # noqa: S310 - the registry's own address
            content: bytes = answer.read()
    except (urllib.error.URLError, OSError, ValueError) as error:
        raise AssetError(
            f"{url} cannot be fetched ({error}). Check the network, or name a reachable npm registry:"
            " NPM_REGISTRY=https://… make setup"
        ) from error
    check_integrity(name, version, integrity, content)
    cache.mkdir(parents=True, exist_ok=True)
    partial = kept.with_suffix(f".{os.getpid()}")
    partial.write_bytes(content)
    partial.replace(kept)
    return content


def read_files(name: str, content: bytes, paths: Iterable[str]) -> dict[str, bytes]:
    """{path: bytes} of the named files of a package's tarball."""
    wanted = set(paths)
    found: dict[str, bytes] = {}
    with tarfile.open(fileobj=io.BytesIO(content), mode="r:gz") as archive:
        for member in archive:
            path = member.name.split("/", 1)[-1]
            file = archive.extractfile(member) if path in wanted and member.isfile() else None
            if file is not None:
                found[path] = file.read()
    missing = sorted(wanted - set(found))
    if missing:
        raise AssetError(f"{name} has no file {', '.join(missing)}.")
    return found


def icon_names(path: Path) -> list[str]:
    """The icons to build, one name per line; `#` starts a comment."""
    lines = (line.split("#", 1)[0].strip() for line in path.read_text(encoding="utf-8").splitlines())
    names = sorted({line for line in lines if line})
    wrong = [name for name in names if not re.fullmatch(r"[a-z0-9-]+", name)]
    if wrong:
        raise AssetError(f"{path.name}: not an icon's name: {', '.join(wrong)}.")
    return names


def build_sprite(names: list[str], content: bytes) -> str:
    """One SVG with a <symbol> per icon; the width of its lines is left to the page's CSS."""
    paths = {f"icons/outline/{name}.svg": name for name in names}
    try:
        files = read_files(ICONS_PACKAGE, content, paths)
    except AssetError as error:
        raise AssetError(f"static/icons.txt names an icon that does not exist: {error}") from error
    symbols = []
    for path, name in sorted(paths.items()):
        drawing = ElementTree.fromstring(files[path])  # noqa: S314 - checked against the lock file
        shapes = []
        for shape in drawing.iter():
            if shape is drawing or shape.get("stroke") == "none":
                continue
            attributes = "".join(f' {key}="{value}"' for key, value in shape.items())
            shapes.append(f"<{shape.tag.replace(SVG, '')}{attributes}/>")
        symbols.append(
            f'<symbol id="{name}" viewBox="0 0 24 24" fill="none" stroke="currentColor"'
            f' stroke-linecap="round" stroke-linejoin="round">{"".join(shapes)}</symbol>'
        )
    return '<svg xmlns="http://www.w3.org/2000/svg">\n' + "\n".join(symbols) + "\n</svg>\n"


def stamp_of(lock_path: Path, icons_path: Path) -> str:
    """A hash of everything that decides what static/vendor/ holds."""
    digest = hashlib.sha256()
    for path in (lock_path, icons_path, Path(__file__)):
        digest.update(path.read_bytes() + b"\0")
    return digest.hexdigest()


def install(*, lock_path: Path, icons_path: Path, vendor: Path, cache: Path) -> bool:
    """Bring `vendor` up to date; True where something had to be done."""
    stamp_path, stamp = vendor / ".stamp", stamp_of(lock_path, icons_path)
    if stamp_path.is_file() and stamp_path.read_text(encoding="utf-8") == stamp:
        return False
    packages, names = locked_packages(lock_path), icon_names(icons_path)
    address = registry()
    fresh = vendor.with_name(vendor.name + f".{os.getpid()}")
    fresh.mkdir(parents=True)
    try:
        for name, (version, integrity) in packages.items():
            content = fetch(name, version, integrity, address=address, cache=cache)
            for path, data in read_files(name, content, FILES[name]).items():
                target = fresh / FILES[name][path]
                target.parent.mkdir(exist_ok=True)
                target.write_bytes(data)
            if name == ICONS_PACKAGE:
                (fresh / "icons.svg").write_text(build_sprite(names, content), encoding="utf-8")
        (fresh / "inter.css").write_text(
            FONT_FACE.format(file="inter-latin.woff2", characters=LATIN)
            + FONT_FACE.format(file="inter.woff2", characters=OTHERS),
            encoding="utf-8",
        )
        (fresh / ".stamp").write_text(stamp, encoding="utf-8")
        shutil.rmtree(vendor, ignore_errors=True)
        fresh.replace(vendor)
    finally:
        shutil.rmtree(fresh, ignore_errors=True)
    return True


def main(arguments: list[str] | None = None) -> int:
    """Command line; exit 1 with one sentence where the files cannot be had as locked."""
    parser = argparse.ArgumentParser(description="Fetch the front-end files named in package-lock.json.")
    parser.add_argument("--root", type=Path, default=ROOT, help="checkout to work in")
    root = parser.parse_args(arguments).root
    try:
        done = install(
            lock_path=root / "package-lock.json",
            icons_path=root / "static" / "icons.txt",
            vendor=root / "static" / "vendor",
            cache=root / ".cache" / "npm",
        )
    except AssetError as error:
        print(f"Front-end files: {error}", file=sys.stderr)
        return 1
    except OSError as error:
        print(f"Front-end files cannot be written: {error}", file=sys.stderr)
        return 1
    if done:
        print("Front-end files are in static/vendor/.")
    return 0


if __name__ == "__main__":
    sys.exit(main())
