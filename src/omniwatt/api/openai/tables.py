"""Every route that reads a body through a table: what the documents are made from."""

from omniwatt.api import fields
from omniwatt.api.fields import Table
from omniwatt.api.openai import (
    chat,
    completions,
    embeddings,
    images_fields,
    realtime,
    responses_fields,
    speech,
    transcriptions,
)

TABLES: dict[str, Table] = {
    "/v1/chat/completions": chat.FIELDS,
    "/v1/completions": completions.FIELDS,
    "/v1/embeddings": embeddings.FIELDS,
    "/v1/realtime/client_secrets": realtime.SECRETS,
    "/v1/responses": responses_fields.CREATE,
    "/v1/responses/input_tokens": responses_fields.COUNT,
    "/v1/audio/transcriptions": transcriptions.TRANSCRIBE,
    "/v1/audio/translations": transcriptions.TRANSLATE,
    "/v1/audio/speech": speech.FIELDS,
    "/v1/images/generations": images_fields.GENERATE,
    "/v1/images/edits": images_fields.EDIT,
    "/v1/images/variations": images_fields.VARY,
    "/v1/images/estimate": images_fields.ESTIMATE,
}

FORMS = frozenset({"/v1/audio/transcriptions", "/v1/audio/translations", "/v1/images/edits", "/v1/images/variations"})
"""Those that read a multipart form instead."""


def render_markdown() -> str:
    """Every table as Markdown: the text of docs/FIELDS.md below its heading."""
    return fields.render_markdown(TABLES)
