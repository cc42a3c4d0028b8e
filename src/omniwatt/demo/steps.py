"""The steps of the exchange, in the order of the demo. Each sends, prints both sides, and judges the answer."""

import json
import time
from collections.abc import Callable
from typing import Any

import httpx2

from omniwatt.demo import judge, pictures, realtime, sound, watts
from omniwatt.demo.stage import Outcome, Stage, joules

LU_XUN = "鲁迅与周树人的关系。"
LU_XUN_BEATS = "鲁迅为什么打周树人?"
CLASSIFIER = (
    "请对下面的内容进行分类,并且描述出对应分类的理由。你只需要根据用户的内容输出下面几种类型:"
    "bug类型,用户体验问题,用户吐槽.输出格式:[类型]-[问题:…]-[分析的理由]"
)
UGLY_PAGE = "这个页面不太好看"
BRIEF: dict[str, Any] = {"temperature": 0, "max_completion_tokens": 120}
METER: dict[str, Any] = {
    "type": "function",
    "function": {
        "name": "watts_now",
        "description": "What a machine draws now, in watts.",
        "parameters": {
            "type": "object",
            "properties": {"machine": {"type": "string"}},
            "required": ["machine"],
            "additionalProperties": False,
        },
        "strict": True,
    },
}
METERED_W = 2140
"""What the tool says."""


def english(stage: Stage) -> Outcome:
    """A streamed chat in English."""
    question = "In one sentence: why is the sky blue?"
    stage.sent(question)
    return stage.streamed("gpt-4o", [{"role": "user", "content": question}], judge.not_empty, **BRIEF)


def chinese(stage: Stage) -> Outcome:
    """A streamed chat in Chinese."""
    question = "用一句话解释:为什么天空是蓝色的?"
    stage.sent(question)
    return stage.streamed("gpt-4o", [{"role": "user", "content": question}], judge.in_chinese, **BRIEF)


def tutorial_completion(stage: Stage) -> Outcome:
    """What `openai==0.28.1` sends for Completion.create: the first tutorial script."""
    body = {"model": "gpt-4.0-turbo", "prompt": LU_XUN, "max_tokens": 100}
    stage.sent(f"POST /v1/completions {json.dumps(body, ensure_ascii=False)}")
    began = time.monotonic()
    headers = {"Authorization": f"Bearer {stage.key}", "User-Agent": "OpenAI/v1 PythonBindings/0.28.1"}
    answer = httpx2.post(stage.url + "/v1/completions", json=body, headers=headers, timeout=300.0)
    answer.raise_for_status()
    completion = answer.json()
    text, usage = completion["choices"][0]["text"], completion["usage"]
    stage.got(text)
    right, note = judge.same_person(text)
    return Outcome(
        right=right,
        note=note,
        model=completion["model"],
        prompt_tokens=usage["prompt_tokens"],
        tokens=usage["completion_tokens"],
        energy_j=joules(usage),
        seconds=time.monotonic() - began,
    )


def tutorial_chat(stage: Stage) -> Outcome:
    """The second tutorial script: a streamed chat under the name gpt-4."""
    stage.sent(LU_XUN_BEATS)
    return stage.streamed("gpt-4", [{"role": "user", "content": LU_XUN_BEATS}], judge.same_person)


def tutorial_classifier(stage: Stage) -> Outcome:
    """The third tutorial script: a classifier with a fixed output format."""
    stage.sent(f"system: {CLASSIFIER}\nuser: {UGLY_PAGE}")
    messages = [{"role": "system", "content": CLASSIFIER}, {"role": "user", "content": UGLY_PAGE}]
    return stage.streamed("gpt-4", messages, judge.keeps_format)


