"""Strategies that behave until a test says otherwise, and then never return from their policy.

The word that says so is a float64 in a file that the test maps ($HFT_TEST_TRIGGER), beside the parameters that the
policy is given: compiled code reads it at each decision, the rehearsal's included, which comes before.
"""

from __future__ import annotations

import ctypes
import fcntl
import mmap
import os
import struct
from typing import Any

import numpy as np
from numpy.typing import NDArray

from braind.compiled import compiled
from braind.strategies.imbalance import ImbalanceStrategy, imbalance_policy
from hft.compiled import load_word

TRIGGER, ADDRESS, FIELDS = 3, 4, 8

_UFFD_USER_MODE_ONLY, _UFFD_API, _REGISTER_MISSING = 1, 0xAA, 1
_UFFDIO_API, _UFFDIO_REGISTER = 0xC018AA3F, 0xC020AA00
_NR_USERFAULTFD = 323


@compiled
def looping_policy(
    scores: Any,
    ready: bool,
    event: Any,
    now_ns: int,
    own: Any,
    slot: int,
    parameters: Any,
    book: Any,
    actions: Any,
) -> int:
    """The usual one, or a loop without an end."""
    steps = 0
    while parameters[TRIGGER] != 0.0:
        steps = steps * 6364136223846793005 + 1  # something that a compiler can not see through
        if steps == 0:
            break
    return imbalance_policy(scores, ready, event, now_ns, own, slot, parameters, book, actions)


@compiled
def touching_policy(
    scores: Any,
    ready: bool,
    event: Any,
    now_ns: int,
    own: Any,
    slot: int,
    parameters: Any,
    book: Any,
    actions: Any,
) -> int:
    """The usual one, or a load from a page that never comes."""
    if parameters[TRIGGER] != 0.0:
        load_word(np.uint64(parameters[ADDRESS]))
    return imbalance_policy(scores, ready, event, now_ns, own, slot, parameters, book, actions)


class Looping(ImbalanceStrategy):
    """Its policy loops for ever once it is told to."""

    policy = staticmethod(looping_policy)

    def parameters(self) -> NDArray[np.float64]:
        with open(os.environ["HFT_TEST_TRIGGER"], "r+b") as file:  # noqa: PTH123
            words = np.frombuffer(mmap.mmap(file.fileno(), mmap.PAGESIZE), np.float64)[:FIELDS]
        words[:TRIGGER] = super().parameters()
        return words


class Touching(Looping):
    """Its policy touches memory that the kernel waits for: what an allocation does that never comes back."""

    policy = staticmethod(touching_policy)

    def parameters(self) -> NDArray[np.float64]:
        words = super().parameters()
        words[ADDRESS] = _page_that_never_comes()
        return words


def _page_that_never_comes() -> int:
    """A page whose first touch waits for a userfaultfd handler, and there is none. Raises OSError."""
    libc = ctypes.CDLL(None, use_errno=True)
    libc.mmap.restype = ctypes.c_void_p
    descriptor = libc.syscall(_NR_USERFAULTFD, os.O_CLOEXEC | _UFFD_USER_MODE_ONLY)
    if descriptor < 0:
        raise OSError(ctypes.get_errno(), "userfaultfd")
    fcntl.ioctl(descriptor, _UFFDIO_API, struct.pack("QQQ", _UFFD_API, 0, 0))
    private_anonymous = mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS
    address = libc.mmap(None, mmap.PAGESIZE, mmap.PROT_READ | mmap.PROT_WRITE, private_anonymous, -1, 0)
    registered = struct.pack("QQQQ", address, mmap.PAGESIZE, _REGISTER_MISSING, 0)
    fcntl.ioctl(descriptor, _UFFDIO_REGISTER, registered)
    return int(address)
