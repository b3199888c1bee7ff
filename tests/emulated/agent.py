"""Runs inside the machine: takes commands as JSON lines from a virtio port, answers with what they came to.

Standard library only. A command is {"words": [...], "input": text, "timeout_s": seconds}.
"""

from __future__ import annotations

import io
import json
import subprocess
import time
from pathlib import Path

PORT = Path("/dev/virtio-ports/hft.machine")


def answer(request: dict) -> dict:
    try:
        done = subprocess.run(
            request["words"], capture_output=True, text=True, input=request["input"],
            timeout=request["timeout_s"], check=False, errors="replace",
        )  # fmt: skip
    except (OSError, subprocess.TimeoutExpired) as error:
        return {"code": -1, "out": "", "error": str(error)}
    return {"code": done.returncode, "out": done.stdout, "error": done.stderr}


def send(port: io.RawIOBase, reply: dict) -> None:
    """A raw write may take a part: virtio's console takes 32 KB at once."""
    rest = json.dumps(reply).encode() + b"\n"
    while rest:
        rest = rest[port.write(rest) or 0 :]


def main() -> None:
    with PORT.open("r+b", buffering=0) as port:
        port.write(b'{"ready": true}\n')
        line = b""
        while True:
            piece = port.read(65536)
            if not piece:  # nobody is at the other end
                time.sleep(0.1)
            line += piece
            while b"\n" in line:
                request, _, line = line.partition(b"\n")
                send(port, answer(json.loads(request)))


if __name__ == "__main__":
    main()
