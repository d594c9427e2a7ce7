"""The user's own key, which tells what this user kept from what came from elsewhere. It lies outside every store."""

from __future__ import annotations

import hashlib
import hmac
import os
import secrets
import sys
from contextlib import suppress
from pathlib import Path

KEY_BYTES = 32

_known: dict[Path, bytes] = {}


def key_file() -> Path:
    """Where the key lies: `mlops_nb/cache.key` in the user's configuration folder."""
    told = os.environ.get("APPDATA" if sys.platform == "win32" else "XDG_CONFIG_HOME")
    return (Path(told) if told and Path(told).is_absolute() else Path.home() / ".config") / "mlops_nb" / "cache.key"


def user_key() -> bytes | None:
    """The key, made at its first use; None where there is none and none can be made, or where it is another user's."""
    path = key_file()
    if path not in _known:
        key = _read(path) or _made(path)
        if key is None:
            return None
        _known[path] = key
    return _known[path]


def _made(path: Path) -> bytes | None:
    """A new key, or the one that another process made meanwhile."""
    fresh = path.with_name(f"{path.name}.{os.getpid()}.{secrets.token_hex(4)}.new")
    with suppress(OSError):
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        handle = os.open(fresh, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600)
        try:
            with os.fdopen(handle, "wb") as file:
                file.write(secrets.token_bytes(KEY_BYTES))
            with suppress(FileExistsError):
                os.link(fresh, path)
        finally:
            fresh.unlink(missing_ok=True)
    return _read(path)


def _read(path: Path) -> bytes | None:
    try:
        with path.open("rb") as file:
            if hasattr(os, "getuid") and os.fstat(file.fileno()).st_uid != os.getuid():
                return None
            key = file.read(KEY_BYTES + 1)
    except OSError:
        return None
    return key if len(key) == KEY_BYTES else None


def mac(key: bytes, content: str) -> bytes:
    """The code that only who has the key can make for a text."""
    return hmac.new(key, content.encode("utf-8", "surrogatepass"), hashlib.sha256).digest()


def is_genuine(key: bytes, content: str, code: bytes) -> bool:
    """Whether a code was made for a text with the key."""
    return hmac.compare_digest(mac(key, content), code)
