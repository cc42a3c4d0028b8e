"""Several meters that see different parts of one machine, added up."""

from contextlib import ExitStack

from omniwatt.contract.power import Manner, Meter, MeterLost, Reading, Scope


class Total:
    """The sum of meters, e.g. `nvml+rapl`. As old as its oldest part; measured only where all parts are."""

    def __init__(self, meters: tuple[Meter, ...], scope: Scope = "node") -> None:
        if not meters:
            raise MeterLost("there is no meter to add up")
        self._meters = meters
        self._scope: Scope = scope

    @property
    def manner(self) -> Manner:
        """The slowest part's."""
        each = [meter.manner for meter in self._meters]
        return Manner(*(max(getattr(one, name) for one in each) for name in Manner.__struct_fields__))

    def read(self) -> Reading:
        """All parts now. Raises MeterLost when one is lost: half a sum would look like room."""
        parts = [meter.read() for meter in self._meters]
        watts = sum(part.watts for part in parts)
        doubt_w = sum(part.watts * part.uncertainty_pct for part in parts)
        return Reading(
            at_s=min(part.at_s for part in parts),
            watts=watts,
            energy_j=sum(part.energy_j for part in parts),
            method="measured" if all(part.method == "measured" for part in parts) else "estimated",
            source="+".join(part.source for part in parts),
            scope=self._scope,
            uncertainty_pct=doubt_w / watts if watts > 0 else max(part.uncertainty_pct for part in parts),
        )

    def close(self) -> None:
        """Let all parts go."""
        with ExitStack() as stack:
            for meter in self._meters:
                stack.callback(meter.close)
