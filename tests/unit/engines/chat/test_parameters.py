"""Sampling fields, batch sizes, template input: small pure decisions as tables."""

from typing import Any

import pytest

from omniwatt.contract.error import BadInput
from omniwatt.contract.request import Format, MediaPart, Message, Sampling, TextPart, Tool, ToolCall
from omniwatt.engines.chat import batch
from omniwatt.engines.chat.prompt import conversation, functions, in_words
from omniwatt.engines.chat.sampling import DEFAULTS, parameters, seed, token_logprobs


def drawn(sampling: Sampling, **defaults: float) -> dict[str, Any]:
    return parameters(sampling, defaults, 100)


def test_unset_fields_take_the_cards_defaults_and_set_ones_count() -> None:
    assert drawn(Sampling())["temperature"] == DEFAULTS["temperature"]
    assert drawn(Sampling(), temperature=0.2)["temperature"] == 0.2
    assert drawn(Sampling(temperature=0.0), temperature=0.2)["temperature"] == 0.0
    assert drawn(Sampling(temperature=1.0))["top_p"] == DEFAULTS["top_p"]


def test_a_nucleus_that_was_asked_for_is_the_only_cut() -> None:
    values = drawn(Sampling(top_p=1.0, temperature=1.0))
    assert (values["top_p"], values["top_k"], values["min_p"]) == (1.0, 0, 0.0)


@pytest.mark.parametrize(("wanted", "sent"), [(0, 0), (7, 7), (-1, 0), (2**32 + 5, 5), (0xFFFFFFFF, 0)])
def test_seeds_fit_and_never_mean_random(wanted: int, sent: int) -> None:
    assert seed(wanted) == sent
    assert drawn(Sampling(seed=wanted))["seed"] == sent
    assert "seed" not in drawn(Sampling())


def test_biases() -> None:
    assert drawn(Sampling(logit_bias={"5": 3.5, "7": -100}))["logit_bias"] == [[5, 3.5], [7, False]]
    for token in ("100", "-1", "x", "", "٣"):
        with pytest.raises(BadInput) as caught:
            drawn(Sampling(logit_bias={token: 1.0}))
        assert caught.value.param == "logit_bias"


def test_log_probabilities_keep_the_alternatives_asked_for() -> None:
    one = {"token": "a", "logprob": -0.5, "bytes": [97]}
    found = token_logprobs({"content": [one | {"top_logprobs": [one, one | {"token": "b"}]}]}, 1)
    assert [(token.token, token.bytes_, len(token.top)) for token in found] == [("a", b"a", 1)]
    assert token_logprobs(None, 3) == ()


@pytest.mark.parametrize(
    ("size", "batch_s", "token_s", "expected"),
    [(8, 0.140, 0.030, 8), (64, 0.155, 0.020, 60), (64, 0.600, 0.030, 12), (64, 0.030, 0.010, 440), (8, 2.0, 0.2, 8)],
)
def test_a_batch_takes_no_longer_than_it_may(size: int, batch_s: float, token_s: float, expected: int) -> None:
    assert batch.fitted(size, batch_s, token_s, slots=1) == expected


def test_batch_limits() -> None:
    assert batch.first_guess(10**9, 2, 99, 4) == batch.LARGEST
    assert batch.first_guess(10**12, 1, 0, 4) == batch.SMALLEST
    assert batch.clamp(1, slots=16) > 16, "a prompt must get on beside as many answers as there are slots"
    assert batch.worth_reloading(64, 16)
    assert batch.worth_reloading(8, 20)
    assert not batch.worth_reloading(16, 12)


def test_the_default_system_prompt_leads_only_where_there_is_none() -> None:
    user = Message("user", (TextPart("hi "), TextPart("you")), name="ada")
    assert conversation((user,), "Be kind.") == [
        {"role": "system", "content": "Be kind."},
        {"role": "user", "content": "hi you", "name": "ada"},
    ]
    developer = Message("developer", (TextPart("Be brief."),))
    assert conversation((developer, user), "Be kind.")[0] == {"role": "system", "content": "Be brief."}


def test_formats_are_put_in_words_too() -> None:
    user = Message("user", (TextPart("hi"),))
    with_schema = conversation((user,), "Be kind.", Format("json_schema", "x", {"type": "object"}))
    assert with_schema[0]["content"].startswith("Be kind.\n\nAnswer with nothing but JSON")
    assert '{"type":"object"}' in with_schema[0]["content"]
    assert conversation((user,), "", Format("json_object"))[0]["role"] == "system"


def test_pictures_are_refused() -> None:
    with pytest.raises(BadInput, match="image"):
        conversation((Message("user", (MediaPart("image", b"x"),)),))


def test_tools_for_templates_without_tools() -> None:
    tool = Tool("f", "does it", {"type": "object"})
    turns = conversation(
        (
            Message("user", (TextPart("do"),)),
            Message("assistant", tool_calls=(ToolCall("call_1", "f", '{"a": 1}'),)),
            Message("tool", (TextPart("done"),), tool_call_id="call_1"),
        )
    )
    worded = in_words(turns, [tool])
    assert [turn["role"] for turn in worded] == ["system", "user", "assistant", "user"]
    assert '"name": "f"' in worded[0]["content"]
    assert worded[2]["content"] == '<tool_call>\n{"name": "f", "arguments": {"a": 1}}\n</tool_call>'
    assert worded[3]["content"] == "<tool_response>\ndone\n</tool_response>"
    assert functions([tool])[0]["function"]["name"] == "f"
