"""fsync on a thread of its own: a slow disk must not keep the recorder from reading its rings.

Jobs run in order. The first one that fails ends it all: after a failed fsync nobody knows what is on the medium,
so nothing later may claim to be.
"""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable

Job = Callable[[], None]
# More waiting than this, and the disk is hopeless: the recorder waits with it.
JOBS_MAX = 64


class Syncer:
    """`submit` jobs, look at `error`, `close` when done. `threaded` False: each runs at once, for tests."""

    def __init__(self, threaded: bool = True) -> None:
        self.error: OSError | None = None
        self._jobs: queue.Queue[Job | None] = queue.Queue(JOBS_MAX)
        self._threaded = threaded
        self._thread = threading.Thread(target=self._work, name="hft-journal-sync", daemon=True)
        if threaded:
            self._thread.start()

    @property
    def idle(self) -> bool:
        """Whether every job so far is done."""
        return self._jobs.unfinished_tasks == 0

    def submit(self, job: Job) -> None:
        if self._threaded:
            self._jobs.put(job)
        else:
            self._run(job)

    def close(self) -> None:
        """Waits for all jobs. `error` then says how they ended."""
        if self._threaded and self._thread.is_alive():
            self._jobs.put(None)
            self._thread.join()

    def _work(self) -> None:
        while (job := self._jobs.get()) is not None:
            self._run(job)
            self._jobs.task_done()

    def _run(self, job: Job) -> None:
        if self.error is not None:
            return
        try:
            job()
        except OSError as error:
            self.error = error
