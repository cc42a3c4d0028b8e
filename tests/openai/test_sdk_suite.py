"""The official SDK's own tests, from its source distribution, against our server: what they ask, we must answer.

What is left out, and why, is said in sdk_plugin.py: what we refuse on purpose, and what is not here.
"""

import re
import subprocess
import sys
from pathlib import Path

import pytest
from openai import __version__

from tests.openai import side
from tests.served import Served, environment, served

FILES = (
    "chat/test_completions.py",
    "test_completions.py",
    "test_embeddings.py",
    "test_models.py",
    "test_files.py",
    "test_responses.py",
    "responses/test_input_items.py",
    "responses/test_input_tokens.py",
)


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> "object":
    home = tmp_path_factory.mktemp("sdk")
    names = "\n".join(f'"{name}" = "echo"' for name in ("gpt-6-astra", "model"))
    words = 'serve = ["echo"]\ndefault = "echo"\nfast = "echo"\nembed = "echo"'
    (home / "omniwatt.toml").write_text(f"[models]\n{words}\n[models.aliases]\n{names}\n")
    with served(home, "--log-level", "warning", ready="/readyz") as one:
        yield one


@pytest.mark.timeout(300)
def test_the_sdks_own_tests_pass_against_our_server(server: Served) -> None:
    assert __version__ == side.SDK_VERSION
    done = run(server, side.sdk_sources())
    last = done.stdout.strip().splitlines()[-1]
    assert done.returncode == 0, done.stdout[-6000:] + done.stderr[-2000:]
    passed = re.search(r"(\d+) passed", last)
    assert passed, last
    assert int(passed[1]) > 200, last


def run(server: Served, sources: Path) -> "subprocess.CompletedProcess[str]":
    command = [sys.executable, "-m", "pytest", "-p", "sdk_plugin", "-c", "/dev/null"]
    command += ["--rootdir", str(sources), "-o", "asyncio_mode=auto", "-p", "no:cacheprovider", "-p", "no:randomly"]
    command += ["-o", "asyncio_default_fixture_loop_scope=session", "-q", "--tb=short", "--durations=5", "-W", "ignore"]
    command += [f"tests/api_resources/{file}" for file in FILES]
    environ = environment(server.home) | {
        "PYTHONPATH": str(Path(__file__).parent),
        "TEST_API_BASE_URL": server.url + "/v1",
        "SDK_SUITE_KEY": server.key,
        "SDK_SUITE_DATABASE": str(server.home / "omniwatt.db"),
    }
    return subprocess.run(command, cwd=sources, env=environ, capture_output=True, text=True, timeout=280, check=False)
