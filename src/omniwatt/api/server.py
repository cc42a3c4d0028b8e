"""create_app(parts): every route and every layer of the door, in visible lines."""

from itertools import chain

from starlette.routing import Router
from starlette.types import ASGIApp

from omniwatt.api import admin, openapi, site
from omniwatt.api.guards import Guards
from omniwatt.api.middleware import Authentication, ErrorBoundary, Exchanges
from omniwatt.api.openai import (
    chat,
    completions,
    embeddings,
    files,
    images,
    input_tokens,
    models,
    realtime,
    realtime_calls,
    responses,
    speech,
    transcriptions,
    voices,
)
from omniwatt.api.parts import Parts

ROUTES = list(
    chain(
        chat.routes,
        completions.routes,
        embeddings.routes,
        input_tokens.routes,
        responses.routes,
        models.routes,
        files.routes,
        transcriptions.routes,
        speech.routes,
        images.routes,
        voices.routes,
        realtime.routes,
        realtime_calls.routes,
        openapi.routes,
        admin.routes,
        site.routes,
    )
)


def create_app(parts: Parts) -> ASGIApp:
    """The ASGI app. A request passes from the last line here to the first."""
    app: ASGIApp = Router(ROUTES, redirect_slashes=False)
    app = Authentication(app, parts.keys, parts.settings.home / "run" / "admin.sock")
    app = Guards(app, parts.settings.server)
    app = ErrorBoundary(app)
    return Exchanges(app, parts, realtime.Sockets(parts))
