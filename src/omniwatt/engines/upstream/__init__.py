"""A relay to any OpenAI-compatible URL: a provider, a reseller, vLLM, SGLang, llama-server."""

from omniwatt.engines.upstream.engine import Upstream

__all__ = ["Upstream"]
