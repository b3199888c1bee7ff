"""`hft jitter`: what is left on a core when a thread does nothing but look at the clock.

    measure.py   the measurement: gaps by core, interrupts that the kernel counted meanwhile
    peers.py     oslat and rtla's osnoise beside it, where they are installed
    draw.py      tables and histograms
    command.py   the command

Prior art: oslat (rt-tests) and the kernel's osnoise tracer measure the same way; sysjitter before them.
"""
