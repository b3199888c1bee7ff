"""What the demo sees of the control plane: the fence page, the gateway's word, and watchd's own status."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

from hft.layout.dtypes import CloseReason, RegionKind
from hft.regions import Region, RegionError, monotonic_ns, read_control_record, read_gateway_state


@dataclass(frozen=True)
class ControlLook:
    """One look. `state` is the state file's word, "" = not there; `lease_ms` counts down to 0."""

    state: str = ""
    state_reason: str = ""
    state_detail: str = ""
    fence_open: bool = False
    fence_reason: str = ""
    epoch: int = 0
    lease_ms: float = 0.0
    gateway_open: bool = False
    would_send: int = 0

    def closed_because(self) -> str:
        """Why the suite is not armed; "" while it is."""
        if self.state == "armed":
            return ""
        return f"the suite is {self.state or 'without a state'}: {self.state_reason} ({self.state_detail})"

    def fence_text(self) -> str:
        """E.g. ``open, lease 93 ms`` or ``closed (loop_silent)``."""
        if self.fence_open:
            return f"open, lease {self.lease_ms:.0f} ms"
        return f"closed ({self.fence_reason})"


class ControlSource:
    """Reads the regions and the state file of a running or ended suite; what is not there yet is empty."""

    def __init__(self, run_directory: Path, state_directory: Path) -> None:
        self._run = run_directory
        self._state_file = state_directory / "state.json"
        self._regions: dict[str, Region] = {}

    def _region(self, name: str, kind: int) -> Region | None:
        if name not in self._regions:
            try:
                self._regions[name] = Region.open(str(self._run / name), kind)
            except RegionError:
                return None
        return self._regions[name]

    def fence(self) -> Region | None:
        return self._region("watchd/fence", int(RegionKind.FENCE))

    def read(self) -> ControlLook:
        """The set of values is not one moment."""
        fence, gateway = self.fence(), self._region("feedd/gateway.state", int(RegionKind.GATEWAY_STATE))
        page = {} if fence is None else read_control_record(fence, "Fence")
        words = {} if gateway is None else read_gateway_state(gateway)
        record = self._record()
        left_ns = page.get("lease_deadline_ns", 0) - monotonic_ns()
        is_open = page.get("token", 0) != 0
        return ControlLook(
            state=str(record.get("state", "")),
            state_reason=str(record.get("reason", "")),
            state_detail=str(record.get("detail", "")),
            fence_open=is_open,
            fence_reason=str(CloseReason(page.get("reason", 0)).name.lower()),
            epoch=page.get("epoch", 0),
            lease_ms=max(0.0, left_ns / 1e6) if is_open else 0.0,
            gateway_open=words.get("fence_open", 0) != 0,
            would_send=words.get("intents_would_send", 0),
        )

    def _record(self) -> dict[str, object]:
        try:
            record: dict[str, object] = json.loads(self._state_file.read_text())
        except (OSError, json.JSONDecodeError):
            return {}
        return record
