"""One diffusion model behind three tasks, whatever its family: picture from words, from a picture, into a hole."""

import contextlib
import functools
import inspect
import itertools
import math
from collections.abc import Callable, Iterator, Mapping
from typing import Any, Literal

import msgspec
import torch
from diffusers import AutoPipelineForImage2Image, AutoPipelineForInpainting, AutoPipelineForText2Image
from PIL import Image

from omniwatt.contract.error import EngineFailed, UnsupportedField

Task = Literal["generate", "edit", "vary"]
_FAMILIES: dict[Task, Any] = {"edit": AutoPipelineForInpainting, "vary": AutoPipelineForImage2Image}
_DTYPES = {"float32": torch.float32, "float16": torch.float16, "bfloat16": torch.bfloat16}


class Options(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Options of the card. `source` is a folder, or a model's id on the hub, which is asked only with `hub`."""

    source: str
    hub: bool = False
    revision: str = ""
    device: str = ""
    """`cuda`, `cuda:1`, `cpu`; empty takes a GPU where there is one."""
    dtype: Literal["", "float32", "float16", "bfloat16"] = ""
    offload: bool = False
    """Keep on the GPU only the part that works: slower, for cards with little memory."""
    steps: Mapping[str, int] = msgspec.field(default_factory=lambda: {"low": 8, "medium": 24, "high": 50})
    guidance: float | None = None
    strength: float = 0.6
    """How far an edited picture may leave the given one: 0 not at all, 1 altogether."""
    harmonise: float = 0.0
    """How strongly a picture is gone over once its words stand on it, so that light and colour meet; 0 is not at
    all. The words are set anew on the result."""
    native_px: int = 1024
    """The side the model was trained at: larger pictures are painted at this and enlarged."""
    multiple_px: int = 16
    blobs_dir: str = ""


class Wish(msgspec.Struct, frozen=True, kw_only=True):
    """One picture to paint. `mask` is white where `image` may change."""

    task: Task = "generate"
    prompt: str
    avoid: str = ""
    width_px: int
    height_px: int
    steps: int
    seed: int
    guidance: float | None = None
    strength: float = 0.6
    image: Image.Image | None = None
    mask: Image.Image | None = None

    @property
    def scheduled(self) -> int:
        """The steps of the whole way from noise. From a picture only the last of them are taken: one at least."""
        return max(self.steps, math.ceil(1 / self.strength)) if self.image is not None else self.steps

    @property
    def total(self) -> int:
        """The steps that are taken (SDEdit; Meng et al. 2021)."""
        return max(1, int(self.scheduled * self.strength)) if self.image is not None else self.steps


Step = Callable[[int, int, "Preview"], None]
"""Called before step n (from 0) of how many, and after the last, with a way to look at what is there so far."""
Preview = Callable[[], Image.Image | None]


class Pipelines:
    """Blocks; one picture at a time."""

    def __init__(self, options: Options, threads: int) -> None:
        """Read the weights: safetensors only, no code from the model. Raises EngineFailed."""
        self.options = options
        self.device = options.device or ("cuda" if torch.cuda.is_available() else "cpu")
        torch.set_num_threads(threads)
        try:
            base = AutoPipelineForText2Image.from_pretrained(
                options.source,
                dtype=_DTYPES[options.dtype or ("float32" if self.device == "cpu" else "bfloat16")],
                local_files_only=not options.hub,
                use_safetensors=True,
                revision=options.revision or None,
            )
        except (OSError, ValueError, KeyError, RuntimeError) as error:
            raise EngineFailed(
                f"no pipeline that diffusers can load from {options.source!r}: {_line(error)}"
            ) from error
        if options.offload and self.device != "cpu":
            base.enable_model_cpu_offload()
        else:
            base.to(self.device)
        if hasattr(base, "vae") and hasattr(base.vae, "enable_tiling"):
            base.vae.enable_tiling()
        self._pipelines: dict[Task, Any] = {"generate": base}
        parts = [part for part in base.components.values() if isinstance(part, torch.nn.Module)]
        self.weight_bytes = sum(weight.nbytes for part in parts for weight in part.parameters())

    def paint(self, wish: Wish, on_step: Step) -> Image.Image:
        """The picture. Whatever `on_step` raises ends the work and comes out.

        Raises UnsupportedField, and EngineFailed for a picture that the GPU has no memory for.
        """
        pipeline = self._for(wish)
        pipeline.set_progress_bar_config(disable=True)
        taken = inspect.signature(pipeline.__call__).parameters
        total = wish.total if "strength" in taken else wish.scheduled
        wanted: dict[str, Any] = {
            "prompt": wish.prompt,
            "negative_prompt": wish.avoid or None,
            "num_inference_steps": wish.scheduled,
            "guidance_scale": wish.guidance,
            "width": wish.width_px,
            "height": wish.height_px,
            "generator": torch.Generator("cpu").manual_seed(wish.seed),
            "image": wish.image,
            "mask_image": wish.mask,
            "strength": wish.strength if wish.image is not None else None,
        }
        given = {name: value for name, value in wanted.items() if value is not None and name in taken}
        on_step(0, total, lambda: None)
        try:
            with (
                torch.inference_mode(),
                _told(pipeline, taken, wish, functools.partial(_count, on_step, total)) as more,
            ):
                return _first(pipeline(**given, **more, output_type="pil"))
        except torch.OutOfMemoryError as error:
            torch.cuda.empty_cache()
            raise EngineFailed(f"No memory for {wish.width_px}x{wish.height_px} on {self.device}.") from error

    def _for(self, wish: Wish) -> Any:
        """The pipeline of a task shares the weights of the others. A picture without a mask is painted over whole."""
        task: Task = "vary" if wish.task == "edit" and wish.mask is None else wish.task
        if task not in self._pipelines:
            try:
                self._pipelines[task] = _FAMILIES[task].from_pipe(self._pipelines["generate"])
            except (ValueError, OSError) as error:
                raise UnsupportedField(
                    f"This model cannot {'paint over a picture' if task == 'vary' else 'fill a mask'}: {_line(error)}",
                    param="mask" if task == "edit" else "image",
                ) from error
        return self._pipelines[task]


def _count(on_step: Step, total: int, step: int, preview: "Preview") -> None:
    on_step(min(step, total), total, preview)


@contextlib.contextmanager
def _told(
    pipeline: Any, taken: Mapping[str, Any], wish: Wish, after: Callable[[int, Preview], None]
) -> Iterator[dict[str, Any]]:
    """Arguments with which a pipeline calls `after` at each step; one that takes none is watched at its scheduler."""
    if "callback_on_step_end" in taken:

        def ended(pipe: Any, step: int, timestep: Any, tensors: dict[str, Any]) -> dict[str, Any]:
            after(step + 1, lambda: _preview(pipe, tensors["latents"], wish))
            return {}

        yield {"callback_on_step_end": ended, "callback_on_step_end_tensor_inputs": ["latents"]}
        return
    scheduler, steps = pipeline.scheduler, itertools.count(1)
    own = scheduler.step

    def stepped(*values: Any, **named: Any) -> Any:
        made = own(*values, **named)
        after(next(steps), lambda: None)
        return made

    scheduler.step = stepped
    try:
        yield {}
    finally:
        del scheduler.step


def _preview(pipe: Any, latents: torch.Tensor, wish: Wish) -> Image.Image | None:
    """The picture so far, noise and all; None for models whose latents say nothing by themselves."""
    if latents.ndim == 3 and hasattr(pipe, "_unpack_latents"):
        latents = pipe._unpack_latents(latents, wish.height_px, wish.width_px, pipe.vae_scale_factor)
    if latents.ndim != 4 or not hasattr(pipe, "vae") or latents.shape[1] != pipe.vae.config.latent_channels:
        return None
    config = pipe.vae.config
    scaled = latents / config.scaling_factor + (getattr(config, "shift_factor", None) or 0.0)
    decoded = pipe.vae.decode(scaled.to(pipe.vae.dtype), return_dict=False)[0]
    pictures: list[Image.Image] = pipe.image_processor.postprocess(decoded.detach(), output_type="pil")
    return pictures[0]


def _first(answer: Any) -> Image.Image:
    image = answer.images[0]
    if not isinstance(image, Image.Image):
        raise EngineFailed("the pipeline answered with something that is no picture")
    return image


def _line(error: Exception) -> str:
    return " ".join(str(error).split())[:300]
