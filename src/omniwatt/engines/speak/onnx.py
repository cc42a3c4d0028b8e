"""ONNX Runtime as the speaking engines use it: few threads that sleep when idle, and calls that can be stopped."""

import asyncio
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime
from numpy.typing import NDArray

from omniwatt.contract.error import Cancelled, EngineFailed
from omniwatt.contract.protocol import Context

_QUIET = 3


class Network:
    """One ONNX graph on the CPU. `model` is a file or the bytes of one. Raises EngineFailed."""

    def __init__(self, model: Path | bytes, threads: int) -> None:
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = threads
        options.inter_op_num_threads = 1
        options.log_severity_level = _QUIET
        # Threads that wait by turning would burn watts and keep the other engines from their cores.
        options.add_session_config_entry("session.intra_op.allow_spinning", "0")
        options.add_session_config_entry("session.set_denormal_as_zero", "1")
        source = model if isinstance(model, bytes) else str(model)
        try:
            self._session = onnxruntime.InferenceSession(source, options, providers=["CPUExecutionProvider"])
        except Exception as error:
            raise EngineFailed(f"not an ONNX model that can be run: {' '.join(str(error).split())[:200]}") from error
        self.inputs = {given.name: given.type for given in self._session.get_inputs()}
        self.metadata: dict[str, str] = dict(self._session.get_modelmeta().custom_metadata_map)

    def run(self, feed: Mapping[str, NDArray[Any]], options: Any = None) -> list[NDArray[Any]]:
        """All outputs. Blocks."""
        return [np.asarray(output) for output in self._session.run(None, dict(feed), options)]

    async def run_beside(
        self, threads: ThreadPoolExecutor, feed: Mapping[str, NDArray[Any]], ctx: Context
    ) -> list[NDArray[Any]]:
        """`run` on one of `threads`, stopped between two nodes when the call is cancelled. Raises Cancelled."""
        options = onnxruntime.RunOptions()
        options.log_severity_level = _QUIET + 1

        def stop() -> None:
            options.terminate = True

        ctx.on_cancel(stop)
        work = asyncio.get_running_loop().run_in_executor(threads, self.run, feed, options)
        try:
            return await asyncio.shield(work)
        except asyncio.CancelledError:
            stop()
            await asyncio.wait([work])
            work.exception()
            raise
        except Exception:
            if ctx.cancelled or options.terminate:
                raise Cancelled("The request was cancelled.") from None
            raise
