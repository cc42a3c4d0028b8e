"""llama.cpp's server inside this process: private socket, threads bridged to the loop, cancellation at each batch."""

import asyncio
import contextlib
import importlib
import json
import os
import shutil
import tempfile
import threading
from collections import deque
from collections.abc import AsyncIterator, Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import psutil

from omniwatt.contract.error import BadInput, ContextTooLong, EngineFailed

PREFIX = "omniwatt-llama-"
SPIN = 1000
"""How often a thread looks before it sleeps at a barrier of libgomp, whose own default is 300,000.

A thread that spins on a busy machine holds up the very thread it waits for: beside one busy process the 0.5B writes
30 tokens a second with 300, 24 with 1,000 and 9 with 10,000. On an idle machine 300 costs a tenth (51 instead of 56),
1,000 nothing. Set before llama.cpp is imported, because libgomp reads it once.
"""


class LlamaServer:
    """One loaded model. llama.cpp insists on an HTTP listener: it gets a Unix socket in a folder only we may enter."""

    def __init__(self, params: Any, threads: int) -> None:
        _sweep()
        self._dir = Path(tempfile.mkdtemp(prefix=f"{PREFIX}{os.getpid()}-"))
        self._socket = str(self._dir / "s.sock")
        params.hostnames = [self._socket]
        params.n_threads_http = 2
        params.ui = False
        params.verbosity = -1
        params.endpoint_props = True
        params.timeout_read = params.timeout_write = 60
        self._pool = ThreadPoolExecutor(threads, "llama")
        self._params = params
        self._server: Any = None

    async def start(self, progress: Callable[[float], None]) -> None:
        """Load the weights. Raises EngineFailed when llama.cpp refuses the file."""
        loading = asyncio.ensure_future(self.on_thread(self._create))
        total = file_bytes(self._params.model.path)
        process = psutil.Process()
        before = process.memory_info().rss
        while not (await asyncio.wait({loading}, timeout=0.2))[0]:
            progress(min(0.9, (process.memory_info().rss - before) / total))
        await loading

    def _create(self) -> None:
        try:
            self._server = library().Server(self._params)
        except RuntimeError as error:
            name = Path(self._params.model.path).name
            raise EngineFailed(f"llama.cpp could not load {name}: damaged, unsupported or too large") from error

    async def on_thread(self, work: Callable[..., Any], *args: Any) -> Any:
        """Run blocking `work` on one of our threads."""
        return await asyncio.get_running_loop().run_in_executor(self._pool, work, *args)

    def generate(self, body: dict[str, Any]) -> "Generation":
        """Start a completion; the caller must close what it gets."""
        return Generation(self._server, body, self._pool)

    def embed(self, body: dict[str, Any]) -> Any:
        """Blocking: the answer of /v1/embeddings."""
        return self._server.handle_embeddings(body)

    async def post(self, path: str, body: dict[str, Any]) -> Any:
        """Ask one of llama.cpp's own routes. Raises BadInput or EngineFailed with its words."""
        payload = json.dumps(body).encode("utf-8", "replace")
        head = (
            f"POST {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n"
            f"Content-Type: application/json\r\nContent-Length: {len(payload)}\r\n\r\n"
        )
        return await self._exchange(head.encode() + payload)

    async def get(self, path: str) -> Any:
        """Read one of llama.cpp's own routes."""
        return await self._exchange(f"GET {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n".encode())

    async def _exchange(self, request: bytes) -> Any:
        reader, writer = await asyncio.open_unix_connection(self._socket)
        try:
            writer.write(request)
            await writer.drain()
            answer = await reader.read()
        finally:
            writer.close()
        head, _, body = answer.partition(b"\r\n\r\n")
        value = json.loads(body.decode("utf-8", "replace"))
        if not head.startswith(b"HTTP/1.1 200"):
            raise failure(value)
        return value

    async def tokenize(self, text: str, *, start: bool = True, control: bool = True) -> list[int]:
        """Token ids of `text`: with the model's start token, and reading control tokens in it as such."""
        answer = await self.post("/tokenize", {"content": text, "add_special": start, "parse_special": control})
        return list(answer["tokens"])

    async def detokenize(self, ids: Sequence[int]) -> str:
        """The text of these token ids."""
        answer = await self.post("/detokenize", {"tokens": list(ids)})
        return str(answer["content"])

    async def busy_slots(self) -> int:
        """How many of llama.cpp's slots are at work right now."""
        return sum(slot["is_processing"] for slot in await self.get("/slots"))

    async def close(self) -> None:
        """Free the model; every generation must be closed before."""
        if self._server is not None:
            await self.on_thread(self._destroy)
        self._pool.shutdown(wait=False)
        shutil.rmtree(self._dir, ignore_errors=True)

    def _destroy(self) -> None:
        self._server = None


