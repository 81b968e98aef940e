# Everything is done in .venv; the first call of any target sets it up (Python 3.11 with venv and pip is all it needs).
PYTHON ?= python3
VENV   := .venv
BIN    := $(VENV)/bin
READY  := $(VENV)/ready

# Where this variable is exported, pytest would rewrite its plugins anew at every start: two to three times slower.
unexport PYTHONDONTWRITEBYTECODE

.PHONY: help conform test check tests chromium postgresql docs allure kill bench lock clean

help:  ## say what there is
	@grep -hE '^[a-z]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | sort

conform: $(READY)  ## set up, and run the suite against the embedded reference gateway
	@echo "conform: the whole suite against the reference gateway on 127.0.0.1"
	@$(BIN)/llmapi-conformance run

test: check tests  ## set up, lint, type-check, and pass the tests (kill tests included)

check: $(READY)
	@echo "check: ruff, then mypy"
	@$(BIN)/ruff check --quiet .
	@$(BIN)/ruff format --quiet --check .
	@$(BIN)/mypy --no-error-summary

tests: $(READY) chromium postgresql
	@echo "tests: the machinery, then every fault and every legal variation"
	@# Four on two cores: tests wait for clocks most of the time.
	@$(BIN)/pytest -n 4 --dist worksteal --ignore tests/browser
	@echo "tests: the pages in a browser"  # apart: its driver keeps an event loop running in the process
	@$(BIN)/pytest -q tests/browser

chromium:  ## install the browser that looks at the HTML report, where that can be done
	@if { command -v chromium || command -v chromium-browser || command -v google-chrome; } > /dev/null; then :; \
	elif [ "$$(id -u)" = 0 ] && command -v apt-get > /dev/null; then \
	  echo "setup: Debian's chromium, for the tests of the HTML report"; \
	  export DEBIAN_FRONTEND=noninteractive; \
	  apt-get install -y -qq chromium > /dev/null 2>&1 || { apt-get update -qq && apt-get install -y -qq chromium > /dev/null; }; \
	else echo "chromium is missing: the tests of the HTML report are skipped (they fail where CI is set); install it to run them"; fi

docs: $(READY)  ## make the documentation, warnings as errors: build/docs/site/index.html
	@$(BIN)/python -m docs.generator
	@$(BIN)/zensical build --strict --config-file build/docs/zensical.toml

postgresql:  ## install the server that the tests of the history start, where that can be done
	@if command -v initdb > /dev/null || ls /usr/lib/postgresql/*/bin/initdb > /dev/null 2>&1; then :; \
	elif [ "$$(id -u)" = 0 ] && command -v apt-get > /dev/null; then \
	  echo "setup: Debian's postgresql, for the tests of the history"; \
	  export DEBIAN_FRONTEND=noninteractive; \
	  apt-get install -y -qq postgresql > /dev/null 2>&1 || { apt-get update -qq && apt-get install -y -qq postgresql > /dev/null; }; \
	else echo "postgresql is missing: the tests of the history use SQLite alone (they fail where CI is set); install it to run them"; fi

RUN ?= $(lastword $(sort $(wildcard reports/2*)))
ALLURE := build/allure

allure: $(READY)  ## make Allure's report of the newest run, or of RUN=folder (needs Node 20 with npm)
	@test -n "$(RUN)" || { echo "allure: there is no run below reports/; make conform, or name one with RUN=folder"; exit 2; }
	@mkdir -p $(ALLURE)/tool && cp -p .ci/allure/package.json .ci/allure/build $(ALLURE)/tool/
	@rm -rf $(ALLURE)/results && $(BIN)/llmapi-conformance allure "$(RUN)" -o $(ALLURE)/results
	@$(ALLURE)/tool/build $(ALLURE)/results $(ALLURE)/report

lock:  ## write the pinned requirement files anew (needs uv)
	uv pip compile -q pyproject.toml --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-emit-find-links --custom-compile-command "make lock" -o requirements/base.txt
	uv pip compile -q --group build -c requirements/base.txt --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-emit-find-links --custom-compile-command "make lock" -o requirements/build.txt
	uv pip compile -q pyproject.toml --group dev --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-emit-find-links --custom-compile-command "make lock" -o requirements/dev.txt

clean:  ## remove the environment and what runs left behind
	rm -rf $(VENV) build dist reports/2* .pytest_cache .mypy_cache .ruff_cache

$(READY): requirements/dev.txt pyproject.toml
	@echo "setup: a virtual environment in $(VENV), pinned packages with hashes (about half a minute)"
	@$(PYTHON) -c 'import sys; sys.exit("Python 3.11 or newer is needed; name it with PYTHON=...") if sys.version_info < (3, 11) else None'
	@$(PYTHON) -m venv $(VENV)
	@$(BIN)/pip install --quiet --disable-pip-version-check --require-hashes -r requirements/dev.txt
	@$(BIN)/pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation --editable .
	@touch $(READY)
