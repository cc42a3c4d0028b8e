"""How client commands reach a server: OMNIWATT_URL, else the local one by its socket and demo key."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
import httpx2
import msgspec

from omniwatt import settings as settings_module
from omniwatt.cli import home
from omniwatt.cli.common import notes, short
from omniwatt.settings import Settings

if TYPE_CHECKING:
    from openai import OpenAI

STOPPED = 130
"""The exit code of a program that Ctrl-C stopped (POSIX: 128 + SIGINT)."""
NO_SERVER = "no server runs on {home}. Start one in another terminal: omniwatt serve"


class Target(msgspec.Struct, frozen=True):
    """Where to call (`url` without /v1) and with which key."""

    url: str
    key: str
    socket: str = ""
    """The local socket to go by, where the address has a certificate this machine may not know."""


def target(settings: Settings) -> Target:
    """The server the client commands talk to. Raises click.ClickException when there is none."""
    url = settings_module.client_url()
    if url:
        return Target(url=url.rstrip("/").removesuffix("/v1"), key=settings_module.client_key() or "")
    found = home.running(settings.home)
    if found is None:
        raise click.ClickException(NO_SERVER.format(home=short(settings.home)))
    key = settings_module.client_key() or demo_key(settings.home)
    socket = str(settings.home / "run" / "admin.sock") if found.url.startswith("https:") else ""
    return Target(url=found.url, key=key, socket=socket)


def demo_key(state: Path) -> str:
    """The key of the local demo user. Raises click.ClickException when it cannot be read."""
    path = state / "run" / "demo.key"
    try:
        return path.read_text(encoding="utf-8").strip()
    except OSError as error:
        raise click.ClickException(f"cannot read {short(path)}: {error.strerror}; set OMNIWATT_API_KEY") from error


def openai_client(where: Target, timeout_s: float = 600.0) -> "OpenAI":
    """The official client, pointed at the server."""
    from openai import DefaultHttpx2Client, OpenAI

    if where.socket:
        by_socket = DefaultHttpx2Client(transport=httpx2.HTTPTransport(uds=where.socket), timeout=timeout_s)
        return OpenAI(base_url="http://localhost/v1", api_key=where.key, http_client=by_socket)
    return OpenAI(base_url=where.url + "/v1", api_key=where.key, timeout=timeout_s, max_retries=2)


@contextmanager
def asking(client: "OpenAI", thing: str = "answer", taker: str = "") -> Iterator[None]:
    """What goes wrong while the server is asked, as sentences; `thing` is what comes, `taker` the program that gets it.

    Raises click.ClickException; Ctrl-C ends the program, and with it the request.
    """
    from openai import APIConnectionError, APIError

    try:
        yield
    except APIConnectionError as error:
        raise click.ClickException(f"the server at {client.base_url} does not answer: {error}") from error
    except APIError as error:
        raise click.ClickException(_sentence(error)) from error
    except httpx2.HTTPError as error:
        raise click.ClickException(f"the {thing} broke off on its way: {error}") from error
    except BrokenPipeError as error:
        raise click.ClickException(f"the program that takes the {taker or thing} has ended") from error
    except KeyboardInterrupt:
        notes.print(f"\nstopped; of the {thing} nothing more is made, and nothing is left half written")
        raise SystemExit(STOPPED) from None


def _sentence(error: Any) -> str:
    """What the server said is wrong, without the client's wrapping."""
    body = error.body if isinstance(error.body, dict) else {}
    said = body.get("error", body)
    message = said.get("message") if isinstance(said, dict) else None
    return str(message or error.message)


def admin(settings: Settings, method: str, path: str, body: dict[str, Any] | None = None) -> Any:
    """Call an admin route: with the admin key at OMNIWATT_URL, else over the local socket.

    Raises click.ClickException when nothing answers or the answer is an error.
    """
    url = settings_module.client_url()
    if url:
        return _called(httpx2.HTTPTransport(), url.rstrip("/").removesuffix("/v1"), url, method, path, body)
    if home.running(settings.home):
        return local_admin(settings, method, path, body)
    raise click.ClickException(NO_SERVER.format(home=short(settings.home)))


def local_admin(settings: Settings, method: str, path: str, body: dict[str, Any] | None = None) -> Any:
    """The same over the socket of the server on this state folder, wherever OMNIWATT_URL points."""
    socket = settings.home / "run" / "admin.sock"
    return _called(httpx2.HTTPTransport(uds=str(socket)), "http://localhost", short(socket), method, path, body)


def _called(
    transport: httpx2.HTTPTransport, base: str, place: str, method: str, path: str, body: dict[str, Any] | None
) -> Any:
    key = settings_module.client_key()
    headers = {"authorization": f"Bearer {key}"} if key else {}
    try:
        with httpx2.Client(transport=transport, base_url=base, headers=headers, timeout=30.0) as client:
            answer = client.request(method, path, json=body)
    except httpx2.HTTPError as error:
        raise click.ClickException(f"the server at {place} does not answer: {error}") from error
    return _checked(answer)


def _checked(answer: httpx2.Response) -> Any:
    if answer.is_success:
        return answer.json() if answer.content else None
    try:
        message = answer.json()["error"]["message"]
    except (ValueError, KeyError, TypeError):
        message = answer.text[:300]
    raise click.ClickException(f"the server answered {answer.status_code}: {message}")
