"""Files of data sets: found in a folder, or fetched once, and checked by their hash."""

from __future__ import annotations

import contextlib
import gzip
import hashlib
import http.client
import os
import urllib.error
import urllib.request
import zlib
from pathlib import Path
from typing import BinaryIO

from cosim.errors import DataError

VARIABLE = "COSIM_DATA"
ALLOWANCE = "COSIM_DOWNLOAD"


def cache() -> Path:
    """Where downloads are kept."""
    import platformdirs

    return Path(platformdirs.user_cache_dir("reram-cosim"))


def fetch(
    name: str,
    digest: str,
    part: str,
    folder: str | Path | None,
    download: bool,
    mirror: str,
    *,
    alias: str = "",
) -> tuple[bytes, str]:
    """Bytes of a file (checked, normalised if text) and where it was found.

    The mirror knows it as `name`; in a folder it may be called `alias` too.
    """
    download = download or os.environ.get(ALLOWANCE) == "1"
    named = folder if folder is not None else os.environ.get(VARIABLE)
    roots = [Path(named)] if named else []
    if folder is None:
        roots.append(cache())
    names = [n + suffix for n in (name, alias) if n for suffix in (".gz", "")]
    for root in roots:
        for path in (place / n for place in (root / part, root) for n in names):
            if not path.is_file():
                continue
            try:
                return checked(_read(path), name, digest, str(path)), str(path)
            except DataError:
                # What the user put there is not replaced behind his back; the cache is.
                if not download or root != cache():
                    raise
    if not download:
        where = ", ".join(str(root / part) for root in roots)
        raise DataError(
            thing=f"data file {alias or name}[.gz] was not found",
            value=where,
            limit=f"a folder with {part}/{alias or name}.gz",
            next_step=f"Name the folder, set {VARIABLE} to it, or allow download=True "
            f"({ALLOWANCE}=1)",
        )
    address = mirror + name + (".gz" if part == "mnist" else "")
    path = cache() / part / f"{name}.gz"
    try:
        return _downloaded(address, path, name, digest), str(path)
    except OSError as error:
        raise DataError(
            thing=f"a download cannot be kept: {error}",
            value=str(path),
            next_step=f"Free space, or fetch {address} by other means and set {VARIABLE}",
        ) from error


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise DataError(thing=f"{path} cannot be read: {error}") from error


def _downloaded(address: str, path: Path, name: str, digest: str) -> bytes:
    """Fetch a file, check it and keep it; what an interrupted attempt left is gone on with."""
    import fcntl

    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_name(f"{path.name}.part")
    with partial.open("ab") as file:
        # A second process waits, and finds the finished file.
        fcntl.flock(file, fcntl.LOCK_EX)
        if path.is_file():
            with contextlib.suppress(DataError):
                return checked(_read(path), name, digest, str(path))
        _receive(address, file)
        try:
            raw = checked(_read(partial), name, digest, address)
        except DataError:
            partial.unlink(missing_ok=True)
            raise
        # Renamed into place, so that a stop half way leaves no damaged file behind.
        whole = path.with_name(f"{path.name}.{os.getpid()}.whole")
        whole.write_bytes(gzip.compress(raw, mtime=0))
        whole.replace(path)
        partial.unlink(missing_ok=True)
    return raw


def _receive(address: str, file: BinaryIO) -> None:
    """Append what is missing of a file; begins anew where the server cannot go on."""
    size = file.seek(0, os.SEEK_END)
    request = urllib.request.Request(address)
    if size:
        request.add_header("Range", f"bytes={size}-")
    try:
        with urllib.request.urlopen(request, timeout=60) as reply:
            if getattr(reply, "status", None) != 206:
                file.truncate(0)
            while block := reply.read(1 << 16):
                file.write(block)
            missing = getattr(reply, "length", None)
        file.flush()
    except (urllib.error.URLError, http.client.HTTPException, TimeoutError, ValueError) as error:
        if isinstance(error, urllib.error.HTTPError) and error.code == 416:
            return  # Nothing is missing; the check of the hash follows.
        raise _failed(address, str(error)) from error
    except ConnectionError as error:
        raise _failed(address, str(error)) from error
    if missing:
        raise _failed(address, f"{missing} bytes are missing; the next attempt goes on from there")


def _failed(address: str, why: str) -> DataError:
    return DataError(
        thing=f"download of {address} failed: {why}",
        next_step=f"Fetch it by other means and set {VARIABLE} to its folder",
    )


def checked(packed: bytes, name: str, digest: str, place: str) -> bytes:
    """What is inside, unpacked and with normal line ends; `DataError` where its hash is wrong."""
    raw = packed
    if packed[:2] == b"\x1f\x8b":
        try:
            raw = gzip.decompress(packed)
        except (OSError, EOFError, zlib.error) as error:
            raise DataError(
                thing=f"{place} is damaged: {error}", next_step="Fetch the file again"
            ) from error
    if name.endswith(".txt"):
        raw = raw.removeprefix(b"\xef\xbb\xbf").replace(b"\r\n", b"\n").strip()
        raw = raw.removeprefix(b"\xef\xbb\xbf")
    found = hashlib.sha256(raw).hexdigest()
    if found != digest:
        raise DataError(
            thing=f"{place} is not the published data: its SHA-256 differs",
            value=found,
            limit=digest,
            next_step="Fetch the file again, or name the folder of the right one",
        )
    return raw
