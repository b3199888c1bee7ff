"""What a starting watchd believes: the state file, unless it is missing or damaged or the fence page knows worse."""

from __future__ import annotations

from dataclasses import dataclass

from hft.layout.dtypes import CloseReason
from watchd.documents import utc
from watchd.state_file import Paused, StateRecord
from watchd.states import SuiteState, is_kill, reason_name


@dataclass(frozen=True)
class Restored:
    """`durable`: `record` is what the disk holds."""

    record: StateRecord
    durable: bool

    @property
    def kill_reason(self) -> int:
        """What the closed fence page must say from now on when the suite is killed, 0 when it is not.

        A clear whose fsync fails behind its rename is refused, but leaves `disarmed` under the file's name. A watchd
        that dies before it has written `killed` again must not be followed by one that believes the file.
        """
        if self.record.state is not SuiteState.KILLED:
            return 0
        named = [
            reason for reason in CloseReason if reason.name.lower() == self.record.reason and is_kill(reason)
        ]
        return int(named[0] if named else CloseReason.OPERATOR)


def restored(
    record: StateRecord | None, problem: str, fence_reason: int, fence_epoch: int, wall_ns: int
) -> Restored:
    """`record` None: the file could not be used, for `problem`.

    `armed` stays `armed` here: the monitor makes a kill of it. A fence page of this boot that was closed by a kill
    outweighs a file that says `disarmed`: the disk was full then, or its watchd died in between.
    """
    if record is None:
        reason, detail = int(CloseReason.STATE_UNREADABLE), problem
        if is_kill(fence_reason):
            reason = fence_reason
        return Restored(_killed(reason, detail, fence_epoch, Paused(), wall_ns), durable=False)
    if record.state is SuiteState.DISARMED and is_kill(fence_reason):
        detail = "found on the fence page; the state file did not know it"
        return Restored(_killed(fence_reason, detail, record.epoch, record.paused, wall_ns), durable=False)
    return Restored(record, durable=True)


def _killed(reason: int, detail: str, epoch: int, paused: Paused, wall_ns: int) -> StateRecord:
    return StateRecord(
        state=SuiteState.KILLED, reason=reason_name(reason), detail=detail, by="watchd", uid=0, at=utc(wall_ns),
        epoch=epoch, open_orders=None, paused=paused,
    )  # fmt: skip