def tool_call(stage: Stage) -> Outcome:
    """The model calls a function, gets its result, and answers with it."""
    question = "How many watts does the oven draw now?"
    stage.sent(f"{question}   (tool: watts_now(machine))")
    began = time.monotonic()
    messages: list[Any] = [{"role": "user", "content": question}]
    ask: dict[str, Any] = {"model": "gpt-4o", "temperature": 0, "tools": [METER], "max_completion_tokens": 100}
    first = stage.client.chat.completions.create(messages=messages, **ask)
    message = first.choices[0].message
    if not message.tool_calls:
        stage.got(message.content or "")
        return Outcome(right=False, note="answered without calling", model=first.model)
    messages.append(message.model_dump(exclude_none=True))
    result = json.dumps({"machine": "oven", "watts": METERED_W})
    for call in message.tool_calls:
        asked: Any = call
        stage.got(f"calls {asked.function.name}({asked.function.arguments})")
        stage.sent(f"result {result}")
        messages.append({"role": "tool", "tool_call_id": call.id, "content": result})
    last = stage.client.chat.completions.create(messages=messages, tool_choice="none", **ask)
    text = last.choices[0].message.content or ""
    stage.got(text)
    right, note = judge.tells_watts(asked.function.arguments, text, METERED_W)
    usages = [answer.usage for answer in (first, last) if answer.usage]
    return Outcome(
        right=right,
        note=note,
        model=last.model,
        prompt_tokens=sum(u.prompt_tokens for u in usages),
        tokens=sum(u.completion_tokens for u in usages),
        energy_j=joules(*usages),
        seconds=time.monotonic() - began,
    )


def json_schema(stage: Stage) -> Outcome:
    """An answer bound to a JSON schema."""
    stage.sent(f"{judge.MEETING}   (schema: title, city, people[], year)")
    began = time.monotonic()
    answer = stage.client.chat.completions.create(
        model="gpt-4o",
        temperature=0,
        max_completion_tokens=120,
        messages=[{"role": "system", "content": "Extract the event."}, {"role": "user", "content": judge.MEETING}],
        response_format={
            "type": "json_schema",
            "json_schema": {"name": "event", "strict": True, "schema": judge.EVENT},
        },
    )
    text = answer.choices[0].message.content or ""
    stage.got(text)
    right, note = judge.event_right(text)
    return Outcome(
        right=right,
        note=note,
        model=answer.model,
        seconds=time.monotonic() - began,
        prompt_tokens=answer.usage.prompt_tokens if answer.usage else 0,
        tokens=answer.usage.completion_tokens if answer.usage else 0,
        energy_j=joules(answer.usage),
    )


def embeddings(stage: Stage) -> Outcome:
    """Three sentences as vectors: the two that mean the same lie closer."""
    texts = ["The cat sleeps on the sofa.", "A kitten is napping on the couch.", "Interest rates rose again."]
    stage.sent(" | ".join(texts))
    began = time.monotonic()
    answer = stage.client.embeddings.create(model="text-embedding-3-small", input=texts)
    a, b, c = (item.embedding for item in answer.data)
    close, far = judge.cosine(a, b), judge.cosine(a, c)
    stage.got(f"{len(a)} dimensions; first and second {close:.2f} alike, first and third {far:.2f}")
    return Outcome(
        right=close > far + 0.2,
        note=f"{close:.2f} against {far:.2f}",
        model=answer.model,
        prompt_tokens=answer.usage.prompt_tokens,
        energy_j=joules(answer.usage),
        seconds=time.monotonic() - began,
    )


STEPS: tuple[tuple[str, Callable[[Stage], Outcome]], ...] = (
    ("Chat in English, streamed", english),
    ("Chat in Chinese, streamed", chinese),
    ("Tutorial 1: openai 0.28", tutorial_completion),
    ("Tutorial 2: gpt-4, streamed", tutorial_chat),
    ("Tutorial 3: a classifier", tutorial_classifier),
    ("A tool call and its answer", tool_call),
    ("An answer in a JSON schema", json_schema),
    ("Embeddings", embeddings),
    ("A recording, written down", sound.transcription),
    ("And answered aloud", sound.spoken_answer),
    ("Two spoken turns, in real time", realtime.spoken_turns),
    ("A picture: 禅 by brush", pictures.calligraphy),
    ("A picture: a city at night", pictures.city),
    ("A poster with a title", pictures.poster),
    ("60 % of the watts", watts.budget),
)
