# The ways to run, try and check the service. `make help` lists them.

PYTHON ?= python3
BIN := .venv/bin
RUNTIME := .venv/runtime
INSTALLED := .venv/installed
GENERATORS := .venv-generators/installed
PARALLEL := --numprocesses auto --dist worksteal
NEWEST := flask werkzeug gunicorn marshmallow peewee flask-smorest webargs
SECONDS ?= 60
PROFILE ?= fuzz
GENERATIONS ?= a b
FAULT_REPORT ?= docs/reliability.md
CALM ?= 15
URL ?= http://127.0.0.1:$(or $(PORT),8000)

PRINT_OPENAPI := from app import create_app; from app.config import Settings; \
	print(create_app(Settings()).test_client().get('/openapi.json').text, end='')

.DEFAULT_GOAL := help
.PHONY: help run dev demo test test-unit test-server test-pooler test-browser test-role test-taken-over test-serializable test-fuzz test-generators test-faults test-failover test-newest coverage check format bench bench-check bench-scale bench-memory openapi client image image-check compose-check update pipeline clean

help: ## List the targets
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | awk -F ':.*## ' '{printf "  make %-14s %s\n", $$1, $$2}'

$(RUNTIME): requirements.txt requirements-embedded.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
		{ echo "Python 3.11 or newer is needed; name one with: make PYTHON=python3.12 ..." >&2; exit 1; }
	@echo "Installing the service's libraries and the embedded PostgreSQL into .venv, once (35 packages) ..."
	@$(PYTHON) -m venv .venv
	@$(BIN)/pip install --quiet --disable-pip-version-check -r requirements-embedded.txt
	@touch $@

$(INSTALLED): $(RUNTIME) requirements-dev.txt requirements-otel.txt
	@echo "Installing what the tests and checks need besides into .venv, once ..."
	@$(BIN)/pip install --quiet --disable-pip-version-check -r requirements-dev.txt
	@touch $@

run: $(RUNTIME) ## Serve at http://127.0.0.1:8000 (PORT=… moves it), with the embedded PostgreSQL
	@exec $(BIN)/gunicorn wsgi:app

dev: $(RUNTIME) ## The same, restarting when the code changes
	@RELOAD=true exec $(BIN)/gunicorn wsgi:app

demo: $(INSTALLED) ## Run the four examples against the running service
	@for example in goal_planner scheduler observer conversation; do \
		FLUX_URL=$(URL) PYTHONPATH=clients/python/src $(BIN)/python examples/$$example.py || exit 1; done

test: test-role ## Run the tests (unit and database; the embedded PostgreSQL is started for them)
	$(BIN)/pytest $(PARALLEL) -m "not server and not browser and not fuzz and not generators and not faults" --ignore tests/contract

test-unit: $(INSTALLED) ## Run the tests that need no database
	$(BIN)/pytest tests/unit

test-server: $(INSTALLED) ## Run the tests against the real server under gunicorn
	$(BIN)/pytest $(PARALLEL) -m server

test-pooler: $(INSTALLED) ## Run those of them that use a PostgreSQL, and of the commands, through PgBouncer in transaction mode
	$(BIN)/pytest $(PARALLEL) --through-pgbouncer -m "server or commands" $(TESTS)

test-browser: $(INSTALLED) ## Try the docs page in Chromium (Debian's package, or CHROMIUM=…)
	$(BIN)/pytest -m browser

test-role: $(INSTALLED) ## Run those of the contract, with a database role that may only read and write rows
	$(BIN)/pytest $(PARALLEL) --limited-role tests/contract

test-taken-over: $(INSTALLED) ## Run those of the contract on an older program's database, taken over (GENERATIONS="a b")
	@for generation in $(GENERATIONS); do \
		$(BIN)/pytest $(PARALLEL) --taken-over $$generation --limited-role tests/contract || exit 1; done

test-serializable: $(INSTALLED) ## Run the tests, the server's too, with every transaction SERIALIZABLE (TESTS=… only some)
	$(BIN)/pytest $(PARALLEL) --isolation serializable -m "not browser and not fuzz and not generators and not faults" $(TESTS)

test-fuzz: $(INSTALLED) ## Run schemathesis over the OpenAPI document (SEED=… repeats a run), and the tests of properties with many examples
	$(BIN)/pytest -m fuzz --fuzz-seed=$(or $(SEED),$(shell date +%s))
	HYPOTHESIS_PROFILE=$(PROFILE) $(BIN)/pytest $(PARALLEL) tests/properties

