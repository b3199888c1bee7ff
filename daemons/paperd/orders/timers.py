"""What is to happen later, on the caller's clock."""

import heapq
from collections.abc import Callable
from itertools import count


class Timers:
    """Callbacks by due time; those due at the same time run in the order they were set."""

    def __init__(self) -> None:
        self._heap: list[tuple[int, int, Callable[[], object]]] = []
        self._numbers = count()

    def at(self, due_ns: int, callback: Callable[[], object]) -> None:
        heapq.heappush(self._heap, (due_ns, next(self._numbers), callback))

    def next_due_ns(self) -> int | None:
        return self._heap[0][0] if self._heap else None

    def run(self, now_ns: int) -> None:
        while self._heap and self._heap[0][0] <= now_ns:
            heapq.heappop(self._heap)[2]()
