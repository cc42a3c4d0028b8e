"""Lists in pages: the query of a request and the body of its answer, as OpenAI's cursors expect them."""

from collections.abc import Mapping, Sequence
from typing import Any
from urllib.parse import parse_qsl

from omniwatt.api.exchange import Exchange
from omniwatt.contract.error import BadInput


def query(exchange: Exchange, known: Sequence[str]) -> dict[str, str]:
    """The query's fields; of one said twice, the last. Raises BadInput for one that is not `known` or not UTF-8.

    `name[]` and `name[0]` are the ways clients write lists, and are taken for `name`.
    """
    try:
        pairs = parse_qsl(exchange.scope["query_string"].decode("ascii"), keep_blank_values=True, errors="strict")
    except (UnicodeDecodeError, ValueError) as error:
        raise BadInput("The query of the address cannot be read.") from error
    found = {name.partition("[")[0]: value for name, value in pairs}
    for name in found:
        if name not in known:
            raise BadInput(f"Unrecognized request argument supplied: {name}", param=name, code="unknown_parameter")
    return found


def limit(fields: Mapping[str, str], default: int, most: int) -> int:
    """How many rows one page may have. Raises BadInput."""
    text = fields.get("limit", str(default))
    if not (text.isascii() and text.isdigit() and len(text) < 10 and 1 <= int(text) <= most):
        raise BadInput(f"'limit' must be a whole number from 1 to {most}.", param="limit")
    return int(text)


def newest_first(fields: Mapping[str, str]) -> bool:
    """The `order`; newest first unless said otherwise. Raises BadInput."""
    order = fields.get("order", "desc")
    if order not in ("asc", "desc"):
        raise BadInput("'order' must be 'asc' or 'desc'.", param="order")
    return order == "desc"


def page(rows: Sequence[dict[str, Any]], most: int) -> dict[str, Any]:
    """One page out of rows of which one more than `most` was asked for, to see whether there are more."""
    data = rows[:most]
    return {
        "object": "list",
        "data": data,
        "first_id": data[0]["id"] if data else None,
        "last_id": data[-1]["id"] if data else None,
        "has_more": len(rows) > most,
    }
