# The same commands for developers and CI. `make demo` shows it, `make test` proves it.
.PHONY: demo test check fmt bench loadtest interop prompts packages help
ARGS ?=
CARGO ?= cargo

help:
	@echo "make demo [ARGS=--once]  build, start service and simulated carrier, press #9, print the timeline"
	@echo "make test                install what is missing, then fmt, clippy, every test, interop, demo"
	@echo "make check               fmt, clippy, docs, tests of ours (no foreign programs)"
	@echo "make interop             against SIPp, baresip and Schemathesis"
	@echo "make bench               the figures of docs/performance.md"
	@echo "make loadtest ARGS=...   the load generator against a running service"
	@echo "make fmt                 format"

# Foreign programs that the interop tests need.
packages:
	@./tests/packages.sh

check:
	$(CARGO) fmt --all --check
	$(CARGO) clippy --workspace --all-targets --locked -- -D warnings
	$(CARGO) test --workspace --locked

interop: packages
	$(CARGO) test --locked --test interop -- --test-threads=1

test: packages
	$(CARGO) fmt --all --check
	$(CARGO) clippy --workspace --all-targets --locked -- -D warnings
	LIANFANG_INTEROP=require $(CARGO) test --workspace --locked
	$(MAKE) demo ARGS=--once

demo:
	@$(CARGO) build --locked --workspace --bins
	@./target/debug/lianfang-loadtest demo --service ./target/debug/lianfang $(ARGS)

bench:
	$(CARGO) build --release --locked --workspace --bins
	./loadtest/bench.sh $(ARGS)

loadtest:
	$(CARGO) build --release --locked -p lianfang-loadtest
	./target/release/lianfang-loadtest $(ARGS)

prompts:
	./prompts/make.sh

fmt:
	$(CARGO) fmt --all
