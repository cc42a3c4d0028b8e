"""The image_generation tool of chats and responses: what may be said with it, as a DrawBody without its prompt."""

from typing import Any

import msgspec

from omniwatt.api.fields import Field, Nested, Read, Table, anything, one_of, text, wrong_type
from omniwatt.api.openai import images_fields as fields
from omniwatt.contract.error import BadInput
from omniwatt.contract.request import DrawBody
from omniwatt.flows.illustrate import DRAW_PICTURE

KIND = "image_generation"
TYPE = Field("type", "honoured", one_of(KIND), required=True)
TOOL = Table(
    "The image_generation tool",
    (
        TYPE,
        Field("model", "recorded", text(256, 1), "The model that draws here draws."),
        Field("action", "honoured", one_of("auto", "generate", "edit"), "edit changes the newest picture sent along."),
        fields.SIZE_FIELD,
        *fields.LOOK,
        fields.SEED,
        fields.PARTIAL,
        fields.MODERATION,
        fields.FIDELITY,
        *fields.STILL,
        Field("input_image_mask", "refused", anything({}, ""), "Masks are taken by /v1/images/edits."),
    ),
)
ANY = "-"


def split(values: dict[str, Any], nested: Nested) -> DrawBody | None:
    """Take the image tool out of `tools`, and its choice out of `tool_choice`; what is asked of it. Raises BadInput."""
    tools = values.get("tools")
    if not isinstance(tools, list):
        return None
    places = [index for index, tool in enumerate(tools) if isinstance(tool, dict) and tool.get("type") == KIND]
    if not places:
        return None
    if len(places) > 1:
        raise BadInput("Only one image_generation tool can be given.", param="tools")
    picture = read(tools[places[0]], f"tools[{places[0]}]", nested)
    values["tools"] = [tool for tool in tools if not (isinstance(tool, dict) and tool.get("type") == KIND)]
    return picture


def read(tool: Any, param: str, nested: Nested) -> DrawBody:
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
    task = "generate" if found.values.get("action") == "generate" else "edit"
    return msgspec.structs.replace(wanted.body, prompt="", task=task)


def choice(value: Any, others: bool) -> str | None:
    """The choice as ChatBody has it where it concerns the image tool: forced by name, or among no other tools."""
    if isinstance(value, dict) and value.get("type") == KIND:
        return f"function:{DRAW_PICTURE}"
    if value in ("auto", "required", "none") and not others:
        return str(value)
    return None
