"""`hft journal info`: what a journal holds, by stream and generation, without reading its records."""

from __future__ import annotations

from datetime import UTC, datetime

import numpy as np
from numpy.typing import NDArray
from rich.console import Console
from rich.table import Table

from hft.journal.blocks import RINGS
from hft.journal.reader import Journal
from hft.layout.dtypes import SNAPSHOT, JournalStream


def summary(journal: Journal) -> dict[str, object]:
    """The same as a document, for scripts."""
    headers, wall_ns = journal.headers, _wall_ns(journal)
    return {
        "path": str(journal.path),
        "segments": len(journal.segments),
        "bytes": sum(len(segment.data) for segment in journal.segments),
        "blocks": len(headers),
        "first_wall_ns": int(wall_ns.min()),
        "last_wall_ns": int(wall_ns.max()),
        "torn_bytes": journal.torn_bytes,
        "torn_records": journal.torn_records,
        "damage": journal.damage(),
        "streams": _streams(journal),
        "lost": [
            {
                "stream": JournalStream(loss.stream).name.lower(),
                "generation": loss.generation,
                "first_sequence": loss.first_sequence,
                "count": loss.count,
                "text": str(loss),
            }
            for loss in journal.losses()
        ],
        "checkpoints": [_checkpoint(block.payload()) for block in journal.blocks(JournalStream.CHECKPOINT)],
        "identities": len({b.generation for b in journal.blocks(JournalStream.IDENTITY)}),
    }


def _streams(journal: Journal) -> list[dict[str, object]]:
    ends = journal.ends()
    return [
        _stream(journal, int(stream), generation, ends.get((int(stream), generation), 0))
        for stream in RINGS
        for generation in journal.generations(stream)
    ]


def _stream(journal: Journal, stream: int, generation: int, end: int) -> dict[str, object]:
    chosen = journal.headers[
        (journal.headers["stream"] == stream) & (journal.headers["generation"] == generation)
    ]
    return {
        "stream": JournalStream(stream).name.lower(),
        "generation": generation,
        "records": int(chosen["count"].sum()),
        "first_sequence": int(chosen["first_sequence"].min()),
        "last_sequence": int((chosen["first_sequence"] + chosen["count"]).max()) - 1,
        "believed_to": end,
        "first_wall_ns": int(chosen["wall_ns"][0]),
        "last_wall_ns": int(chosen["wall_ns"][-1]),
    }


def _wall_ns(journal: Journal) -> NDArray[np.uint64]:
    """When blocks were recorded; the first block of a file, which a cut makes anew, does not count."""
    headers = journal.headers[journal.headers["stream"] != int(JournalStream.SEGMENT)]
    times: NDArray[np.uint64] = (headers if len(headers) else journal.headers)["wall_ns"]
    return times


def _checkpoint(payload: memoryview) -> dict[str, int]:
    header = np.frombuffer(payload[: SNAPSHOT.itemsize], SNAPSHOT)[0]
    return {name: int(header[name]) for name in ("inputs_generation", "market_generation", "market_seq")}


def show(journal: Journal, console: Console) -> None:
    """The table for people."""
    wall_ns = _wall_ns(journal)
    console.print(
        f"{journal.path}: {len(journal.segments)} segments, "
        f"{sum(len(s.data) for s in journal.segments) / 1e6:,.1f} MB, "
        f"{_time(wall_ns.min())} … {_time(wall_ns.max())}",
        markup=False,
    )
    table = Table()
    for name in ("stream", "generation", "records", "from", "to", "believed to"):
        table.add_column(name, justify="left" if name == "stream" else "right")
    for row in _streams(journal):
        table.add_row(
            str(row["stream"]), str(row["generation"]),
            *(f"{row[name]:,}" for name in ("records", "first_sequence", "last_sequence", "believed_to")),
        )  # fmt: skip
    console.print(table)
    for loss in journal.losses():
        console.print(f"lost: {loss}", markup=False)
    checkpoints = [_checkpoint(block.payload()) for block in journal.blocks(JournalStream.CHECKPOINT)]
    if checkpoints:
        where = ", ".join(f"{each['market_seq']:,}" for each in checkpoints[:8])
        more = f" and {len(checkpoints) - 8} more" if len(checkpoints) > 8 else ""
        console.print(f"checkpoints: {len(checkpoints)}, at market records {where}{more}", markup=False)
    if journal.torn_bytes:
        console.print(f"torn tail: {journal.torn_bytes:,} bytes, {journal.torn_records:,} records dropped")
    for text in journal.damage():
        console.print(f"damaged: {text}", markup=False)


def _time(wall_ns: int) -> str:
    return datetime.fromtimestamp(int(wall_ns) / 1e9, UTC).isoformat(timespec="seconds")
