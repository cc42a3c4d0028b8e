"""Token counts that need no model: what a request will roughly hold, before the engine counts exactly. Pure.

Exact counts come from the engine that answers (capability `count`, and every `Usage`); these are for reservations.
"""

import math
from collections.abc import Iterable, Mapping
from typing import Any

from omniwatt.contract.request import (
    Body,
    ChatBody,
    CompleteBody,
    CountBody,
    DrawBody,
    EmbedBody,
    HearBody,
    MediaPart,
    Message,
    TextPart,
    Tool,
)

TEMPLATE_TOKENS = 4
"""What a chat template adds around one message."""
PIXELS_PER_TOKEN = 256
"""A 512x512 picture is 1,024 tokens: one for each 16x16 patch (ViT, Dosovitskiy et al. 2020, arXiv 2010.11929)."""
AUDIO_TOKENS_PER_S = 25
"""A minute of speech is 1,500 tokens: one for each 40 ms."""
SAID_TOKENS_PER_S = 5
"""Text tokens in a second of fast speech: three to four words."""
AUDIO_TOKENS_PER_TEXT_TOKEN = 7
"""A text token takes 0.27 s to say: four characters of some fifteen a second, or 1.25 Chinese ones of 4.6."""
PAGE_TOKENS = 800
"""A page of a document, text layer and layout."""
PATCH_PX = {"low": 64, "medium": 32, "high": 16}
"""Quality -> the side of the patch that is one token of a drawn picture. A patch a token, and one more for each row of
them, gives all nine figures OpenAI publishes for gpt-image-1: 272, 1056 and 4160 at 1024x1024, 408, 1584 and 6240 at
1024x1536, 400, 1568 and 6208 at 1536x1024. Other sizes are counted by the same rule."""
PARTIAL_TOKENS = 100
"""A partial picture, as OpenAI counts it."""
USUAL_PX = (1024, 1024)
"""What is reserved for a picture whose size is left to the painter."""
UNSAID_ANSWER_TOKENS = 512
"""What is reserved for an answer whose limit the caller left open; the end settles what was really used."""


def estimate_text(text: str) -> int:
    """About four Latin characters or one and a quarter others to a token, as byte-pair vocabularies do."""
    narrow = len(text.encode("ascii", "ignore"))
    return math.ceil(narrow / 4 + (len(text) - narrow) * 0.8)


def estimate_media(facts: Mapping[str, Any]) -> int:
    """Tokens of one picture, sound or document from what a probe found: width and height, seconds, pages."""
    pixels = float(facts.get("width", 0)) * float(facts.get("height", 0))
    seconds = float(facts.get("seconds", 0.0))
    pages = float(facts.get("pages", 0))
    return math.ceil(pixels / PIXELS_PER_TOKEN + seconds * AUDIO_TOKENS_PER_S + pages * PAGE_TOKENS)


def picture_tokens(width_px: int, height_px: int, quality: str) -> int:
    """Tokens of a drawn picture; a quality that is left open counts as medium."""
    patch = PATCH_PX.get(quality, PATCH_PX["medium"])
    return math.ceil(height_px / patch) * (math.ceil(width_px / patch) + 1)


def given_tokens(facts: Mapping[str, Any]) -> int:
    """Tokens of a picture brought to be changed, as OpenAI counts for gpt-image-1: 65, and 129 for each tile of 512
    pixels once its shorter side has that many."""
    width, height = float(facts.get("width", 0)), float(facts.get("height", 0))
    if not width or not height:
        return 0
    tiles = math.ceil(max(width, height) / min(width, height) - 1e-9)
    return 65 + 129 * tiles


def estimate(body: Body, facts: Iterable[Mapping[str, Any]] = ()) -> int:
    """Prompt tokens of a request; `facts` are the probes of its media parts, in any order."""
    if isinstance(body, DrawBody):
        return estimate_text(body.prompt) + sum(map(given_tokens, facts))
    media = sum(estimate_media(fact) for fact in facts)
    match body:
        case ChatBody():
            return media + _messages(body.messages) + _tools(body.tools)
        case CountBody():
            return media + _messages(body.messages) + _tools(body.tools)
        case CompleteBody():
            return sum(map(_prompt, body.prompts)) + estimate_text(body.suffix)
        case EmbedBody():
            return sum(map(_prompt, body.inputs))
        case HearBody():
            return media + estimate_text(body.prompt) + sum(map(estimate_text, body.keywords))
        case _:
            return media + estimate_text(getattr(body, "text", ""))


def media_parts(body: Body) -> list[MediaPart]:
    """Every picture, sound and document a request carries."""
    if isinstance(body, HearBody):
        return [body.part] if body.part else []
    if isinstance(body, DrawBody):
        return [*body.images, body.mask] if body.mask else list(body.images)
    if not isinstance(body, ChatBody | CountBody):
        return []
    return [part for message in body.messages for part in message.content if isinstance(part, MediaPart)]


def _messages(messages: Iterable[Message]) -> int:
    return sum(
        TEMPLATE_TOKENS
        + sum(estimate_text(part.text) for part in message.content if isinstance(part, TextPart))
        + sum(estimate_text(call.name + call.arguments) for call in message.tool_calls)
        for message in messages
    )


def _tools(tools: Iterable[Tool]) -> int:
    return sum(estimate_text(tool.name + tool.description + str(tool.parameters)) for tool in tools)


def _prompt(prompt: str | tuple[int, ...]) -> int:
    return estimate_text(prompt) if isinstance(prompt, str) else len(prompt)
