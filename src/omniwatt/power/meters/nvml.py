"""NVIDIA GPUs through NVML: instant power where the driver has it, and the energy counter since Volta.

Nothing here waits for or synchronises a device. The plain power query is a mean over a second on most cards since
Ampere (NVML's documentation), so the instant field is asked for first.
"""

import time
from collections.abc import Callable
from contextlib import suppress
from typing import Any

from omniwatt.contract.power import Manner, MeterLost, Reading
from omniwatt.power.meters.counter import Counter

INSTANT_PCT, AVERAGE_PCT = 5.0, 10.0
"""Yang et al. 2023 (arXiv 2312.02741): within 5 % when it is sampled well; a quarter of the run time is, on A100."""
AVERAGED_S = 1.0
INSTANT = Manner(window_s=0.1, period_s=0.1, doubt_s=0.08)
"""At most: cards renew it every 20 to 100 ms and average over 25 to 100 ms (the same)."""
AVERAGE = Manner(window_s=AVERAGED_S, period_s=0.1, doubt_s=0.08)


class Nvml:
    """The sum of all cards (or those of `indices`). Raises MeterLost without a driver or a card."""

    def __init__(
        self, indices: tuple[int, ...] = (), library: Any = None, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._clock = clock
        self._nvml = library or _library()
        try:
            self._nvml.nvmlInit()
            count = self._nvml.nvmlDeviceGetCount()
            self._cards = [self._nvml.nvmlDeviceGetHandleByIndex(i) for i in indices or range(count)]
        except Exception as error:
            raise MeterLost(f"NVML finds no card: {error}") from error
        if not self._cards:
            raise MeterLost("NVML finds no card")
        self._instant = all(self._instant_w(card) is not None for card in self._cards)
        self._counted = all(self._counter_j(card) is not None for card in self._cards)
        self._start_j = self._counters_j()
        self._counter = Counter()
        self.manner = INSTANT if self._instant else AVERAGE

    def read(self) -> Reading:
        """Watts of all cards now; joules by their counters, else by the watts."""
        now_s = self._clock()
        try:
            watts = sum(self._watts(card) for card in self._cards)
            energy_j = self._counters_j() - self._start_j if self._counted else 0.0
        except self._nvml.NVMLError as error:
            raise MeterLost(f"a card was lost: {error}") from error
        at_s = now_s if self._instant else now_s - AVERAGED_S / 2
        integral_j = self._counter.add(at_s, watts)
        return Reading(
            at_s,
            watts,
            energy_j if self._counted else integral_j,
            "measured",
            "nvml",
            "gpu",
            INSTANT_PCT if self._instant else AVERAGE_PCT,
        )

    def close(self) -> None:
        """Let the library go."""
        with suppress(self._nvml.NVMLError):
            self._nvml.nvmlShutdown()

    def _watts(self, card: Any) -> float:
        found = self._instant_w(card) if self._instant else None
        return float(self._nvml.nvmlDeviceGetPowerUsage(card)) / 1e3 if found is None else found

    def _instant_w(self, card: Any) -> float | None:
        """The instant field, None where the driver or the card has none."""
        field = getattr(self._nvml, "NVML_FI_DEV_POWER_INSTANT", None)
        if field is None:
            return None
        with suppress(self._nvml.NVMLError):
            value = self._nvml.nvmlDeviceGetFieldValues(card, [field])[0]
            if value.nvmlReturn == self._nvml.NVML_SUCCESS:
                return float(value.value.uiVal) / 1e3
        return None

    def _counter_j(self, card: Any) -> float | None:
        with suppress(self._nvml.NVMLError):
            return float(self._nvml.nvmlDeviceGetTotalEnergyConsumption(card)) / 1e3
        return None

    def _counters_j(self) -> float:
        return sum(self._counter_j(card) or 0.0 for card in self._cards)


def _library() -> Any:
    try:
        import pynvml
    except ImportError as error:
        raise MeterLost("cards are read through nvidia-ml-py, which is not installed") from error
    except Exception as error:
        raise MeterLost(f"nvidia-ml-py cannot be loaded: {error}") from error
    return pynvml
