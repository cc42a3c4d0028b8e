"""What our way costs a real model: omniwatt against llama.cpp's own HTTP server, same file, same flags, same run.

Both are swept over threads and batch size, and the best of each counts, at 1, 4 and 8 streams and for both models.
Then the first token of 30 fixed questions, cold (nothing of the prompt cached) and warm (its beginning is), what a
2,000-token prompt does to a running stream and to a one-line prompt behind it, and what each lever of llama.cpp gives.
"""

import contextlib
import http.client
import itertools
import json
import statistics
import subprocess
import sys
import threading
import time
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from bench.common import ROOT, arguments, free_port, keep, load, model_store, report, running, say, service, wait_http

STREAMS = (1, 4, 8)
SLOTS = 8
WINDOW = 8192
BEST_GUESS = {"threads": 2, "n_batch": 64, "spin": None}
STORY = "Tell me a long story about a lighthouse keeper and the sea."
LONG = "The keeper climbed the stairs and looked at the grey sea. " * 154
CODE = "Write a Python class for a binary search tree with insert, delete and search, then repeat it with comments."
AIMS = {"default": 0.400, "fast": 0.150}


class Target:
    """A server to measure."""

    def __init__(self, name: str, port: int, model: str, key: str = "") -> None:
        self.name, self.port, self.model, self.key = name, port, model, key

    def body(self, text: str, tokens: int, system: str = "") -> dict[str, Any]:
        messages = [{"role": "system", "content": system}] if system else []
        messages.append({"role": "user", "content": text})
        return {"model": self.model, "messages": messages, "max_tokens": tokens, "stream": True, "temperature": 0.0}

    def pieces(self, body: dict[str, Any]) -> Iterator[float]:
        """When each piece of the answer came, counted from the request."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=300)
        headers = {"Content-Type": "application/json", "Authorization": f"Bearer {self.key}"}
        with contextlib.closing(connection):
            began = time.perf_counter()
            connection.request("POST", "/v1/chat/completions", json.dumps(body), headers)
            answer = connection.getresponse()
            if answer.status != 200:
                raise RuntimeError(f"{self.name}: {answer.status} {answer.read()[:300]!r}")
            for line in answer:
                if b'"content":"' in line and b'"content":""' not in line:
                    yield time.perf_counter() - began

    def first(self, text: str, system: str = "") -> float:
        """Seconds to the first piece."""
        return next(iter(list(self.pieces(self.body(text, 2, system)))))


@contextlib.contextmanager
def ours(model: str, flags: dict[str, Any]) -> Iterator[Target]:
    """omniwatt with one model, its batch and threads set as the peer's."""
    options = {"n_batch": flags["n_batch"]} | ({} if flags["spin"] is None else {"spin": flags["spin"]})
    listed = ", ".join(f"{name} = {value}" for name, value in options.items())
    card = (
        f'base = "{base(model)}"\nslots = {SLOTS}\nthreads = {flags["threads"]}\ncontext_window = {WINDOW}\n'
        f'options = {{ {listed} }}\nartifacts = [{{ role = "model", file = "m.gguf", path = "{weights(model)}" }}]\n'
    )
    with service("--models", "measured", cards={"measured": card}, store=model_store()) as found:
        wait_http(f"{found.url}/readyz")
        target = Target("omniwatt", found.port, "measured", found.key)
        target.first("Hi")
        yield target


@contextlib.contextmanager
def theirs(model: str, flags: dict[str, Any]) -> Iterator[Target]:
    """llama.cpp's own server in its own process."""
    port = free_port()
    command = [
        sys.executable,
        "-m",
        "bench.llama",
        "serve",
        json.dumps(flags | {"model": weights(model), "port": port}),
    ]
    with running(command, stdout=subprocess.DEVNULL) as process:
        wait_http(f"http://127.0.0.1:{port}/health", process)
        target = Target("llama.cpp", port, "measured")
        target.first("Hi")
        yield target


def base(model: str) -> str:
    """The card's name of `fast` or `default`."""
    from omniwatt.settings import Models

    return str(getattr(Models(), model))


def weights(model: str) -> str:
    """The GGUF of a card that has been pulled."""
    found = sorted((model_store() / base(model)).glob("*.gguf"))
    if not found:
        raise RuntimeError(f"{base(model)} is not on this machine: omniwatt pull {model}")
    return str(found[0].resolve())


