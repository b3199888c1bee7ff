"""`watchd exporter`: shared memory and files as Prometheus text, in a process of its own that can only read.

main.py       command, configuration, signals, exit codes
server.py     HTTP
collector.py  one scrape: every source once, each failing for itself
sources.py    what there is to read under `run.directory` and `watchd.state_directory`
mapped.py     a region that is followed over its generations; headers of all others
stats.py, control.py, progress.py, state.py, processes.py   the sources: region or file in, readings out
orders.py     positions and limits
doctor.py     what `hft doctor` last said about the host
fold.py       log-linear histograms to Prometheus' buckets
names.py      names and labels as Prometheus wants them
readings.py   readings to metric families: types, help, doubles, the bound on series
help_texts.py what docs/METRICS.md says of each metric (made from it by `make metrics`)
"""
