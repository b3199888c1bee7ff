# The command list: `make` prints it. Everything sets itself up from nothing (deploy/setup.sh).
.DEFAULT_GOAL := help
SHELL := /bin/bash
PYTHON := .venv/bin/python
ARGS ?=

help: ## this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-12s %s\n", $$1, $$2}' $(MAKEFILE_LIST)
	@echo '  (ARGS="…" is passed on: make demo ARGS="--capture FILE --seconds 60")'

setup: ## Debian packages, .venv, Python packages, build
	@deploy/setup.sh run

demo: setup ## replay a market day: paperd → feedd → braind, live on this terminal
	@.venv/bin/hft demo $(ARGS)

test: ## everything that CI runs, but for test-boot
	@deploy/setup.sh test
	@$(MAKE) --no-print-directory lint
	@code=0; \
	  $(PYTHON) -m pytest -n 2 --dist loadfile --no-loadscope-reorder -m 'not alone and not boot' --durations 20 $(ARGS) || [ $$? -eq 5 ] || code=1; \
	  $(PYTHON) -m pytest -m 'alone and not boot' --durations 20 $(ARGS) || [ $$? -eq 5 ] || code=1; exit $$code

deb: setup ## Debian packages into build/deb: hft, hft-host-tuning (370 MB; minutes)
	@$(PYTHON) deploy/debian/build.py

test-boot: ## the packages, installed into a Debian 12 root that systemd-nspawn boots (as root; minutes)
	@deploy/setup.sh test
	@$(PYTHON) deploy/debian/build.py --if-changed
	@$(PYTHON) -m pytest tests/deploy -m boot -rs $(ARGS)

test-machine: ## a Debian with PREEMPT_RT in QEMU (emulated), tuned as docs/TUNING.md says (as root; ten minutes, 4 GB)
	@deploy/setup.sh machine
	@$(PYTHON) deploy/debian/build.py --if-changed
	@HFT_MACHINE=$${HFT_MACHINE:-full} $(PYTHON) -m pytest tests/emulated -rs $(ARGS)

lint: ## ruff, mypy --strict, import-linter, clang-format
	@deploy/setup.sh test
	@.venv/bin/ruff check . && .venv/bin/ruff format --check .
	@.venv/bin/mypy
	@git ls-files '*.cpp' '*.hpp' | xargs clang-format-14 --dry-run --Werror
	@.venv/bin/lint-imports --no-cache

bench: ## the targets of docs/TARGETS.md: ring, tick, ITCH throughput, fence, gate
	@deploy/setup.sh test
	@code=0; .venv/bin/hft bench ring || code=1; .venv/bin/hft bench tick || code=1; \
	  $(PYTHON) bench/itch_throughput.py || code=1; $(PYTHON) bench/fence.py || code=1; $(PYTHON) bench/gate.py || code=1; exit $$code

fuzz: ## long fuzzing: HFT_FUZZ_SECONDS each (default 600)
	@deploy/setup.sh test
	@HFT_FUZZ_SECONDS=$${HFT_FUZZ_SECONDS:-600} $(PYTHON) -m pytest tests/fuzz --timeout 0 -s $(ARGS)

kill-bench: ## how soon a frozen or killed braind is fenced and dead (200 repetitions, 20 of the real braind)
	@deploy/setup.sh test
	@$(PYTHON) bench/kill_latency.py $(ARGS)

soak: ## false kills while both cores are overloaded by other work (ten minutes; ARGS="--seconds N")
	@deploy/setup.sh test
	@$(PYTHON) bench/overload_soak.py $(ARGS)

simulate: ## long simulation of the monitor: HFT_SIMULATION_SEEDS lives (default 100000)
	@deploy/setup.sh test
	@HFT_SIMULATION_SEEDS=$${HFT_SIMULATION_SEEDS:-100000} $(PYTHON) -m pytest tests/watchd/monitor/test_simulation.py \
	  -k no_rule -s $(ARGS)

order-kills: ## daemons killed and frozen with orders in flight: HFT_ORDER_KILLS moments (default 1000)
	@deploy/setup.sh test
	@HFT_ORDER_KILLS=$${HFT_ORDER_KILLS:-1000} $(PYTHON) -m pytest tests/system/orders/test_random_moments.py \
	  tests/feedd/daemon/test_order_kills.py --timeout 0 $(ARGS)

mutants: ## faults put into the risk gate one by one: each must be seen by a test (docs/GATE.md)
	@deploy/setup.sh test
	@cmake --preset tests -DPython_EXECUTABLE=$(CURDIR)/$(PYTHON) >/dev/null
	@cmake --build build/tests --target gate_driver >/dev/null
	@$(PYTHON) tests/feedd/gate/gate_mutants.py $(ARGS)

model: ## the control plane's model within larger bounds (daemons/watchd/model): minutes, gigabytes
	@deploy/setup.sh test
	@HFT_MODEL=large $(PYTHON) -m pytest tests/watchd/test_model.py -k larger --timeout 0 -s $(ARGS)

golden: setup ## accept the schema's present layout as the reviewed one
	@$(PYTHON) -c 'from hft.layout.dtypes import schema; print(schema().golden_text(), end="")' > schema/layout.golden.txt

metrics: setup ## carry docs/METRICS.md over to the exporter's help texts
	@$(PYTHON) -m watchd.exporter.document docs/METRICS.md > build/help_texts.py && mv build/help_texts.py daemons/watchd/exporter/

clean: ## remove build output and the .venv
	rm -rf build .venv

.PHONY: help setup demo test deb test-boot test-machine lint bench fuzz kill-bench soak simulate order-kills mutants model golden metrics clean