def main() -> None:
    """Measure; --quick takes one model, one setting and a tenth of the time."""
    quick = arguments(__doc__ or "").quick
    models = ("fast",) if quick else ("fast", "default")
    figures: list[dict[str, Any]] = []
    notes = {"slots": SLOTS, "window": WINDOW, "questions": len(questions())}
    for model in models:
        best = speeds(model, quick, figures)
        figures += latencies(model, best, quick)
        keep("chat", figures, quick, notes)
    for model in models:
        figures += levers(model, quick)
    keep("chat", figures, quick, notes)
    if not quick:
        figures += speculation()
    report("chat", figures, quick, notes)


def settings(quick: bool) -> list[dict[str, Any]]:
    """What both are swept over; `spin` None leaves each its own way of waiting at barriers."""
    if quick:
        return [BEST_GUESS]
    swept: list[dict[str, Any]] = [{"threads": 2, "n_batch": batch, "spin": None} for batch in (16, 64, 512)]
    return [*swept, BEST_GUESS | {"threads": 1}]


def speeds(model: str, quick: bool, figures: list[dict[str, Any]]) -> dict[str, dict[str, Any]]:
    """Tokens a second of both; the setting of each that was best at one stream."""
    seconds = 4.0 if quick else 5.0
    found: dict[str, dict[int, tuple[float, dict[str, Any]]]] = {"omniwatt": {}, "llama.cpp": {}}
    for flags in settings(quick):
        for start in (ours, theirs):
            with start(model, flags) as target:
                # What either server still does behind its first answers (ours reads ahead into its slots) is over then.
                load(
                    port=target.port, key=target.key, stream=True, clients=SLOTS, requests=SLOTS,
                    body=target.body(STORY, 16),
                )  # fmt: skip
                for streams in STREAMS:
                    got = load(
                        port=target.port, key=target.key, stream=True, clients=streams, seconds=seconds,
                        body=target.body(STORY, 64),
                    )  # fmt: skip
                    rate = got["events"] / got["seconds"]
                    say(f"{model} {target.name} {flags} {streams} streams: {rate:.1f} tokens/s")
                    if rate > found[target.name].get(streams, (0.0, {}))[0]:
                        found[target.name][streams] = (rate, flags)
    for streams in STREAMS:
        (own, own_flags), (peer, peer_flags) = found["omniwatt"][streams], found["llama.cpp"][streams]
        figures.append(
            {
                "figure": "tokens_per_s_ratio", "model": base(model), "streams": streams, "value": own / peer,
                "omniwatt": own, "llama.cpp": peer, "omniwatt_setting": own_flags, "llama.cpp_setting": peer_flags,
                "readme": f"{base(model)}, {streams} streams: tokens/s of llama.cpp's own server ({peer:.0f})",
                "aim": ">= 0.98", "met": own / peer >= 0.98,
            }
        )  # fmt: skip
    return {name: rates[1][1] for name, rates in found.items()}


def questions() -> list[str]:
    """The fixed questions."""
    return list(tomllib.loads((Path(__file__).parent / "questions.toml").read_text("utf-8"))["questions"])


def latencies(model: str, best: dict[str, dict[str, Any]], quick: bool) -> list[dict[str, Any]]:
    """First tokens and gaps of both, each at its best setting, and of ours with the batch it chooses itself."""
    asked = questions()[:6] if quick else questions()
    seen: dict[str, dict[str, float]] = {}
    for start, flags in (
        (ours, best["omniwatt"]),
        (ours, best["omniwatt"] | {"n_batch": 0}),
        (theirs, best["llama.cpp"]),
    ):
        with start(model, flags) as target:
            name = target.name + ("" if flags["n_batch"] else ", batch chosen at load")
            warm = [target.first(text) for text in asked]
            cold = [target.first(text, f"{number}: you answer questions briefly.") for number, text in enumerate(asked)]
            gap, behind, alone = interference(target)
            seen[name] = {
                "warm_mean_s": statistics.mean(warm), "warm_max_s": max(warm), "cold_mean_s": statistics.mean(cold),
                "worst_gap_s": gap, "behind_s": behind, "long_prompt_s": alone,
            }  # fmt: skip
            say(f"{model} {name}: {seen[name]}")
    chosen, own, peer = (seen[name] for name in ("omniwatt, batch chosen at load", "omniwatt", "llama.cpp"))
    card = base(model)
    return [
        {
            "figure": "first_token_warm_s", "model": card, "value": chosen["warm_mean_s"], "unit": "s", "all": seen,
            "readme": f"{card}: first token of {len(asked)} questions, warm, mean",
            "aim": f"<= {AIMS[model]} s", "met": chosen["warm_mean_s"] <= AIMS[model],
        },
        {
            "figure": "first_token_added_s", "model": card, "value": own["warm_mean_s"] - peer["warm_mean_s"],
            "unit": "s", "readme": f"{card}: first token later than llama.cpp's own server",
            "aim": "<= 0.005 s", "met": own["warm_mean_s"] - peer["warm_mean_s"] <= 0.005,
        },
        {
            "figure": "worst_gap_s", "model": card, "value": chosen["worst_gap_s"], "unit": "s",
            "llama.cpp": peer["worst_gap_s"],
            "readme": f"{card}: worst gap of a stream while a 2,000-token prompt arrives "
            f"(llama.cpp: {peer['worst_gap_s']:.2g} s)",
            "aim": "<= 0.5 s", "met": chosen["worst_gap_s"] <= 0.5,
        },
        {
            "figure": "behind_s", "model": card, "value": chosen["behind_s"], "unit": "s",
            "llama.cpp": peer["behind_s"],
            "readme": f"{card}: first token of a one-line prompt behind a 2,000-token one "
            f"(llama.cpp: {peer['behind_s']:.2g} s)",
        },
    ]  # fmt: skip


