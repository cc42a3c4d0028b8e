"""The peers, each in front of the same floor server: LiteLLM's proxy (its own environment) and nginx."""

import contextlib
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

from bench.common import ROOT, free_port, have, running, say, wait_http

LITELLM = ROOT / ".venv" / "peers" / "litellm"
LOCK = ROOT / "bench" / "peers" / "litellm.lock"
KEY = "sk-peer"


def litellm_environment() -> Path | None:
    """LiteLLM's own virtual environment, hash-checked; None where it cannot be installed."""
    program, stamp = LITELLM / "bin" / "litellm", LITELLM / "lock"
    if program.exists() and stamp.exists() and stamp.read_bytes() == LOCK.read_bytes():
        return program
    say("installing LiteLLM into .venv/peers/litellm (once)")
    try:
        subprocess.run([sys.executable, "-m", "venv", str(LITELLM)], check=True)
        pip = [str(LITELLM / "bin" / "python"), "-m", "pip", "install", "-q", "--disable-pip-version-check"]
        subprocess.run([*pip, "--require-hashes", "-r", str(LOCK)], check=True)
    except (subprocess.CalledProcessError, OSError) as error:
        say(f"LiteLLM is absent: {error}")
        return None
    stamp.write_bytes(LOCK.read_bytes())
    return program


@contextlib.contextmanager
def litellm(floor_port: int) -> Iterator[int | None]:
    """LiteLLM's proxy with a master key and one model; its port, or None."""
    program = litellm_environment()
    if program is None:
        yield None
        return
    with tempfile.TemporaryDirectory() as folder:
        config = Path(folder) / "config.yaml"
        config.write_text(
            "model_list:\n  - model_name: echo\n    litellm_params:\n      model: openai/echo\n"
            f"      api_base: http://127.0.0.1:{floor_port}/v1\n      api_key: none\n"
            f"general_settings:\n  master_key: {KEY}\nlitellm_settings:\n  telemetry: false\n",
            encoding="utf-8",
        )
        port = free_port()
        command = [str(program), "--config", str(config), "--host", "127.0.0.1", "--port", str(port)]
        environ = os.environ | {"LITELLM_LOG": "ERROR", "LITELLM_LOCAL_MODEL_COST_MAP": "True", "NO_PROXY": "*"}
        quiet = subprocess.DEVNULL
        with running(command, env=environ, stdout=quiet, stderr=quiet) as process:
            wait_http(f"http://127.0.0.1:{port}/health/liveliness", process)
            yield port


def nginx_program() -> str | None:
    """nginx's path; installed with apt-get where that is allowed, None where it is not."""
    if have("nginx") is None and os.geteuid() == 0 and have("apt-get"):
        say("installing nginx-light")
        subprocess.run(["apt-get", "install", "-y", "-qq", "nginx-light"], check=False, capture_output=True)
    return have("nginx")


@contextlib.contextmanager
def nginx(floor_port: int) -> Iterator[int | None]:
    """nginx with one proxy_pass and kept connections; its port, or None."""
    program = nginx_program()
    if program is None:
        yield None
        return
    with tempfile.TemporaryDirectory() as folder:
        port = free_port()
        config = Path(folder) / "nginx.conf"
        config.write_text(
            f"daemon off; pid {folder}/pid; error_log stderr crit; worker_processes auto;\n"
            "events { worker_connections 1024; }\n"
            f"http {{ access_log off; client_body_temp_path {folder}/body; proxy_temp_path {folder}/proxy;\n"
            f"fastcgi_temp_path {folder}/f; uwsgi_temp_path {folder}/u; scgi_temp_path {folder}/s;\n"
            f"upstream floor {{ server 127.0.0.1:{floor_port}; keepalive 64; }}\n"
            f"server {{ listen 127.0.0.1:{port}; keepalive_requests 10000000;\n"
            'location / { proxy_pass http://floor; proxy_http_version 1.1; proxy_set_header Connection ""; } } }\n',
            encoding="utf-8",
        )
        with running([program, "-c", str(config), "-p", folder], stderr=subprocess.DEVNULL) as process:
            wait_http(f"http://127.0.0.1:{port}/", process)
            yield port
