"""What was heard, in each of the forms it can be asked for: JSON, plain text, subtitles, and events of a stream."""

from collections.abc import Iterable
from typing import Any

from omniwatt.api.openai import common
from omniwatt.api.openai.languages import name_of
from omniwatt.api.stream import encode_json, sse
from omniwatt.contract.event import Event, Finished, Progress, Segment, Started, TextDelta, TokenLogprob

PLAIN = b"text/plain; charset=utf-8"
MEDIA_TYPES = {
    "json": b"application/json",
    "verbose_json": b"application/json",
    "text": PLAIN,
    "srt": PLAIN,
    "vtt": b"text/vtt; charset=utf-8",
}
"""`response_format` -> the answer's content type."""


class Transcript:
    """All that one request brought. `by_duration`: say the usage in seconds, as older models do, instead of tokens."""

    def __init__(self, events: Iterable[Event], finished: Finished, *, by_duration: bool = False) -> None:
        found = list(events)
        self.text = "".join(event.text for event in found if isinstance(event, TextDelta)).strip()
        self.segments = [event for event in found if isinstance(event, Segment)]
        self.logprobs = [one for event in found if isinstance(event, TextDelta) for one in event.logprobs]
        if not self.logprobs:
            self.logprobs = [one for segment in self.segments for one in segment.logprobs]
        self.language = str(finished.details.get("language", ""))
        self.seconds = round(float(finished.details.get("duration_s") or finished.usage.audio_s), 3)
        self._usage = finished.usage
        self._by_duration = by_duration

    @property
    def energy(self) -> dict[str, Any]:
        """What it took, as `usage.energy`; empty where nobody can say."""
        return self._usage.energy or {}

    def usage(self) -> dict[str, Any]:
        """Seconds, or tokens: 25 for each second of sound, and those of the prompt and of the text."""
        used = self._usage
        if self._by_duration:
            return {"type": "duration", "seconds": self.seconds} | common.extras(used)
        return {
            "type": "tokens",
            "input_tokens": used.prompt_tokens,
            "output_tokens": used.completion_tokens,
            "total_tokens": used.total_tokens,
            "input_token_details": {
                "audio_tokens": used.audio_tokens,
                "text_tokens": max(0, used.prompt_tokens - used.audio_tokens),
            },
        } | common.extras(used)

    def languages(self) -> dict[str, Any]:
        """The language that was heard, if one was."""
        return {"languages": [{"code": self.language}]} if self.language else {}


def as_json(transcript: Transcript, *, logprobs: bool = False) -> dict[str, Any]:
    """`response_format=json`."""
    found: dict[str, Any] = {"text": transcript.text} | transcript.languages()
    if logprobs:
        found["logprobs"] = [_logprob(one) for one in transcript.logprobs]
    return found | {"usage": transcript.usage()}


def as_verbose(transcript: Transcript, task: str, *, segments: bool, words: bool) -> dict[str, Any]:
    """`response_format=verbose_json`; a translation's language is that of its text."""
    code = "en" if task == "translate" else transcript.language
    found: dict[str, Any] = {
        "task": task,
        "language": name_of(code),
        "duration": transcript.seconds,
        "text": transcript.text,
    }
    if words:
        found["words"] = [
            {"word": word.text.strip(), "start": round(word.start_s, 3), "end": round(word.end_s, 3)}
            for segment in transcript.segments
            for word in segment.words
        ]
    if segments:
        found["segments"] = [_segment(segment) for segment in transcript.segments]
    return found | {"usage": transcript.usage()}


def as_srt(transcript: Transcript) -> str:
    """SubRip: numbered, with a comma before the milliseconds."""
    cues = [
        f"{number}\n{_clock(cue.start_s, ',')} --> {_clock(cue.end_s, ',')}\n{_line(cue.text)}\n"
        for number, cue in enumerate(transcript.segments, 1)
    ]
    return "\n".join(cues)


def as_vtt(transcript: Transcript) -> str:
    """WebVTT (W3C); what would be markup is escaped."""
    cues = [
        f"{_clock(cue.start_s, '.')} --> {_clock(cue.end_s, '.')}\n"
        f"{_line(cue.text).replace('&', '&amp;').replace('<', '&lt;').replace('>', '&gt;')}\n"
        for cue in transcript.segments
    ]
    return "\n".join(["WEBVTT\n", *cues])


class TranscriptEvents:
    """Encoder of a streamed transcript (see stream.Encoder): deltas as they are settled, and the whole at the end."""

    def __init__(self, *, logprobs: bool = False) -> None:
        self._logprobs = logprobs
        self._seen: list[Event] = []
        self._begun = False

    def start(self, started: Started) -> bytes:
        """Nothing is sent before the first words."""
        return b""

    def event(self, event: Event) -> bytes:
        """A piece of text; segments are kept for the end."""
        self._seen.append(event)
        if not isinstance(event, TextDelta):
            return b""
        delta = event.text if self._begun else event.text.lstrip()
        self._begun = self._begun or bool(delta)
        if not delta:
            return b""
        found: dict[str, Any] = {"type": "transcript.text.delta", "delta": delta}
        if self._logprobs:
            found["logprobs"] = [_logprob(one) for one in event.logprobs]
        return sse(found)

    def progress(self, progress: Progress) -> bytes:
        """How far it is, as a comment: clients that know nothing of it see nothing."""
        if progress.unit != "s":
            return b""
        done = {"heard_seconds": round(progress.done, 2)}
        return b": " + encode_json(done | ({"of": round(progress.total, 2)} if progress.total else {})) + b"\n\n"

    async def end(self, finished: Finished) -> bytes:
        """The whole text with its usage."""
        transcript = Transcript(self._seen, finished)
        found: dict[str, Any] = {"type": "transcript.text.done", "text": transcript.text} | transcript.languages()
        if self._logprobs:
            found["logprobs"] = [_logprob(one) for one in transcript.logprobs]
        return sse(found | {"usage": transcript.usage()})

    def error(self, error: dict[str, Any]) -> bytes:
        """An error inside the stream, which ends with it."""
        return sse(error)


def _logprob(one: TokenLogprob) -> dict[str, Any]:
    return {"token": one.token, "logprob": common.finite(one.logprob), "bytes": list(one.bytes_)}


def _segment(segment: Segment) -> dict[str, Any]:
    return {
        "id": segment.id,
        "seek": segment.seek,
        "start": round(segment.start_s, 3),
        "end": round(segment.end_s, 3),
        "text": segment.text,
        "tokens": list(segment.tokens),
        "temperature": segment.temperature,
        "avg_logprob": common.finite(segment.avg_logprob),
        "compression_ratio": segment.compression_ratio,
        "no_speech_prob": segment.no_speech_prob,
    }


def _clock(seconds: float, point: str) -> str:
    whole_ms = round(max(0.0, seconds) * 1000)
    rest_s, ms = divmod(whole_ms, 1000)
    return f"{rest_s // 3600:02}:{rest_s // 60 % 60:02}:{rest_s % 60:02}{point}{ms:03}"


def _line(text: str) -> str:
    """One line of a subtitle: a blank one or an arrow would end it."""
    return " ".join(text.split()).replace("-->", "->")
