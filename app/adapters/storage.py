"""Uploads on the local disk, under random names of our own."""

from __future__ import annotations

import os
import re
import secrets
import shutil
from pathlib import Path
from typing import BinaryIO

from app.core.errors import NotFound

#: What a key looks like.
KEY = re.compile(r"[0-9a-f]{32}(-[0-9a-z]{1,10})?\.[0-9a-z]{1,8}")


class LocalStore:
    """Files below one folder; nothing a person typed becomes part of a path."""

    def __init__(self, root: Path) -> None:
        self._root = root

    def save(self, content: BinaryIO, *, extension: str) -> str:
        """Keep the content and return its key; only a file that is complete has its name."""
        key = f"{secrets.token_hex(16)}{extension}"
        self._write(content, key)
        return key

    def save_variant(self, content: BinaryIO, *, key: str, variant: str) -> None:
        """Keep another form of what is kept under the key; see :func:`variant_key`."""
        self._write(content, variant_key(key, variant))

    def _write(self, content: BinaryIO, key: str) -> None:
        path = self._path(key)
        partial = path.with_name(f".{secrets.token_hex(8)}.part")
        try:
            with partial.open("wb") as file:
                shutil.copyfileobj(content, file)
                file.flush()
                os.fsync(file.fileno())
            partial.replace(path)
        finally:
            partial.unlink(missing_ok=True)

    def path_of(self, key: str) -> Path:
        """:raises NotFound: nothing is kept under the key."""
        path = self._path(key)
        if not path.is_file():
            raise NotFound()
        return path

    def delete(self, key: str) -> None:
        """Forget the content and its variants; nothing happens where there is none."""
        path = self._path(key)
        path.unlink(missing_ok=True)
        for variant in path.parent.glob(f"{path.stem}-*"):
            variant.unlink(missing_ok=True)

    def new_path(self, *, extension: str) -> tuple[str, Path]:
        """A key and a path to write to, for content that grows."""
        key = f"{secrets.token_hex(16)}{extension}"
        return key, self._path(key)

    def _path(self, key: str) -> Path:
        if not KEY.fullmatch(key):
            raise NotFound()
        folder = self._root / key[:2]
        folder.mkdir(parents=True, exist_ok=True)
        return folder / key


def variant_key(key: str, variant: str) -> str:
    """The key of a variant: `ab12….jpg` and `160` give `ab12…-160.jpg`."""
    stem, _dot, extension = key.rpartition(".")
    return f"{stem}-{variant}.{extension}"
