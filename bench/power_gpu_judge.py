"""An onlooker of the first card: its instant power by NVML, fifty times a second, written down until it is ended.

    python -m bench.power_gpu_judge FILE

Lines of the file: seconds (time.monotonic), watts.
"""

import sys
import time
from contextlib import closing
from pathlib import Path

from omniwatt.power.meters.nvml import Nvml

LOOK_S = 0.02


def main() -> None:
    """Until it is terminated."""
    next_s = time.monotonic()
    with closing(Nvml((0,))) as meter, Path(sys.argv[1]).open("w", buffering=1, encoding="ascii") as out:
        while True:
            reading = meter.read()
            out.write(f"{reading.at_s:.6f} {reading.watts:.3f}\n")
            next_s += LOOK_S
            time.sleep(max(0.0, next_s - time.monotonic()))


if __name__ == "__main__":
    main()
