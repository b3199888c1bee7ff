"""The order side of the paper venue: SoupBinTCP sessions, OUCH 5.0, matching on the replayed book, a ledger.

    server ── connection ── soup        sockets and sessions: login, sequenced stream, heartbeats, logout
       │  └── control ── verbs          `paperd ctl` and scripts: faults on demand
       ├── venue ── checks, matching    what OUCH 5.0 says happens to an order; the faults that change it
       │     └── outbox ── stream       what goes out: delayed, reordered, doubled if asked; then numbered
       ├── market ── book               the displayed books, as far as the replay has sent them
       └── ledger ── tally              everything received and sent; positions and counts

One thread, in a process of its own beside the replay (process.py), so that the feed's timing stays the feed's. The
models and their assumptions are in docs/PAPER_VENUE.md. Prices are integers with four decimals (`_e4`).
"""
