"""Features: incremental kernels over MarketEvent records. `registry` says what, `kernels` how, `ranges` where."""
