"""Pictures that a provider answers with an address: fetched with limits, from where it may be fetched from.

An address leads anywhere, also into the operator's own network. So only two kinds are followed: those on the
provider's own origin, and `https` at hosts whose every address is a public one (IANA's registries of special
addresses), which is then the address connected to, whatever the name stands for a moment later.
"""

import asyncio
import base64
import binascii
import ipaddress
import socket
from typing import Any

import httpx2

from omniwatt.contract.error import UpstreamFailed
from omniwatt.engines.upstream.channels import Channel
from omniwatt.engines.upstream.patience import Patience

PICTURE_BYTES = 64 * 1024 * 1024
PORTS = {"http": 80, "https": 443}
DATA = "data:image/"


class Door:
    """The way to pictures by their addresses. `resolve` gives the addresses of a host and port."""

    def __init__(self, client: httpx2.AsyncClient, resolve: Any = None) -> None:
        self._client = client
        self._resolve = resolve or _resolved

    async def fetch(self, address: str, channel: Channel, patience: Patience) -> bytes:
        """The bytes behind `address`. Raises UpstreamFailed for what may not be followed, fails or is too large."""
        if address.startswith(DATA):
            return _inline(address)
        url = _url(address)
        own = _origin(url) == _origin(httpx2.URL(channel.base))
        if not own and url.scheme != "https":
            raise UpstreamFailed("The provider's picture lies at an address that is not followed.")
        extensions: dict[str, Any] = {}
        headers = {"host": url.netloc.decode("ascii")}
        if own:
            headers |= {"authorization": f"Bearer {channel.api_key}"} if channel.api_key else {}
        else:
            extensions["sni_hostname"] = url.host
            url = url.copy_with(host=await self._public(url))
        timeout = httpx2.Timeout(channel.timeout_s, connect=channel.connect_timeout_s)
        request = self._client.build_request("GET", url, headers=headers, timeout=timeout, extensions=extensions)
        try:
            return await patience.wait(self._read(request), channel.timeout_s, "hand over its picture")
        except httpx2.HTTPError:
            raise UpstreamFailed("The provider's picture could not be fetched.") from None

    async def _read(self, request: httpx2.Request) -> bytes:
        response = await self._client.send(request, stream=True, follow_redirects=False)
        try:
            if response.status_code != 200:
                raise UpstreamFailed(f"The provider's picture could not be fetched (HTTP {response.status_code}).")
            pieces, size_bytes = list[bytes](), 0
            async for piece in response.aiter_bytes():
                pieces.append(piece)
                size_bytes += len(piece)
                if size_bytes > PICTURE_BYTES:
                    raise UpstreamFailed("The provider's picture is too large to take.")
            return b"".join(pieces)
        finally:
            await response.aclose()

    async def _public(self, url: httpx2.URL) -> str:
        """One of the host's addresses, if all of them are public."""
        try:
            found = await self._resolve(url.host, url.port or PORTS[url.scheme])
        except OSError:
            raise UpstreamFailed("The provider's picture lies at an address that nobody knows.") from None
        if not found or not all(ipaddress.ip_address(one.partition("%")[0]).is_global for one in found):
            raise UpstreamFailed("The provider's picture lies at an address that is not followed.")
        return str(found[0])


async def _resolved(host: str, port: int) -> list[str]:
    found = await asyncio.get_running_loop().getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return [str(entry[4][0]) for entry in found]


def _url(address: str) -> httpx2.URL:
    try:
        url = httpx2.URL(address)
    except (httpx2.InvalidURL, ValueError, TypeError):
        raise UpstreamFailed("The provider's picture lies at no address.") from None
    if url.scheme not in PORTS or not url.host or url.userinfo:
        raise UpstreamFailed("The provider's picture lies at an address that is not followed.")
    return url


def _origin(url: httpx2.URL) -> tuple[str, str, int]:
    return url.scheme, url.host, url.port or PORTS.get(url.scheme, 0)


def _inline(address: str) -> bytes:
    head, _, data = address.partition(",")
    if not head.endswith(";base64"):
        raise UpstreamFailed("The provider's picture is damaged.")
    try:
        return base64.b64decode(data, validate=True)
    except (binascii.Error, ValueError):
        raise UpstreamFailed("The provider's picture is damaged.") from None
