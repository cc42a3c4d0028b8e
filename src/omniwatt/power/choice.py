"""Which meter: from the settings and what calibration found, to a meter that can be read."""

from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from omniwatt import settings
from omniwatt.contract.power import MOST_W, Meter, MeterLost
from omniwatt.power.calibrate import Calibration
from omniwatt.power.meters import best, open_meter
from omniwatt.power.meters.corrected import Corrected
from omniwatt.power.meters.estimate import CpuModel, uncalibrated
from omniwatt.power.meters.nvml import Nvml
from omniwatt.power.meters.rapl import Rapl
from omniwatt.power.meters.total import Total
from omniwatt.power.meters.wall import Outlet, Wall

NO_SENSOR = (
    "this machine shows no power sensor (no RAPL, no NVML, no power.wall_url), as most virtual machines do.\n"
    "Read the watts off a plug or a data sheet and say: omniwatt power calibrate --idle-w 38 --max-w 112"
)


def sensors(power: settings.Power) -> tuple[Meter, Meter | None]:
    """What really measures here: the meters inside, and the one at the wall beside them (or alone).

    Raises MeterLost when there is none, or the wall meter that is set does not answer.
    """
    outlet = _outlet(power)
    wall = Wall(outlet) if outlet else None
    inside: list[Meter] = []
    for kind in (Rapl, Nvml):
        with suppress(MeterLost):
            inside.append(kind())
    if inside:
        return (inside[0] if len(inside) == 1 else Total(tuple(inside))), wall
    if wall is None:
        raise MeterLost(NO_SENSOR)
    return wall, None


def chosen(
    power: settings.Power, calibration: Calibration | None, model: CpuModel, used_s: Callable[[], float]
) -> Meter | None:
    """The meter the settings ask for; None for `none`. Raises MeterLost when it is not there."""
    line = calibration.wall if calibration else None
    if power.meter == "auto" and line is not None:
        return Corrected(best(model, used_s), line.offset, line.slope, line.error_pct)
    recording = Path(power.recording).expanduser() if power.recording else None
    return open_meter(power.meter, model, used_s, outlet=_outlet(power), recording=recording)


def cpu_model(power: settings.Power, calibration: Calibration | None) -> CpuModel:
    """What the machine takes: by the settings, else by calibration, else by assumption."""
    model = calibration.cpu if calibration else uncalibrated()
    if not power.idle_w and not power.max_w:
        return model
    idle_w, max_w = power.idle_w or model.idle_w, power.max_w or model.max_w
    if not 0.0 <= idle_w < max_w <= MOST_W:
        both = "" if power.idle_w and power.max_w else "; set both: the other one is assumed"
        raise MeterLost(f"power.idle_w ({idle_w:.1f}) must lie between 0 and power.max_w ({max_w:.1f}){both}")
    return CpuModel(idle_w=idle_w, core_w=(max_w - idle_w) / model.cores, cores=model.cores, uncertainty_pct=20.0)


def _outlet(power: settings.Power) -> Outlet | None:
    if not power.wall_url:
        return None
    return Outlet(
        url=power.wall_url,
        form=power.wall_form,
        field=power.wall_field,
        user=power.wall_user,
        password=_password(power.wall_password_file),
        period_s=power.wall_period_s,
        late_s=power.wall_late_s,
        unit_w=power.wall_unit_w,
        scope=power.wall_scope,
    )


def _password(file: str) -> str:
    if not file:
        return ""
    try:
        return Path(file).expanduser().read_text(encoding="utf-8").strip()
    except (OSError, UnicodeDecodeError) as error:
        said = error.strerror if isinstance(error, OSError) else "it is no text"
        raise MeterLost(f"the wall meter's password cannot be read from {file}: {said}") from error
