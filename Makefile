# The same commands for developers and CI. `make demo` shows it, `make test` proves it.
.PHONY: demo test check fmt bench loadtest interop prompts packages screenshots help
ARGS ?=
CARGO ?= cargo

help:
	@echo "make demo [ARGS=--once]  build, start service and simulated carrier, press #9, print the timeline"
	@echo "make test                install what is missing, then fmt, lints, every test, interop, demo"
	@echo "make check               fmt, clippy, docs, tests of ours (no foreign programs)"
	@echo "make interop             against SIPp, baresip and Schemathesis"
	@echo "make bench               the figures of docs/performance.md"
	@echo "make loadtest ARGS=...   the load generator against a running service"
	@echo "make screenshots         the pictures of the README, drawn by a browser over the running service"
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

# Each crate is compiled once, with Clippy's lints and for the tests: Clippy's driver is the compiler with more lints, and
# `cargo clippy` would only check what has to be compiled after it anyway. A warning of either ends it, which is tried first.
LINTED = RUSTC_WORKSPACE_WRAPPER=clippy-driver CLIPPY_ARGS=-Dwarnings__CLIPPY_HACKERY__

test:
	$(CARGO) fmt --all --check
	@! echo 'pub fn odd(of: u8) -> bool { return of % 2 == 1; }' | $(LINTED) clippy-driver rustc --crate-type lib --emit metadata \
		--out-dir target/lints - 2>/dev/null || { echo 'Clippy would not deny a warning' >&2; exit 1; }
	$(LINTED) LIANFANG_INTEROP=require CARGO=$(CARGO) ./tests/all.sh

demo:
	@$(CARGO) build --locked --workspace --bins
	@./target/debug/lianfang-loadtest demo --service ./target/debug/lianfang $(ARGS)

bench:
	$(CARGO) build --release --locked --workspace --bins
	./loadtest/bench.sh $(ARGS)

loadtest:
	$(CARGO) build --release --locked -p lianfang-loadtest
	./target/release/lianfang-loadtest $(ARGS)

screenshots: packages
	@mkdir -p docs/screenshots
	$(LINTED) LIANFANG_INTEROP=require LIANFANG_SCREENSHOTS=$(CURDIR)/docs/screenshots \
		$(CARGO) test --workspace --locked --test console -- pictures::

prompts:
	./prompts/make.sh

fmt:
	$(CARGO) fmt --all
