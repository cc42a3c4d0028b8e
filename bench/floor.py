"""The floor: a bare ASGI app and one msgspec message to a child process and back. Nothing can be much faster here.

Run as `python -m bench.floor PORT`; its child is `python -m bench.floor child SOCKET`.
"""

import asyncio
import contextlib
import itertools
import struct
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

import msgspec
import uvicorn
import uvloop

ANSWER = {
    "id": "chatcmpl-floor",
    "object": "chat.completion",
    "created": 1,
    "model": "echo",
    "choices": [{"index": 0, "message": {"role": "assistant", "content": "ping"}, "finish_reason": "stop"}],
    "usage": {"prompt_tokens": 1, "completion_tokens": 1, "total_tokens": 2},
}


class Hop(asyncio.Protocol):
    """Length-prefixed msgpack, many calls on one connection."""

    def __init__(self) -> None:
        self.buffer = b""
        self.transport: Any = None
        self.waiting: dict[int, asyncio.Future[Any]] = {}
        self.numbers = itertools.count()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = transport

    def data_received(self, data: bytes) -> None:
        self.buffer += data
        while len(self.buffer) >= 4:
            (length,) = struct.unpack_from("<I", self.buffer)
            if len(self.buffer) < 4 + length:
                return
            message = msgspec.msgpack.decode(self.buffer[4 : 4 + length])
            self.buffer = self.buffer[4 + length :]
            self.received(message)

    def received(self, message: Any) -> None:
        number, body = message
        self.waiting.pop(number).set_result(body)

    def write(self, message: Any) -> None:
        frame = msgspec.msgpack.encode(message)
        self.transport.write(struct.pack("<I", len(frame)) + frame)

    async def call(self, body: Any) -> Any:
        number = next(self.numbers)
        future = asyncio.get_running_loop().create_future()
        self.waiting[number] = future
        self.write([number, body])
        return await future


class ChildHop(Hop):
    def received(self, message: Any) -> None:
        self.write([message[0], ANSWER])


async def child(path: str) -> None:
    server = await asyncio.get_running_loop().create_unix_server(ChildHop, path)
    await server.serve_forever()


async def parent(port: int, path: str) -> None:
    for _ in range(200):
        with contextlib.suppress(OSError):
            _, hop = await asyncio.get_running_loop().create_unix_connection(Hop, path)
            break
        await asyncio.sleep(0.02)

    async def app(scope: Any, receive: Any, send: Any) -> None:
        body, more = b"", True
        while more:
            message = await receive()
            body, more = body + message.get("body", b""), message.get("more_body", False)
        answer = await hop.call(msgspec.json.decode(body or b"null"))
        encoded = msgspec.json.encode(answer)
        headers = [(b"content-type", b"application/json"), (b"content-length", str(len(encoded)).encode())]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        await send({"type": "http.response.body", "body": encoded})

    config = uvicorn.Config(app, port=port, loop="uvloop", http="httptools", lifespan="off", log_level="error")
    await uvicorn.Server(config).serve()


def main() -> None:
    if sys.argv[1] == "child":
        uvloop.run(child(sys.argv[2]))
        return
    with tempfile.TemporaryDirectory() as folder:
        path = str(Path(folder) / "hop.sock")
        worker = subprocess.Popen([sys.executable, "-m", "bench.floor", "child", path])
        try:
            uvloop.run(parent(int(sys.argv[1]), path))
        finally:
            worker.kill()
            worker.wait()


if __name__ == "__main__":
    main()
