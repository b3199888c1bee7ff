"""A replay's outcome as text, as a document, and its intents as a table."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np

from braind.replay.compare import MASKED, masked
from braind.replay.rerun import Result
from braind.replay.session import Outcome
from hft.layout.dtypes import ORDER_INTENT, IntentAction, Side, TimeInForce

_ENUMS = {"action": IntentAction, "side": Side, "time_in_force": TimeInForce}


def lines(outcome: Outcome, seconds: float) -> list[str]:
    """For people: what was repeated, what is the same, what is not and why."""
    said = []
    for one in outcome.maps:
        for result in one.results:
            said.append(f"market {one.market_generation} from {result.anchor}: {_counted(result)}")
            if result.not_compared:
                said.append(f"  {result.not_compared:,} intents at the very end are not compared")
            if result.difference is not None:
                said += [f"  DIFFERENT {text}" for text in result.difference.lines()]
    said += [f"note: {note}" for note in outcome.notes]
    said += [f"can not: {reason}" for reason in outcome.reasons]
    records = sum(result.records for result in outcome.results)
    rate = records / seconds if seconds > 0 else 0.0
    said.append(
        f"{outcome.verdict.name.replace('_', ' ')}: {sum(r.intents for r in outcome.results):,} intents equal "
        f"byte for byte (but {' and '.join(MASKED)}), {records:,} records in {seconds:.1f} s "
        f"({rate / 1e6:.2f} M/s)"
    )
    return said


def _counted(result: Result) -> str:
    parts = {
        "records": result.records, "inputs": result.inputs, "answers": result.answers,
        "intents": result.intents, "refused by the queue": result.dropped, "checkpoints": result.checkpoints,
    }  # fmt: skip
    counted = ", ".join(f"{count:,} {name}" for name, count in parts.items())
    return f"to market record {result.market_seq:,}: {counted}"


def document(outcome: Outcome, seconds: float) -> dict[str, object]:
    """For scripts."""
    return {
        "verdict": outcome.verdict.name.lower(),
        "exit_code": int(outcome.verdict),
        "masked": list(MASKED),
        "seconds": round(seconds, 3),
        "intents": sum(result.intents for result in outcome.results),
        "reasons": outcome.reasons,
        "notes": outcome.notes,
        "maps": [
            {
                "inputs_generation": one.life,
                "market_generation": one.market_generation,
                "skipped": one.skipped,
                "replays": [_result(result) for result in one.results],
            }
            for one in outcome.maps
        ],
    }


def _result(result: Result) -> dict[str, object]:
    difference, hole = result.difference, result.hole
    return {
        "from": result.anchor.market_seq,
        "from_checkpoint": result.anchor.state is not None,
        "to": result.market_seq,
        "records": result.records,
        "inputs": result.inputs,
        "answers": result.answers,
        "intents": result.intents,
        "dropped": result.dropped,
        "checkpoints_equal": result.checkpoints,
        "not_compared": result.not_compared,
        "hole": str(hole) if hole else None,
        "difference": None
        if difference is None
        else {
            "market_seq": difference.market_seq,
            "what": difference.what,
            "fields": {name: {"live": live, "replayed": other} for name, live, other in difference.fields},
        },
    }


def write_document(path: Path, outcome: Outcome, seconds: float) -> None:
    """Raises OSError."""
    from hft.decode.outputs import write_json  # Arrow takes a while to load

    write_json(path, json.loads(json.dumps(document(outcome, seconds), default=str)))


def write_intents(path: Path, outcome: Outcome) -> None:
    """The replayed intents that were compared, CSV, or Parquet by the ending; masked fields are 0. Raises OSError."""
    import pyarrow as pa  # type: ignore[import-untyped]
    import pyarrow.csv  # type: ignore[import-untyped]
    import pyarrow.parquet  # type: ignore[import-untyped]

    from hft.decode.outputs import AtomicFile

    parts = [part for result in outcome.results for part in result.replayed]
    intents = masked(np.concatenate(parts)) if parts else np.zeros(0, ORDER_INTENT)
    columns = {}
    for name in ORDER_INTENT.names or ():
        values = intents[name].copy()
        if name in _ENUMS:
            names = pa.array([member.name for member in sorted(_ENUMS[name], key=int)])
            columns[name] = names.take(pa.array(values))
        else:
            columns[name] = pa.array(values)
    table, file = pa.table(columns), AtomicFile(path)
    try:
        if path.suffix == ".parquet":
            pyarrow.parquet.write_table(table, file.handle)
        else:
            pyarrow.csv.write_csv(table, file.handle)
        file.commit()
    except BaseException:
        file.discard()
        raise
