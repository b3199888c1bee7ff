"""The journal: a run of the suite on disk, written by `hft record`, read by `hft journal`, `hft decode`, replay.

    DIR/000001.journal   | block | block | …         a segment: at most --segment-bytes
    DIR/000001.index     the headers of its blocks, once it is finished (a cache: what is damaged is scanned again)
    DIR/lock             one recorder at a time

    block   | JournalBlock, 128 bytes | payload | zeros to 8 bytes |

A block is accepted when both its checksums hold, and blocks are numbered through, so nothing that is half there,
out of order or left over is ever taken for a record. What is not a block at the end of the last segment is a torn
tail: dropped and counted by every reader, cut off when recording goes on. Elsewhere it is damage, which
`hft journal verify` names.

The recorder works in passes: it takes what each ring has (inputs first, intents last, so that whatever an input
caused is in the same pass), then writes a PASS block with the sequence each stream has reached. Readers believe
streams up to their last PASS. What a stream lost is a LOST block in its place. docs/adr/0004-journal.md has the
reasons.

| module | |
|---|---|
| blocks | header and checksums, in and out |
| disk, syncer | the file system's calls, fsync on a thread of its own |
| segments | file names, scanning, index |
| writer | appending, limits, recovery |
| reader | a journal as tables of blocks and arrays of records |
| follow, facts, recorder | from shared memory into the writer |
| record, commands, info, verify, cut | `hft record`, `hft journal …` |
"""
