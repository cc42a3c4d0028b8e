"""The image_generation tool of chats and responses: what may be said with it, as a DrawBody without its prompt."""

from collections.abc import Sequence
from typing import Any, NamedTuple

import msgspec

from omniwatt.api.fields import Field, Nested, Read, Table, anything, one_of, text, wrong_type
from omniwatt.api.openai import images_fields as fields
from omniwatt.api.openai.files import resolve_files
from omniwatt.api.openai.messages import data_url
from omniwatt.api.parts import Parts
from omniwatt.contract.error import BadInput
from omniwatt.contract.job import Caller
from omniwatt.contract.request import ChatBody, DrawBody, MediaPart, Message
from omniwatt.flows.illustrate import DRAW_PICTURE, pictures_of, wishes_change

KIND = "image_generation"
PNG = b"\x89PNG\r\n\x1a\n"


def _mask(value: Any, param: str) -> MediaPart:
    """`{"image_url": data URL}` or `{"file_id": id}` -> the mask, which a file's owner is asked for later."""
    if not isinstance(value, dict) or set(value) - {"image_url", "file_id"} or len(value) != 1:
        raise BadInput(f"Invalid '{param}': it takes either 'image_url' or 'file_id'.", param=param)
    if "file_id" in value:
        return MediaPart(kind="image", blob=text(256, 1).check(value["file_id"], f"{param}.file_id"))
    data, media_type = data_url(text().check(value["image_url"], f"{param}.image_url"), f"{param}.image_url")
    return MediaPart(kind="image", data=data, media_type=media_type)


TYPE = Field("type", "honoured", one_of(KIND), required=True)
TOOL = Table(
    "The image_generation tool",
    (
        TYPE,
        Field("model", "recorded", text(256, 1), "The model that draws here draws."),
        Field(
            "action",
            "honoured",
            one_of("auto", "generate", "edit"),
            "edit changes the newest pictures of the conversation; auto does where the user's words say so.",
        ),
        fields.SIZE_FIELD,
        *fields.LOOK,
        fields.SEED,
        fields.PARTIAL,
        fields.MODERATION,
        fields.FIDELITY,
        *fields.STILL,
        Field(
            "input_image_mask",
            "honoured",
            anything({"type": "object"}, "an object", _mask),
            "A PNG as large as the first of the pictures that are changed; where it is transparent they may change.",
        ),
    ),
)
ANY = "-"


class Asked(NamedTuple):
    """What an image tool asks for: all but the prompt, and what it is to do with pictures that are there."""

    body: DrawBody
    action: str = "auto"
    param: str = "tools"


def split(values: dict[str, Any], nested: Nested) -> Asked | None:
    """Take the image tool out of `tools`, and its choice out of `tool_choice`; what is asked of it. Raises BadInput."""
    tools = values.get("tools")
    if not isinstance(tools, list):
        return None
    places = [index for index, tool in enumerate(tools) if isinstance(tool, dict) and tool.get("type") == KIND]
    if not places:
        return None
    if len(places) > 1:
        raise BadInput("Only one image_generation tool can be given.", param="tools")
    asked = read(tools[places[0]], f"tools[{places[0]}]", nested)
    values["tools"] = [tool for tool in tools if not (isinstance(tool, dict) and tool.get("type") == KIND)]
    return asked


def read(tool: Any, param: str, nested: Nested) -> Asked:
    """What one image tool asks for. Raises BadInput, with the place."""
    if not isinstance(tool, dict):
        raise wrong_type(param, "an object", tool)
    try:
        found = TOOL.read(tool, warn_unknown=nested.warn)
        nested.ignored.extend(f"{param}.{name}" for name in found.ignored)
        given = found.values | {"prompt": ANY, "stream": True}
        wanted = fields.parse(Read(given, {}, []))
        fields.check_inline(wanted.body, "size")
    except BadInput as error:
        error.param = f"{param}.{'size' if error.param == 'stream' else error.param}"
        raise
    mask = found.values.get("input_image_mask")
    body = msgspec.structs.replace(wanted.body, prompt="", mask=mask)
    return Asked(body, found.values.get("action", "auto"), param)


def settled(asked: Asked, messages: Sequence[Message]) -> DrawBody:
    """Whether a picture of the conversation is changed or one is made anew. Raises BadInput where there is none."""
    given = bool(pictures_of(messages))
    change = asked.action == "edit" or asked.body.mask is not None
    if asked.action == "generate" and asked.body.mask is not None:
        raise BadInput("A mask says where a picture may change; 'generate' makes a new one.",
                       param=f"{asked.param}.action")  # fmt: skip
    if change and not given:
        field = "action" if asked.action == "edit" else "input_image_mask"
        raise BadInput("There is no picture in this conversation to change.", param=f"{asked.param}.{field}")
    if asked.action == "auto" and given:
        change = change or wishes_change(messages)
    return msgspec.structs.replace(asked.body, task="edit" if change else "generate")


async def with_mask(parts: Parts, caller: Caller, body: ChatBody) -> ChatBody:
    """The chat with the mask's file at hand. Raises NotFound, and BadInput for what is no PNG."""
    if body.picture is None or body.picture.mask is None:
        return body
    (message,) = await resolve_files(parts, caller, (Message("user", (body.picture.mask,)),))
    mask = message.content[0]
    if not isinstance(mask, MediaPart) or (mask.data and not mask.data.startswith(PNG)):
        raise BadInput("The mask must be a PNG.", param="tools")
    if len(mask.data) > fields.MASK_BYTES:
        raise BadInput(f"The mask has more than {fields.MASK_BYTES} bytes.", param="tools")
    return msgspec.structs.replace(body, picture=msgspec.structs.replace(body.picture, mask=mask))


def choice(value: Any, others: bool) -> str | None:
    """The choice as ChatBody has it where it concerns the image tool: forced by name, or among no other tools."""
    if isinstance(value, dict) and value.get("type") == KIND:
        return f"function:{DRAW_PICTURE}"
    if value in ("auto", "required", "none") and not others:
        return str(value)
    return None