def interference(target: Target) -> tuple[float, float, float]:
    """A stream runs, a long prompt arrives, then a short one: worst gap, the short one's and the long one's first."""
    times: list[float] = []
    done: dict[str, float] = {}
    began = time.perf_counter()

    def stream() -> None:
        for moment in target.pieces(target.body(STORY + " Make it very long.", 1500)):
            times.append(moment)
            if "long" in done:
                return

    def ask(name: str, text: str) -> None:
        took = target.first(text)
        done[name] = took

    running_stream = threading.Thread(target=stream)
    running_stream.start()
    while len(times) < 5:
        time.sleep(0.01)
    long = threading.Thread(target=ask, args=("long", LONG))
    arrived = time.perf_counter() - began
    long.start()
    time.sleep(1.0)
    short = threading.Thread(target=ask, args=("short", "What is two plus two?"))
    short.start()
    for thread in (short, long, running_stream):
        thread.join()
    gaps = [later - earlier for earlier, later in itertools.pairwise(times) if later > arrived]
    return max(gaps), done["short"], done["long"]


def levers(model: str, quick: bool) -> list[dict[str, Any]]:
    """What each of llama.cpp's settings gives, one changed at a time."""
    start: dict[str, Any] = {"threads": 2, "n_batch": 64}
    changes: list[dict[str, Any]] = [{}]
    if not quick:
        changes += [{"n_batch": size} for size in (8, 16, 32, 512)]
        changes += [
            {"threads": 1},
            {"flash": True},
            {"flash": False},
            {"no_repack": True},
            {"kv": "q8_0", "flash": True},
        ]
        changes += [{"spin": spin} for spin in (0, 300, 10_000)]
    found = []
    for change in changes:
        got = timed(model, start | change)
        say(f"{model} {change or 'as is'}: {got}")
        found.append({"figure": "lever", "model": base(model), "change": change, "value": got["prompt_per_s"], **got})
    return found


def speculation() -> list[dict[str, Any]]:
    """Whether drafting pays: the small model for the large one, or n-grams of the text itself."""
    texts = [f"<|im_start|>user\n{text}<|im_end|>\n<|im_start|>assistant\n" for text in (STORY, CODE, questions()[15])]
    ways: dict[str, dict[str, Any]] = {
        "none": {},
        "draft model": {"draft": weights("fast")},
        "n-grams": {"ngram": "simple"},
    }
    plain = 0.0
    found = []
    for name, change in ways.items():
        rates = timed("default", {"threads": 2, "n_batch": 64, "slots": 1, "texts": texts} | change)["per_text"]
        mean = statistics.mean(rates)
        plain = plain or mean
        say(f"speculation with {name}: {mean:.1f} tokens/s")
        found.append({"figure": "speculation", "way": name, "value": mean / plain, "tokens_per_s": rates})
    return found


def timed(model: str, flags: dict[str, Any]) -> dict[str, Any]:
    """bench.llama's timing in a process of its own."""
    command = [sys.executable, "-m", "bench.llama", "time", json.dumps(flags | {"model": weights(model)})]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True, timeout=600)
    result: dict[str, Any] = json.loads(done.stdout)
    return result


if __name__ == "__main__":
    main()
