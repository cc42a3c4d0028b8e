"""Illustrate: a chat whose model may call for a picture, which is then drawn into its answer.

    chat                    is offered a tool, `draw_picture`, beside the caller's own
      └ place.exchange      the chat's slot for the painter's, ahead of newcomers, once it has called for it
          └ draw <-> see    the recipe of pictures

One request, one row: what chat and painter took is added up.
"""

import json
import re
from collections.abc import AsyncGenerator, AsyncIterator, Sequence
from contextlib import aclosing

import msgspec

from omniwatt.contract.error import EngineFailed
from omniwatt.contract.event import (
    EMPTY,
    ChoiceEnd,
    Chunk,
    Event,
    Finished,
    TextDelta,
    ToolCallDelta,
    Usage,
)
from omniwatt.contract.job import Caller, Job, Plan
from omniwatt.contract.protocol import Place
from omniwatt.contract.request import ChatBody, DrawBody, MediaPart, Message, Part, Request, TextPart, Tool
from omniwatt.flows.draw import drawn

DRAW_PICTURE = "draw_picture"
TOOL = Tool(
    name=DRAW_PICTURE,
    description=(
        "Draw a picture for the user. Call this whenever the user asks to draw, paint, generate or show an image, a "
        "picture, a poster, a logo or calligraphy, or to change one that was drawn."
    ),
    parameters={
        "type": "object",
        "properties": {
            "prompt": {
                "type": "string",
                "description": "What is to be seen, in the user's own language. Words to be written in the picture "
                "stand in quotes, exactly as the user wrote them.",
            }
        },
        "required": ["prompt"],
    },
)
SHOWN = "(a picture)"
"""Stands for a picture before a model that cannot see it."""
_PICTURES = re.compile(
    r"\b(draw|paint|sketch|illustrat|pictur|image|photo|poster|logo|icon|wallpaper|drawing|painting|calligraph|render"
    r"|zeichn|mal(e|en|st)?\b|bild|plakat|dessin|peins|peindre|affiche|dibuj|pinta|imagen|cartel|disegn|dipingi|immagin"
    r"|desenh|imagem|нарис|рису|картин|плакат)"
    r"|[画畫绘繪图圖]|海报|海報|书法|書法|照片|描い|描く|絵|イラスト|ポスター|写真|그려|그림|포스터|사진",
    re.IGNORECASE,
)
"""Words of a wish for a picture: a small model that is offered the tool calls it for anything else, too."""
_ANEW = re.compile(
    r"\b(draw|paint|sketch|generate|create|make|render|illustrate|show)\b(\s+(me|us))?\s+(an?|another|some|new|two|three)\b"
    r"|\b(another|new|different) (picture|image|drawing|painting|poster)\b"
    r"|[画畫][一另张張幅个個只隻]|(生成|绘制|繪製|创作|創作)|描いて|作って|그려|\b(zeichne|male?)\b.{0,12}\bein"
    r"|\bdessine(-moi)?\s+une?\b|\bdibuja(me)?\s+una?\b|нарисуй",
    re.IGNORECASE,
)
"""Words for a picture of its own."""
_CHANGE = re.compile(
    r"\b(it|its|this|that|there|them|add|remove|change|replace|turn|instead|also|same|more|less|without"
    r"|the (picture|image|photo|drawing|painting|background|title))\b"
    r"|[把将將]|改|换|換|加|去掉|变|變|これ|それ|この|その|追加|変え|にして|消|\b(es|das bild|dazu|statt)\b",
    re.IGNORECASE,
)
"""Words for what is there already."""
_QUOTED = re.compile('[\u201c\u300c\u300e"]([^\u201c\u201d\u300c\u300d\u300e\u300f"]{1,400})[\u201d\u300d\u300f"]')


async def run(
    plan: Plan, request: Request, caller: Caller, place: Place, inputs: AsyncIterator[Chunk]
) -> AsyncGenerator[Event]:
    """The chat's own events but for the call that draws; in its place the picture's, before the ChoiceEnd."""
    if not isinstance(request.body, ChatBody) or request.body.picture is None:
        raise EngineFailed("Only a conversation that may have pictures can be illustrated.")
    turn = _Turn(plan, request, caller, place, request.body, request.body.picture)
    async with aclosing(turn.write()) as events:
        async for event in events:
            yield event
    if turn.asked is not None:
        await place.exchange(plan.later)
        async with aclosing(turn.draw(turn.asked)) as events:
            async for event in events:
                yield event
    for end in turn.ends():
        yield end


