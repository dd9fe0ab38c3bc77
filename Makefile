# make run    the office, its consumer and the demo site, all set up; Ctrl-C stops them
# make test   all tests (ARGS="-k name" picks some); what fails beside the others must pass alone
# make quick  the tests that start no services and no browser, for between two edits
# make timing the tests that measure time, one after the other; make test has them beside the others
# make coverage  what share of the lines the tests reach, the faults apart
# make bench  the benchmarks, beside their peers (ARGS=--quick for a short look)
# make faults the whole table of faults, hours long: a line each (ARGS="-k redis" picks some,
#             PART=kills a part of at most 80 minutes: see docs/faults.md)
# make lock   the lock files anew, after a change of requirements*.txt
# make lint   style of Python and JavaScript, types, import directions, migrations and translations
#             in step
# make translations   bring the catalogues into step with the code

PY := .venv/bin/python
PIP := $(PY) -m pip install -q --disable-pip-version-check --no-input --use-pep517
QUICK := not services and not browser and not faults and not slow and not timing
export PYTHONUNBUFFERED := 1
# Where bytecode is not kept, each program of the office compiles all of it anew.
export PYTHONDONTWRITEBYTECODE :=

.PHONY: run test quick timing coverage faults bench lock lint translations programs

# To look around an office without a phone at hand.
run: export REQUIRE_TWO_STEP ?= off
run: .venv/.run
	@$(PY) manage.py init_office --demo
	@exec $(PY) manage.py run_all

test: .venv/.dev programs
	@$(PY) -m pytest -n 6 --dist loadfile --no-loadscope-reorder $(ARGS) || { \
		code=$$?; test $$code -eq 1 || exit $$code; \
		echo "Failed beside the others; once more, one after the other:" >&2; \
		$(PY) -m pytest --last-failed --last-failed-no-failures none $(ARGS); \
	}

quick: .venv/.dev
	@$(PY) -m pytest -n 3 --dist loadfile --no-loadscope-reorder -m "$(QUICK)" $(ARGS)

timing: .venv/.dev programs
	@$(PY) -m pytest -m timing $(ARGS)

coverage: .venv/.dev programs
	@$(PY) -m coverage erase
	@$(PY) -m coverage run -m pytest -n 3 --dist loadfile --no-loadscope-reorder -m "not faults" $(ARGS)
	@$(PY) -m coverage combine -q
	@$(PY) -m coverage report

faults: .venv/.dev
	@FAULTS=long FAULTS_PART=$(PART) $(PY) -m pytest tests/faults $(ARGS)

lint: .venv/.dev
	@.venv/bin/ruff check .
	@.venv/bin/ruff format --check .
	@.venv/bin/oxlint core
	@.venv/bin/mypy .
	@.venv/bin/lint-imports
	@$(PY) manage.py makemigrations --check --dry-run
	@$(PY) -m tests.translations --check
	@HTTPS=on ALLOWED_HOSTS=office.example.com $(PY) manage.py check --deploy --fail-level WARNING

bench: .venv/.bench
	@$(PY) -m tests.benchmarks $(ARGS)

# Every package, those that ours need as well, for every system and Python from 3.11 on.
lock: .venv/.dev
	@for kind in "" -dev -bench; do \
		.venv/bin/uv pip compile -q --universal --generate-hashes --python-version 3.11 --no-annotate \
			--custom-compile-command "make lock" requirements$$kind.txt -o requirements$$kind.lock || exit 1; \
	done

translations: .venv/.dev
	@$(PY) -m tests.translations

# Without a network pip writes a page; people get a line and the page's place.
define install
	@$(PIP) --require-hashes -r $(1) >.venv/install.log 2>&1 || { \
		echo "The packages of $(1) cannot be installed; is there a network? .venv/install.log says more" >&2; \
		exit 1; \
	}
endef

.venv/.run: requirements.lock .venv/.made
	@echo "Installing what the office needs"
	$(call install,requirements.lock)
	@touch $@

.venv/.dev: requirements-dev.lock .venv/.made
	@echo "Installing what the tests need"
	$(call install,requirements-dev.lock)
	@touch .venv/.run $@

.venv/.bench: requirements-bench.lock .venv/.dev
	@echo "Installing the peers of the benchmarks"
	$(call install,requirements-bench.lock)
	@touch $@

# The first interpreter that is new enough, the oldest first, or the one named by PYTHON=...
.venv/.made:
	@for python in $(or $(PYTHON),python3.11 python3.12 python3.13 python3.14 python3 python); do \
		"$$python" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null || continue; \
		found=$$python; \
		"$$python" -c 'import ensurepip, venv' 2>/dev/null || continue; \
		echo "Making .venv with $$("$$python" --version)"; \
		"$$python" -m venv .venv && touch $@; exit; \
	done; \
	if [ -n "$$found" ]; then \
		echo "$$found has no ensurepip: install its venv package (Debian, Ubuntu: python3-venv)" >&2; \
	else \
		echo "Python 3.11 or newer was not found: install it, or say make PYTHON=/path/to/python" >&2; \
	fi; \
	exit 1

# What the tests run and no wheel carries: a browser, nginx, PgBouncer, PHP. Where we may, we install it.
programs: .venv/.dev
	@$(PY) -m tests.programs
