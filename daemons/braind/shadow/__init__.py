"""The shadow book: what braind believes of its orders and positions before the venue has confirmed it.

    layout.py      the arrays, and what stands where
    table.py       orders of an instrument, and what follows from them: worst case, target, own best prices
    admission.py   an action of the policy before it becomes an intent; an intent that the queue refused
    answers.py     updates.ring applied: the gateway's answers and the venue's
    watch.py       what was awaited for too long, and divergences
    names.py       ids of instruments, what is read from the gateway's tables
    reconciler.py  the edge: reads the gateway's tables, when they can be read

All but the edge are pure functions on arrays that Numba compiles. For the policy's target an intent counts as filled at
once; for limits every order counts as possible in every outcome until the gateway says that it is over. So whatever is
assumed makes braind send less, never more.
"""