class _Turn:
    """One answer: what the model has said, and what it called for."""

    def __init__(
        self, plan: Plan, request: Request, caller: Caller, place: Place, body: ChatBody, picture: DrawBody
    ) -> None:
        self._plan = plan
        self._request = request
        self._caller = caller
        self._place = place
        self._body = body
        self._picture = picture
        self._arguments: dict[int, list[str]] = {}
        self._other_calls = False
        self._end: ChoiceEnd | None = None
        self._written: Finished | None = None
        self._drawn = Usage()
        self.asked: str | None = None
        """The model's own words for the picture it called for; None when it called for none."""

    async def write(self) -> AsyncGenerator[Event]:
        """The chat's events, without its end and the calls of our tool."""
        plan = self._plan
        messages = blind(self._body.messages) if plan.blind else self._body.messages
        body = msgspec.structs.replace(self._body, messages=messages, picture=None)
        if self._body.tool_choice != "auto" or plan.upstream_model or wishes_picture(self._body.messages):
            body = msgspec.structs.replace(body, tools=(*body.tools, TOOL), parallel_tool_calls=False)
        job = Job(
            id=self._request.id,
            capability="chat",
            model=plan.upstream_model or plan.model,
            body=body,
            cache_scope=self._caller.project,
            deadline_s=plan.deadline_s,
            recorded=self._request.recorded,
        )
        async with aclosing(self._place.call(plan.model, job, EMPTY)) as events:
            async for event in events:
                if isinstance(event, ToolCallDelta) and self._ours(event):
                    # What the model wrote is billed, though nobody sees it.
                    yield TextDelta("", tokens=event.tokens)
                elif isinstance(event, ChoiceEnd):
                    self._end = event
                elif isinstance(event, Finished):
                    self._written = event
                else:
                    yield event
        if self._arguments:
            self.asked = asked_for(["".join(pieces) for pieces in self._arguments.values()])

    def _ours(self, event: ToolCallDelta) -> bool:
        if event.name == DRAW_PICTURE:
            self._arguments.setdefault(event.call, [])
        if event.call not in self._arguments:
            self._other_calls = True
            return False
        self._arguments[event.call].append(event.arguments)
        return True

    async def draw(self, asked: str) -> AsyncGenerator[Event]:
        """The picture's events, without its end."""
        group = self._plan.helpers["draw"]
        change = self._picture.task == "edit"
        trusted = bool(self._plan.upstream_model)
        prompt = picture_prompt(self._body.messages, asked, trusted=trusted, change=change)
        given = pictures_of(self._body.messages) if change else ()
        body = msgspec.structs.replace(self._picture, prompt=prompt, images=given)
        async with aclosing(drawn(self._plan, self._request, self._caller, self._place, group, body)) as events:
            async for event in events:
                if isinstance(event, Finished):
                    self._drawn = event.usage
                elif not isinstance(event, ChoiceEnd):
                    yield event

    def ends(self) -> list[Event]:
        """The one choice's end and the request's. Raises EngineFailed when the chat had none."""
        if self._written is None:
            raise EngineFailed(f"{self._plan.model} stopped without an end.")
        reason = self._end.reason if self._end else "stop"
        if reason == "tool_calls" and not self._other_calls:
            reason = "stop"
        chat, made = self._written.usage, self._drawn
        usage = msgspec.structs.replace(
            chat,
            prompt_tokens=chat.prompt_tokens + made.prompt_tokens,
            image_tokens=chat.image_tokens + made.image_tokens,
            completion_tokens=chat.completion_tokens + made.completion_tokens,
            image_output_tokens=made.image_output_tokens,
        )
        return [ChoiceEnd(reason), msgspec.structs.replace(self._written, usage=usage)]


def wishes_picture(messages: Sequence[Message]) -> bool:
    """Whether the user's last words, or those of the turn before, may be a wish for a picture or for another one."""
    said = [message.text for message in messages if message.role == "user"]
    return any(_PICTURES.search(text) for text in said[-2:]) or bool(pictures_of(messages))


def asked_for(calls: Sequence[str]) -> str:
    """The prompt in the arguments of the first call; what is no JSON object is taken as it stands."""
    try:
        found = json.loads(calls[0])
    except ValueError:
        return calls[0]
    return str(found.get("prompt") or "") if isinstance(found, dict) else str(found)


def picture_prompt(messages: Sequence[Message], asked: str, *, trusted: bool = False, change: bool = False) -> str:
    """What is drawn: the user's own words where they are all there is, else the model's with what it left out.
    Of a picture that is changed the user's last words say what to `change`.

    A small local model loses half of a prompt when it says it again; the painter reads any of its languages by itself.
    A `trusted` model (a relayed one) is taken at its word. Quoted text is never lost.
    """
    said = [message.text.strip() for message in messages if message.role == "user" and message.text.strip()]
    last = said[-1] if said else ""
    whole = len(said) == 1 or change or (_ANEW.search(last) and not _CHANGE.search(last))
    if not asked.strip() or (whole and not trusted):
        return last or asked
    lost = [text for text in _QUOTED.findall(last) if text not in asked]
    return " ".join([asked.strip(), *(f"\u201c{text}\u201d" for text in lost)])


def wishes_change(messages: Sequence[Message]) -> bool:
    """Whether the user's last words are for the picture that is there: sent with them, or not said to be a new one."""
    last = next((message for message in reversed(messages) if message.role == "user"), None)
    if last is None:
        return False
    sent = any(isinstance(part, MediaPart) and part.kind == "image" for part in last.content)
    return sent or not _ANEW.search(last.text) or bool(_CHANGE.search(last.text))


def pictures_of(messages: Sequence[Message]) -> tuple[MediaPart, ...]:
    """The pictures of the newest message that has any."""
    for message in reversed(messages):
        found = tuple(part for part in message.content if isinstance(part, MediaPart) and part.kind == "image")
        if found:
            return found
    return ()


def blind(messages: Sequence[Message]) -> tuple[Message, ...]:
    """The messages for a model that takes no pictures: each is only named."""
    return tuple(msgspec.structs.replace(message, content=tuple(map(_named, message.content))) for message in messages)


def _named(part: Part) -> Part:
    return TextPart(SHOWN) if isinstance(part, MediaPart) and part.kind == "image" else part
