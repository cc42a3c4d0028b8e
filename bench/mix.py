"""Two engines at once against each alone: does each keep its fair share of the machine?

The fair share of two busy engines on one machine is half of what each does alone. The figure is what the worse-off of
the two gets, over that half: 1 is its fair share. The sum of both shares, kept beside it, is 1 for a machine shared
without loss.
"""

import threading
from typing import Any

from bench.common import Service, arguments, load, model_store, report, say, service

TOKENS = 96
STORY = "Tell me a story about a lighthouse keeper and the sea."
TEXT = "The quick brown fox jumps over the lazy dog, then rests in the shade of an old oak tree until the evening."


def chat(model: str) -> dict[str, Any]:
    """A streamed answer of a fixed length."""
    return {
        "path": "/v1/chat/completions",
        "stream": True,
        "clients": 1,
        "body": {
            "model": model,
            "stream": True,
            "max_tokens": TOKENS,
            "temperature": 0,
            "messages": [{"role": "user", "content": STORY}],
        },
    }


def embed(model: str) -> dict[str, Any]:
    """A batch of eight sentences, again and again."""
    body = {"model": model, "input": [TEXT] * 8, "encoding_format": "base64"}
    return {"path": "/v1/embeddings", "clients": 1, "body": body}


def main() -> None:
    """Measure both pairs; --quick takes a third of the time."""
    quick = arguments(__doc__ or "").quick
    seconds = 8.0 if quick else 25.0
    with service("--models", "default,fast,embed", store=model_store()) as ours:
        kinds = {"0.5B chat": chat("fast"), "1.5B chat": chat("default"), "embeddings": embed("embed")}
        for spec in kinds.values():
            measure(ours, spec, 0.1)
        alone = {name: measure(ours, spec, seconds) for name, spec in kinds.items()}
        for name, rate in alone.items():
            say(f"{name} alone: {rate:.2f}/s")
        pairs = (("0.5B chat", "embeddings"), ("0.5B chat", "1.5B chat"))
        figures = [together(ours, kinds, alone, pair, seconds) for pair in pairs]
    report("mix", figures, quick, {"chat_unit": "tokens/s", "embeddings_unit": "sentences/s"})


def together(
    ours: Service, kinds: dict[str, dict[str, Any]], alone: dict[str, float], pair: tuple[str, str], seconds: float
) -> dict[str, Any]:
    """Both of a pair at once, as shares of each alone."""
    rates: dict[str, float] = {}

    def run(name: str) -> None:
        rates[name] = measure(ours, kinds[name], seconds)

    threads = [threading.Thread(target=run, args=(name,)) for name in pair]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    shares = {name: rates[name] / alone[name] for name in pair}
    ratio, words = min(shares.values()) / 0.5, " + ".join(pair)
    said = ", ".join(f"{name} {share:.2f} of alone" for name, share in shares.items())
    say(f"{words}: {said}; the worse-off has {ratio:.2f} of its fair share")
    return {
        "figure": "fair_share_ratio", "of": words, "value": ratio, "unit": "", "shares": shares,
        "alone": {name: alone[name] for name in pair}, "at_once": rates, "sum_of_shares": sum(shares.values()),
        "readme": f"omniwatt: {words} at once, of its fair share the worse-off has",
        "aim": ">= 0.9", "met": ratio >= 0.9,
    }  # fmt: skip


def measure(ours: Service, spec: dict[str, Any], seconds: float) -> float:
    """Tokens or sentences a second."""
    got = load(port=ours.port, key=ours.key, seconds=seconds, **spec)
    return float(got["events"] if spec.get("stream") else got["answered"] * 8) / float(got["seconds"])


if __name__ == "__main__":
    main()
