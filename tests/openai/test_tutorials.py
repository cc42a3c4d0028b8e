"""The three tutorial scripts, verbatim but for key and base URL, in processes of their own; and facts of the 1.5B."""

import subprocess
import sys
from pathlib import Path

import pytest
from openai import OpenAI

from omniwatt.demo import judge
from omniwatt.demo.steps import CLASSIFIER, LU_XUN, LU_XUN_BEATS, UGLY_PAGE
from tests.openai import side
from tests.served import Served, environment

SCRIPTS = Path(__file__).parent / "scripts"
SEEDS = 20


def run(number: int, server: Served, extra_path: Path | None = None) -> str:
    """What the script prints. Raises AssertionError with its error output."""
    text = (SCRIPTS / f"tutorial_{number}.py").read_text(encoding="utf-8")
    text = text.replace("API_KEY", server.key).replace("BASE_URL", server.url + "/v1")
    environ = environment(server.home) | {"PYTHONIOENCODING": "utf-8"}
    if extra_path:
        environ["PYTHONPATH"] = str(extra_path)
    done = subprocess.run(
        [sys.executable, "-c", text], env=environ, capture_output=True, encoding="utf-8", timeout=110, check=False
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.mark.model
@pytest.mark.timeout(240)
def test_the_first_script_runs_with_the_client_of_its_day(fast_server: Served) -> None:
    client = side.old_client()
    probe = [sys.executable, "-c", "import openai.version; print(openai.version.VERSION)"]
    environ = environment(fast_server.home) | {"PYTHONPATH": str(client)}
    version = subprocess.run(probe, env=environ, capture_output=True, text=True, check=True)
    assert version.stdout.strip() == "0.28.1"
    answer = run(1, fast_server, client)
    assert judge.in_chinese(answer)[0] is None, answer


@pytest.mark.model
@pytest.mark.parametrize("number", [2, 3])
def test_the_bare_loop_meets_no_empty_choices_and_no_null(fast_server: Served, number: int) -> None:
    answer = run(number, fast_server)
    assert "None" not in answer
    assert judge.in_chinese(answer)[0] is None, answer


def test_the_demo_asks_what_the_scripts_ask() -> None:
    asked = "".join(path.read_text(encoding="utf-8") for path in sorted(SCRIPTS.glob("tutorial_*.py")))
    for words in (LU_XUN, LU_XUN_BEATS, CLASSIFIER, UGLY_PAGE):
        assert words in asked


def ask(client: OpenAI, text: str, system: str = "", seed: int = 1) -> str:
    messages = [{"role": "system", "content": system}] if system else []
    answer = client.chat.completions.create(
        model="gpt-4",
        messages=[*messages, {"role": "user", "content": text}],  # type: ignore[list-item]
        max_completion_tokens=80,
        temperature=0 if seed == 1 else 0.7,
        seed=seed,
    )
    return answer.choices[0].message.content or ""


@pytest.mark.default_model
def test_the_default_model_knows_the_capital_of_france(default_client: OpenAI) -> None:
    assert "Paris" in ask(default_client, "What is the capital of France? Answer in one word.")


@pytest.mark.default_model
def test_the_default_model_can_multiply_a_little(default_client: OpenAI) -> None:
    assert "51" in ask(default_client, "What is 17*3? Answer with the number alone.")


@pytest.mark.default_model
@pytest.mark.timeout(240)
def test_the_classifier_keeps_its_format(default_client: OpenAI, capsys: pytest.CaptureFixture[str]) -> None:
    """The share of seeds that keep the three parts; to the letter, brackets and all, is reported beside it."""
    answers = [ask(default_client, UGLY_PAGE, CLASSIFIER, seed) for seed in range(1, SEEDS + 1)]
    kept = sum(judge.keeps_format(answer)[0] is True for answer in answers)
    letter = sum(map(judge.full_format, answers))
    with capsys.disabled():
        print(f"\nclassifier: {kept} of {SEEDS} seeds keep the three parts, {letter} to the letter")
    assert kept >= SEEDS // 2, answers[:3]
