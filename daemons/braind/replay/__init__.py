"""`braind --replay JOURNAL`: a recorded run once more, through the same compiled loop, and whether it is the same.

    journal ──► lives ──► maps ──► anchors          what was recorded, where a replay can begin (recording.py)
                           │
       records, updates ──►│ stage (private rings) ──► Brain.step ──► intents       (stage.py, rerun.py)
       inputs ─────────────┘                                            │
       recorded intents, later checkpoints ─────────────────────────────┴─► compare (compare.py)

A *life* is one braind process (a generation of inputs.ring), a *map* one feed as that braind read it. A replay of a
map begins at its MAPPED input or at a checkpoint, feeds records up to the place each input names, does what the
input says, and goes on. Where something it needs was not recorded it stops (a hole) and begins again at the next
checkpoint behind it.

Compared are all 128 bytes of every intent except

* ``epoch``: which arming was in force is watchd's business, and changes nothing in a decision;
* ``emit_ts_ns``: a clock.

``sequence`` is compared as the queue would have counted: intents that the live queue refused are known (DROPPED)
and take no number. At every checkpoint on the way the state is compared too, so a difference that no intent shows
is found as well.
"""
