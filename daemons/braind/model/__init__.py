"""Models, from weights to decisions.

`network`: the weights and their graphs. `export`: ahead-of-time compilation. `package`: the directory that
carries a model with its contract and provenance. `inference`: the compiled model in the loop.
"""
