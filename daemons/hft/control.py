"""Names in `run.control_directory` (a directory of watchd's): how daemons and people reach watchd.

| socket | type | who connects |
|---|---|---|
| ``register.sock`` | AF_UNIX, SOCK_SEQPACKET | feedd and braind, once for life, with their pidfd |
| ``heartbeat.sock`` | ZeroMQ PULL over ipc | their native helpers |
| ``ctl.sock`` | AF_UNIX, SOCK_SEQPACKET | ``watchd ctl`` |

C++ has the same names in daemons/feedd/src/runtime/watchd_link.hpp.
"""

from __future__ import annotations

from typing import Final

REGISTER_SOCKET: Final = "register.sock"
HEARTBEAT_SOCKET: Final = "heartbeat.sock"
CTL_SOCKET: Final = "ctl.sock"