class Generation:
    """Chunks of one completion, from llama.cpp's thread to the loop, with one wake-up for however many are waiting."""

    def __init__(self, server: Any, body: dict[str, Any], pool: ThreadPoolExecutor) -> None:
        self._loop = asyncio.get_running_loop()
        self._chunks: deque[dict[str, Any]] = deque()
        self._news = asyncio.Event()
        self._woken = False
        self._stopped = threading.Event()
        self._ended = False
        self.on_end: Callable[[], None] = _nothing
        """Called once everything is computed, read or not."""
        self._thread = self._loop.run_in_executor(pool, self._work, server, body)

    def _work(self, server: Any, body: dict[str, Any]) -> None:
        try:
            if not self._stopped.is_set():
                server.handle_completions(body, self._take)
        except Exception as error:  # noqa: BLE001 - whatever llama.cpp throws becomes one error of ours
            self._chunks.append({"error": {"message": f"llama.cpp: {type(error).__name__}", "code": 500}})
        finally:
            self._loop.call_soon_threadsafe(self._end)

    def _take(self, chunk: dict[str, Any]) -> bool:
        """Called by llama.cpp for each chunk; True stops the generation."""
        if self._stopped.is_set():
            return True
        self._chunks.append(chunk)
        if not self._woken:
            self._woken = True
            self._loop.call_soon_threadsafe(self._news.set)
        return False

    @property
    def ahead(self) -> bool:
        """True while there are chunks nobody has taken yet."""
        return bool(self._chunks)

    def _end(self) -> None:
        self._ended = True
        self._news.set()
        self.on_end()

    async def __aiter__(self) -> AsyncIterator[dict[str, Any]]:
        while True:
            await self._news.wait()
            self._news.clear()
            self._woken = False
            while self._chunks:
                chunk = self._chunks.popleft()
                if "error" in chunk:
                    raise failure(chunk)
                yield chunk
            if self._ended:
                return

    async def aclose(self) -> None:
        """Stop at the next batch or token and return when the thread has left."""
        self._stopped.set()
        await finish(self._thread)


def _nothing() -> None:
    return


async def finish(work: "asyncio.Future[Any]") -> None:
    """Wait for `work` even when cancelled meanwhile: what it uses must not be given away before it has ended."""
    cancelled: asyncio.CancelledError | None = None
    while not work.done():
        try:
            await asyncio.shield(work)
        except asyncio.CancelledError as error:
            cancelled = error
    if cancelled is not None:
        raise cancelled


def failure(answer: dict[str, Any]) -> Exception:
    """llama.cpp's error body as an error of ours."""
    error = answer.get("error", {})
    if error.get("type") == "exceed_context_size_error":
        return ContextTooLong.of(error.get("n_prompt_tokens", 0), None, error.get("n_ctx", 0))
    message = str(error.get("message", "the engine failed"))
    return BadInput(message) if error.get("code") == 400 else EngineFailed(message)


def library(spin: int = SPIN) -> Any:
    """llama.cpp's Python module; `spin` counts on the first call only."""
    os.putenv("GOMP_SPINCOUNT", str(spin))
    return importlib.import_module("xllamacpp")


def base_params(model: str, *, threads: int, gpu_layers: int, spin: int = SPIN) -> Any:
    """Parameters every engine shares. The RAM prompt cache stays off: it is shared by all callers."""
    params = library(spin).CommonParams()
    params.model.path = model
    params.n_gpu_layers = gpu_layers
    params.cpuparams.n_threads = params.cpuparams_batch.n_threads = threads
    params.cache_ram_mib = 0
    params.cache_idle_slots = False
    params.fit_params = False
    return params


def file_bytes(path: str) -> int:
    """Size of a model's file. Raises EngineFailed when it is not there."""
    try:
        return Path(path).stat().st_size
    except OSError as error:
        raise EngineFailed(f"{Path(path).name} cannot be read: {error.strerror}") from error


def _sweep() -> None:
    """Remove socket folders of processes that were killed before they could."""
    for folder in Path(tempfile.gettempdir()).glob(f"{PREFIX}*-*"):
        pid = folder.name.removeprefix(PREFIX).partition("-")[0]
        with contextlib.suppress(OSError, ValueError):
            if folder.stat().st_uid == os.getuid() and not psutil.pid_exists(int(pid)):
                shutil.rmtree(folder, ignore_errors=True)
