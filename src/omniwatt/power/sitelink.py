"""The way to a site over HTTP: one question, one answer; the key goes to that address alone.

Certificates are verified, redirects and proxies are not followed, and plain http is for this machine and private
networks, unless the operator says otherwise.
"""

import asyncio
import os
import socket
import ssl
from ipaddress import ip_address
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import msgspec

from omniwatt import settings
from omniwatt.power.budget import TTL_S, Ask, Grant

PATIENCE_S = TTL_S / 2
"""For a whole question: there is time for another before the lease is over."""
MOST_BYTES = 64 * 1024
ROUTE = "/admin/power/lease"


class SiteSilent(Exception):
    """The site gave no lease; says why, never with the key."""


class SiteLink:
    """One address and its key. Raises ValueError for what can never work."""

    def __init__(self, power: settings.Power) -> None:
        self._power = power
        self._url = _checked(power.site_url)
        self._key = ""
        self._read_key()
        self._verify = _verification(power.site_certificate)
        self._client: Any = None

    @property
    def place(self) -> str:
        """The address, for people."""
        return self._url

    async def ask(self, ask: Ask) -> Grant:
        """The site's answer. Raises SiteSilent."""
        import httpx2

        try:
            async with asyncio.timeout(PATIENCE_S):
                await self._check_reach()
                return await self._post(ask)
        except TimeoutError:
            raise SiteSilent("it does not answer") from None
        except (httpx2.HTTPError, httpx2.InvalidURL, OSError, ValueError) as error:
            raise SiteSilent(_cause(error)) from None

    async def aclose(self) -> None:
        """Hang up."""
        if self._client is not None:
            await self._client.aclose()
            self._client = None

    async def _post(self, ask: Ask) -> Grant:
        headers = {"authorization": f"Bearer {self._key}", "content-type": "application/json"}
        body = msgspec.json.encode(ask)
        async with self._opened().stream("POST", self._url + ROUTE, content=body, headers=headers) as answer:
            told = await _whole(answer)
            if answer.status_code != 200:
                raise SiteSilent(self._refusal(answer.status_code, told))
        try:
            grant = msgspec.json.decode(told, type=Grant)
        except (msgspec.DecodeError, UnicodeDecodeError) as error:
            raise SiteSilent("what it answers is no lease") from error
        if grant.name != ask.need.name or grant.asked_s != ask.at_s:
            raise SiteSilent("it answers what was not asked")
        return grant

    def _opened(self) -> Any:
        import httpx2

        if self._client is None:
            self._client = httpx2.AsyncClient(
                trust_env=False, follow_redirects=False, verify=self._verify, timeout=PATIENCE_S,
                headers={"user-agent": "omniwatt"},
            )  # fmt: skip
        return self._client

    def _refusal(self, status: int, told: bytes) -> str:
        if 300 <= status < 400:
            return f"it answers {status} and sends us elsewhere: the key is not taken there"
        if status == 401:
            # It may have been changed in its file.
            self._read_key()
        try:
            message = str(msgspec.json.decode(told)["error"]["message"])
        except (msgspec.DecodeError, UnicodeDecodeError, LookupError, TypeError, RecursionError):
            message = ""
        plain = "".join(letter if letter.isprintable() else " " for letter in message)[:300]
        return f"it answers {status}{': ' if plain else ''}{plain.replace(self._key, '[key]')}"

    def _read_key(self) -> None:
        """Raises ValueError where there was none before, and none can be read."""
        try:
            self._key = _key(self._power)
        except ValueError:
            if not self._key:
                raise

    async def _check_reach(self) -> None:
        """Raises SiteSilent where the key would travel in the clear to who knows where."""
        parts = urlsplit(self._url)
        if parts.scheme == "https" or self._power.site_insecure:
            return
        try:
            found = await asyncio.get_running_loop().getaddrinfo(parts.hostname, parts.port or 80)
        except OSError as error:
            raise SiteSilent(f"{parts.hostname} is not known here: {error.strerror}") from error
        if not all(ip_address(str(address[0]).partition("%")[0]).is_private for *_, address in found):
            raise SiteSilent(
                "its address is not of a private network, and plain http would show the key: "
                "use https, or say power.site_insecure = true"
            )


async def _whole(answer: Any) -> bytes:
    told = b""
    async for piece in answer.aiter_bytes():
        told += piece
        if len(told) > MOST_BYTES:
            raise SiteSilent("what it answers is no lease")
    return told


def _cause(error: Exception) -> str:
    """What failed, in the system's words where it has any."""
    cause: BaseException | None = error
    while cause is not None:
        if isinstance(cause, ssl.SSLCertVerificationError):
            return f"its certificate is not to be trusted: {cause.verify_message}; power.site_certificate may name one"
        if isinstance(cause, OSError) and cause.errno and not isinstance(cause, socket.gaierror):
            return os.strerror(cause.errno).lower()
        cause = cause.__cause__ or cause.__context__
    return str(error) or type(error).__name__


def _checked(url: str) -> str:
    """The address without what is not part of it. Raises ValueError."""
    try:
        parts = urlsplit(url.strip())
        good = parts.scheme in {"http", "https"} and parts.hostname and parts.port != 0
    except ValueError:
        good = False
    if not good:
        raise ValueError(f"site_url {url!r} must begin with http:// or https:// and name a host")
    if parts.username or parts.password or parts.query or parts.fragment:
        raise ValueError("site_url may not carry a key, a query or a fragment: use site_key_file")
    return f"{parts.scheme}://{parts.netloc}{parts.path.rstrip('/').removesuffix('/v1')}"


def _key(power: settings.Power) -> str:
    if power.site_key_env:
        found = settings.secret(power.site_key_env) or ""
        where = f"the environment variable {power.site_key_env}"
    elif power.site_key_file:
        where = f"the file {power.site_key_file}"
        try:
            found = Path(power.site_key_file).expanduser().read_text(encoding="utf-8")
        except (OSError, UnicodeDecodeError) as error:
            raise ValueError(f"site_key_file: {where} cannot be read") from error
    else:
        raise ValueError("site_url needs an admin key of the site: name site_key_file or site_key_env")
    key = found.strip()
    if not key or any(not "!" <= letter <= "~" for letter in key):
        raise ValueError(f"{where} holds no key")
    return key


def _verification(certificate: str) -> ssl.SSLContext:
    context = ssl.create_default_context()
    if certificate:
        try:
            context.load_verify_locations(Path(certificate).expanduser())
        except (OSError, ssl.SSLError) as error:
            raise ValueError(f"site_certificate {certificate} cannot be read") from error
    return context
