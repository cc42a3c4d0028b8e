"""Echo's own token rule, and the numbers it makes out of text.

A token is one Chinese, Japanese or Korean character, or up to eight other non-space characters with the spaces before
them, or what spaces are left. The tokens of a text, joined, are the text.
"""

import hashlib
import math
import re
import struct

from omniwatt.contract.event import TokenLogprob
from omniwatt.contract.request import ChatBody, CountBody, MediaPart, Message, TextPart

_CJK = "\u3040-\u30ff\u3400-\u9fff\uac00-\ud7af\uf900-\ufaff"
_TOKEN = re.compile(rf"\s*[{_CJK}]|\s*[^\s{_CJK}]{{1,8}}|\s+")
MESSAGE_TOKENS = 4
"""What a message costs besides its content."""
MEDIA_TOKENS = 85


def split(text: str) -> list[str]:
    """The tokens of `text`."""
    return _TOKEN.findall(text)


def count_prompt(body: ChatBody | CountBody) -> int:
    """Tokens of messages and tools."""
    tools = sum(len(split(f"{tool.name} {tool.description} {tool.parameters}")) for tool in body.tools)
    return tools + sum(_count_message(message) for message in body.messages)


def _count_message(message: Message) -> int:
    texts = sum(len(split(part.text)) for part in message.content if isinstance(part, TextPart))
    media = sum(MEDIA_TOKENS for part in message.content if isinstance(part, MediaPart))
    calls = sum(len(split(f"{call.name} {call.arguments}")) for call in message.tool_calls)
    return MESSAGE_TOKENS + texts + media + calls


def logprob(token: str, place: int, alternatives: int) -> TokenLogprob:
    """A made-up but stable log-probability, with `alternatives` less likely tokens."""
    seed = hashlib.blake2b(f"{place}\0{token}".encode("utf-8", "replace"), digest_size=1).digest()[0]
    own = -0.001 - seed / 1000
    top = [TokenLogprob(token, own, token.encode("utf-8", "replace"))]
    top += [TokenLogprob(f"{token}~{rank}", own - rank, f"{token}~{rank}".encode()) for rank in range(1, alternatives)]
    return TokenLogprob(token, own, top[0].bytes_, tuple(top[:alternatives]))


def vector(text: str, dimensions: int) -> bytes:
    """A unit vector as little-endian float32; equal texts have equal vectors."""
    raw = hashlib.shake_256(text.encode("utf-8", "replace")).digest(dimensions * 2)
    values = [value / 32768 - 1 for value in struct.unpack(f"<{dimensions}H", raw)]
    norm = math.sqrt(math.fsum(value * value for value in values)) or 1.0
    return struct.pack(f"<{dimensions}f", *(value / norm for value in values))