$(GENERATORS): requirements-generators.txt tests/generators/package-lock.json
	$(PYTHON) -m venv .venv-generators
	.venv-generators/bin/pip install --quiet --disable-pip-version-check -r requirements-generators.txt
	cd tests/generators && npm ci --no-fund --no-audit --ignore-scripts
	@touch $@

test-generators: $(INSTALLED) $(GENERATORS) ## Make clients of the OpenAPI document, and do ten things with each (needs npm)
	$(BIN)/pytest -rP -m generators

test-faults: $(INSTALLED) ## Break the database and the service under load, SECONDS each; write docs/reliability.md (11 minutes)
	$(BIN)/pytest tests/faults/test_faults.py --fault-seconds $(SECONDS) --fault-report=$(FAULT_REPORT)

test-failover: $(INSTALLED) ## Move, kill, freeze and cut off nodes of a Patroni cluster under load, where Debian's packages are; write docs/reliability.md (12 minutes; ONLY=… CALM=… for less)
	$(BIN)/pytest -rs tests/faults/test_patroni.py --fault-seconds $(CALM) $(if $(ONLY),-k "$(ONLY)",--fault-report=$(FAULT_REPORT))

test-newest: ## Run the unit and contract tests with the newest libraries that the index has, in .venv-newest
	$(PYTHON) -m venv --clear .venv-newest
	.venv-newest/bin/pip install --quiet --disable-pip-version-check -r requirements-dev.txt
	.venv-newest/bin/pip install --disable-pip-version-check --upgrade --upgrade-strategy eager $(NEWEST)
	.venv-newest/bin/pytest $(PARALLEL) tests/unit tests/contract

coverage: $(INSTALLED) ## Run the tests, the server's too, and list what they do not reach (at most 5 % of branches)
	$(BIN)/pytest $(PARALLEL) -m "not browser and not fuzz and not generators and not faults" --cov --cov-report=term-missing

check: $(INSTALLED) ## Lint, formatting, types, Dockerfile, insecure code, known vulnerabilities (with the internet)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/hadolint Dockerfile
	$(BIN)/bandit --quiet --configfile pyproject.toml --recursive app migrations wsgi.py gunicorn.conf.py
	@PYTHONPATH=. $(BIN)/python tests/audit.py

format: $(INSTALLED) ## Format the code
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

bench: $(INSTALLED) ## Measure the service against the floor (13 minutes; needs wrk) and write benchmarks/results.*
	$(BIN)/python -m benchmarks.run

bench-check: $(INSTALLED) ## Tell what is more than 25 % worse than benchmarks/results.json (4 minutes; needs wrk)
	$(BIN)/python -m benchmarks.run --check --seconds $(or $(SECONDS_EACH),2) --pairs 3 $(if $(ONLY),--only $(ONLY))

bench-scale: $(INSTALLED) ## Measure the service at 10,000 and 1,000,000 tasks (10 minutes; needs wrk)
	$(BIN)/python -m benchmarks.scale

bench-memory: $(INSTALLED) ## Measure a worker's memory over 100,000 requests and a long answer (5 minutes; needs wrk)
	$(BIN)/python -m benchmarks.memory

openapi: $(INSTALLED) ## Write openapi.json anew, as it is served
	$(BIN)/python -c "$(PRINT_OPENAPI)" >openapi.json

client: $(INSTALLED) ## Write the rows and operations of the Python client anew, from openapi.json
	$(BIN)/python clients/python/generate.py openapi.json
	$(BIN)/ruff format --quiet clients/python

image: ## Build the container image
	docker build -t flux-dao-service .

image-check: $(INSTALLED) ## Build the image with buildah, where no engine is, and try it (as root)
	@sh tests/try_build.sh

compose-check: $(INSTALLED) ## Break and update what compose.yaml runs, under load; Debian's container engine is brought where none runs (as root)
	@if docker info >/dev/null 2>&1; then $(BIN)/pytest -rP tests/try_compose.py; \
	else sh tests/try_compose.sh -rP; fi

update: ## Update what compose.yaml runs: the image, the schema, then one instance after the other; no request fails
	docker compose build
	docker compose run --rm migrate
	docker compose up --detach --wait --no-build --no-deps api-1
	docker compose up --detach --wait --no-build --no-deps api-2
	docker compose up --detach --wait --no-build

pipeline: check coverage test-pooler test-role test-taken-over test-serializable test-browser test-fuzz test-generators test-faults test-failover image-check compose-check ## All of it in a row

clean: ## Remove what was installed and produced; the data stays
	rm -rf .venv .venv-newest .venv-generators tests/generators/node_modules tests/generators/made artifacts .pytest_cache .mypy_cache .ruff_cache .coverage
