"""Incremental features over MarketEvent records: `registry` says what, `kernels` how, `ranges` where."""
