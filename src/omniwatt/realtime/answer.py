"""One response: asked for, guessed ahead or not; written out as its engines work; stopped when somebody speaks up."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

from omniwatt.contract.error import EngineFailed, OmniwattError
from omniwatt.contract.event import ChoiceEnd, Data, Finished, Started, TextDelta, ToolCallDelta, Usage
from omniwatt.contract.request import ChatBody, Message, Request, Sampling, Tool, Voice
from omniwatt.realtime import wire
from omniwatt.realtime.live import Call, Mouth
from omniwatt.realtime.served import Served
from omniwatt.realtime.values import FormatName, Json, ResponseSettings, SessionSettings
from omniwatt.realtime.writing import Add, Emit, Writing, response

Why = Literal["turn_detected", "client_cancelled"]


@dataclass(frozen=True, slots=True)
class Wanted:
    """The settings one response is made with: its own, laid over the session's."""

    model: str
    instructions: str
    modality: Literal["audio", "text"]
    sound_format: FormatName
    voice: str
    speed: float
    tools: tuple[Tool, ...]
    tool_choice: str
    parallel_tool_calls: bool
    limit: int | None
    metadata: dict[str, str] | None
    out_of_band: bool

    def warming(self, request_id: str, messages: tuple[Message, ...]) -> Request:
        """The least that makes the model read `messages`: what comes next begins with them."""
        body = ChatBody(messages=messages, sampling=Sampling(max_tokens=1), tools=self.tools)
        return Request(request_id, "chat", self.model, body, tier="flex", live=True)

    def request(self, request_id: str, messages: tuple[Message, ...], tier: str = "default") -> Request:
        """What the pipeline is asked for."""
        spoken = self.modality == "audio"
        body = ChatBody(
            messages=messages,
            sampling=Sampling(max_tokens=self.limit),
            tools=self.tools,
            tool_choice=self.tool_choice if self.tools else "auto",
            parallel_tool_calls=self.parallel_tool_calls,
            voice=Voice(self.voice, self.speed, eager=True) if spoken else None,
        )
        return Request(request_id, "chat", self.model, body, tier=tier, live=True)


def wanted(session: SessionSettings, own: ResponseSettings) -> Wanted:
    """Pure."""
    return Wanted(
        model=session.model,
        instructions=session.instructions if own.instructions is None else own.instructions,
        modality=own.output_modality or session.output_modality,
        sound_format=own.output_format or session.output_format,
        voice=own.voice or session.voice,
        speed=session.speed,
        tools=session.tools if own.tools is None else own.tools,
        tool_choice=own.tool_choice or session.tool_choice,
        parallel_tool_calls=session.parallel_tool_calls if own.parallel_tool_calls is None else own.parallel_tool_calls,
        limit=own.max_output_tokens or session.max_output_tokens,
        metadata=own.metadata,
        out_of_band=own.out_of_band,
    )


class Answer:
    """Runs in a task of its own. `stop` says the end at once; what has to be let go of is let go of behind it."""

    def __init__(
        self,
        want: Wanted,
        emit: Emit,
        add: Add | None,
        call: Call,
        *,
        session_id: str,
        conversation_id: str | None,
        describe: Callable[[OmniwattError], Json],
        clock: Callable[[], float],
    ) -> None:
        self.id = wire.new_id("resp")
        self.want = want
        self._emit = emit
        self._describe = describe
        self._clock = clock
        self._conversation_id = conversation_id
        self._mouth = Mouth(call, session_id, want.sound_format)
        self.writing = Writing(
            self.id, emit, add, spoken=want.modality == "audio", sound_format=want.sound_format, keep_sound=bool(add)
        )
        self._served: Served | None = None
        self.over = self.stopped = False
        emit("response.created", response=self._shown("in_progress"))

    async def run(self, served: Served) -> None:
        """Write everything out; `served` is closed whatever happens."""
        self._served = served
        try:
            if not await self._events(served):
                self.fail(EngineFailed("The answer broke off."))
            elif not self.over:
                self._finish()
        except OmniwattError as error:
            self.fail(error)
        finally:
            await self._mouth.close()
            await served.close()

    async def _events(self, served: Served) -> bool:
        """Write out what comes; True when that was all."""
        writing = self.writing
        async for event in served:
            if self.over:
                break
            match event:
                case TextDelta():
                    writing.text(event)
                case Data():
                    self._sound(await self._mouth.say(event.data, event.rate_hz), event.text)
                case ToolCallDelta():
                    writing.call(event)
                case ChoiceEnd():
                    writing.choice_end(event)
                case Started() if event.rate_limits:
                    self._emit("rate_limits.updated", rate_limits=wire.rate_limits(event.rate_limits))
                case Finished():
                    if writing.first_sound_s is not None:
                        writing.sound(await self._mouth.rest(), "", self._clock())
                    return True
        return False

    def _sound(self, data: bytes, clause: str) -> None:
        """It may have been stopped while the sound was on its way: nothing follows `response.done`."""
        if not self.over:
            self.writing.sound(data, clause, self._clock())

    def stop(self, why: Why) -> None:
        """It is not wanted any more."""
        if not self.over:
            self.stopped = True
            self._end("cancelled", {"type": "cancelled", "reason": why})

    def fail(self, error: OmniwattError) -> None:
        """It could not be made, or not to its end."""
        if not self.over:
            said = self._describe(error)
            fault = {"type": said["type"], "code": said["code"], "message": said["message"]}
            self._end("failed", {"type": "failed", "error": fault})

    def _finish(self) -> None:
        if self.writing.cut_short:
            self._end("incomplete", {"type": "incomplete", "reason": "max_output_tokens"})
        else:
            self._end("completed", None)

    def _end(self, status: str, details: Json | None) -> None:
        self.over = True
        self.writing.end(complete=status == "completed")
        spent = self._served.spent if self._served is not None else Usage()
        self._emit("response.done", response=self._shown(status, details, spent))

    def _shown(self, status: str, details: Json | None = None, usage: Usage | None = None) -> Json:
        want = self.want
        return response(
            self.id,
            status,
            output=self.writing.output(),
            conversation_id=self._conversation_id,
            modality=want.modality,
            voice=want.voice,
            sound_format=want.sound_format,
            limit=want.limit,
            metadata=want.metadata,
            details=details,
            usage=usage,
        )
