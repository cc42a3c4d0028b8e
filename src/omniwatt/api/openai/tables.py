"""Every route that reads a JSON body, with its table: what the documents are made from."""

from omniwatt.api.fields import Table
from omniwatt.api.openai import chat, completions, embeddings

TABLES: dict[str, Table] = {
    "/v1/chat/completions": chat.FIELDS,
    "/v1/completions": completions.FIELDS,
    "/v1/embeddings": embeddings.FIELDS,
}
