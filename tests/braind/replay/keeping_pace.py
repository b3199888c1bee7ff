"""Who publishes waits for those who read: nothing is overwritten that one of them has not had."""

from __future__ import annotations

from braind_process import Braind, wait_until
from feedd_side import FeeddSide
from record_process import Recording

from hft import stats
from hft.layout.dtypes import RegionKind
from hft.regions import Region, RingReader, read_control_record


def stats_of(recording: Recording) -> dict[str, int]:
    return stats.read(str(recording.run_directory / "recorder" / "stats"))


def recorded(recording: Recording, **streams: int) -> None:
    """Waits until so many records of each stream are in the journal, or known to be lost."""

    def there() -> bool:
        values = stats_of(recording)
        lost = {
            stream: sum(
                values[f'recorder_lost_total{{stream="{stream}",reason="{reason}"}}']
                for reason in ("absent", "lapped")
            )
            for stream in streams
        }
        return all(
            values[f'recorder_records_total{{stream="{stream}"}}'] + lost[stream] >= count
            for stream, count in streams.items()
        )

    wait_until(there, f"the recorder to have {streams}")


def a_pass(recording: Recording) -> None:
    """Waits for a pass that began after now: the first to end may have begun before."""
    recording.wait_for("recorder_passes_total", stats_of(recording)["recorder_passes_total"] + 2)


def together(braind: Braind | None = None, recording: Recording | None = None):
    """Called with the last market record that was published, it waits until both have had it."""

    def wait(at: int) -> None:
        if braind is not None:
            braind.wait_for("braind_ring_cursor", at)
        if recording is not None:
            recorded(recording, market=at)

    return wait


class QueuePace:
    """Before the gateway frees places in the queue: braind sends no more, the recorder has all that it sent.

    Called with the last market record that was published. Over several queues; braind loses no market record.
    """

    def __init__(self, feedd: FeeddSide, recording: Recording) -> None:
        self._run_directory, self._recording = feedd.directory, recording
        self._sent: dict[int, int] = {}  # by queue

    def __call__(self, at: int) -> None:
        folder = self._run_directory / "braind"
        progress = Region.open(str(folder / "progress"), RegionKind.PROGRESS)
        wait_until(lambda: read_control_record(progress, "LoopProgress")["consumed"] == at, f"braind at {at}")
        queue = Region.open(str(folder / "intents.ring"), RegionKind.INTENTS_RING)
        self._sent[queue.generation] = RingReader(queue, 0).head
        recorded(self._recording, intents=sum(self._sent.values()))
