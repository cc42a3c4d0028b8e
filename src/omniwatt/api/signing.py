"""URLs that prove by themselves what they may fetch, and until when: HMAC-SHA-256 under the server's own secret."""

import hmac
import time
from pathlib import Path
from urllib.parse import urlencode

from omniwatt.contract.error import Forbidden, Gone

_PURPOSE = b"omniwatt picture url\0"


class Signer:
    """Signs and checks under `home/secret`, which the keys' store makes before the first request."""

    def __init__(self, home: Path) -> None:
        self._secret = (home / "secret").read_bytes()

    def query(self, name: str, expires_at: int) -> str:
        """The query string that lets anyone fetch `name` until `expires_at` (Unix seconds)."""
        return urlencode({"expires": expires_at, "signature": self._signature(name, expires_at)})

    def check(self, name: str, expires: str, signature: str, now: float | None = None) -> None:
        """Raises Forbidden unless the signature is ours, and Gone once its time has passed."""
        known = expires.isascii() and expires.isdigit() and len(expires) <= 12
        right = known and hmac.compare_digest(
            self._signature(name, int(expires)).encode(), signature.encode("utf-8", "replace")
        )
        if not right:
            raise Forbidden("The signature of this URL is not valid.", code="invalid_signature")
        if int(expires) <= (time.time() if now is None else now):
            raise Gone("This URL has expired.", code="url_expired")

    def _signature(self, name: str, expires_at: int) -> str:
        return hmac.digest(self._secret, _PURPOSE + f"{name}\0{expires_at}".encode(), "sha256").hex()
