"""llama.cpp by itself, with flags of our choice: as an HTTP server to compare with, or to time its levers.

`python -m bench.llama serve FLAGS` listens until it is stopped; `python -m bench.llama time FLAGS` prints one JSON
object: prompt and answer speed. FLAGS is JSON: model, port, and attributes of llama.cpp's parameters.
"""

import json
import os
import random
import signal
import sys
import time
from typing import Any

PROMPT = 192
ANSWER = 32


def parameters(flags: dict[str, Any]) -> Any:
    """llama.cpp's parameters; `spin` is set before it is imported, because libgomp reads it once."""
    if flags.get("spin") is not None:
        os.putenv("GOMP_SPINCOUNT", str(flags["spin"]))
    import xllamacpp

    params = xllamacpp.CommonParams()
    params.model.path = flags["model"]
    params.n_ctx, params.n_parallel, params.kv_unified = flags.get("n_ctx", 8192), flags.get("slots", 8), True
    params.cpuparams.n_threads = params.cpuparams_batch.n_threads = flags["threads"]
    params.n_batch = params.n_ubatch = flags["n_batch"]
    params.verbosity, params.ui, params.port = -1, False, flags.get("port", 0)
    params.cache_ram_mib, params.cache_idle_slots = 0, False
    params.no_extra_bufts = flags.get("no_repack", False)
    if "flash" in flags:
        kind = "ENABLED" if flags["flash"] else "DISABLED"
        params.flash_attn_type = getattr(xllamacpp.llama_flash_attn_type, f"LLAMA_FLASH_ATTN_TYPE_{kind}")
    if flags.get("kv") == "q8_0":
        params.cache_type_k = params.cache_type_v = xllamacpp.ggml_type.GGML_TYPE_Q8_0
    if flags.get("draft"):
        params.speculative.types = [xllamacpp.common_speculative_type.COMMON_SPECULATIVE_TYPE_DRAFT_SIMPLE]
        params.speculative.draft.mparams.path = flags["draft"]
        params.speculative.draft.n_max = flags.get("draft_max", 3)
    if flags.get("ngram"):
        name = f"COMMON_SPECULATIVE_TYPE_NGRAM_{flags['ngram'].upper()}"
        params.speculative.types = [getattr(xllamacpp.common_speculative_type, name)]
    return params


def serve(flags: dict[str, Any]) -> None:
    """Listen until SIGTERM."""
    params = parameters(flags)
    import xllamacpp

    server = xllamacpp.Server(params)
    print(server.listening_address, flush=True)
    signal.sigwait({signal.SIGTERM, signal.SIGINT})


def speed(flags: dict[str, Any]) -> dict[str, Any]:
    """Tokens a second of reading and of writing, the longest batch, and 16 new tokens' time to the first answer."""
    params = parameters(flags)
    import xllamacpp

    server = xllamacpp.Server(params)
    random.seed(1)
    if texts := flags.get("texts"):
        return {"per_text": [_written(server, {"prompt": text, "n_predict": 128, "temperature": 0}) for text in texts]}
    _times(server, 16, 1)
    first = min(_times(server, 16, 1)[-1] for _ in range(3))
    read = max((_times(server, PROMPT, 1) for _ in range(2)), key=lambda times: 1 / times[-2])
    batches = [later - earlier for earlier, later in zip([0.0, *read[:-2]], read[:-1], strict=True)]
    wrote = _times(server, 8, ANSWER)
    return {
        "first_token_16_s": first,
        "prompt_per_s": PROMPT / read[-2],
        "longest_batch_s": max(batches),
        "answer_per_s": (ANSWER - 2) / (wrote[-2] - wrote[-ANSWER]),
    }


def _times(server: Any, prompt: int, answer: int) -> list[float]:
    """When each chunk came: the prompt's batches, then the tokens, then the end."""
    body = {
        "prompt": [random.randrange(1000, 50000) for _ in range(prompt)], "n_predict": answer, "ignore_eos": True,
        "stream": True, "return_progress": True, "cache_prompt": False, "id_slot": 0,
    }  # fmt: skip
    times: list[float] = []
    began = time.perf_counter()
    server.handle_completions(body, lambda _: times.append(time.perf_counter() - began))
    return times


def _written(server: Any, body: dict[str, Any]) -> float:
    """Tokens a second of one answer, the fastest of two."""
    found: list[dict[str, Any]] = []
    for _ in range(2):
        server.handle_completions({**body, "cache_prompt": False}, found.append)
    return max(float(answer["timings"]["predicted_per_second"]) for answer in found)


if __name__ == "__main__":
    # SIGTERM must be blocked before llama.cpp starts threads, or one of them takes it.
    signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGTERM, signal.SIGINT} if sys.argv[1] == "serve" else set())
    asked = json.loads(sys.argv[2])
    if sys.argv[1] == "serve":
        serve(asked)
    else:
        print(json.dumps(speed(asked)))
