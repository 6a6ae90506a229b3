# Every command of the house. `make` alone says what there is.
# PYTHON=python3.13 make ... chooses the Python that .venv is made with.

SHELL := /bin/sh
comma := ,
.DEFAULT_GOAL := help

BIN := .venv/bin
DISTRIBUTIONS := $(patsubst %/src,%,$(wildcard */src))
WORKERS ?= 2

# Brings .venv in step with the lock files; well under a second when it is already.
BOOTSTRAP = @python="$$(tools/find-python)" && "$$python" -m tools.bootstrap

LOCK = $(BIN)/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes \
	--no-emit-index-url --no-emit-find-links --no-header --no-annotate \
	--no-emit-package storefront-servicekit $(if $(UPGRADE),--upgrade) \
	$(patsubst %,%/pyproject.toml,$(DISTRIBUTIONS)) --group build

SERVICES := api-gateway inventory-service pricing-service identity-service
# The images' tag: make images VERSION=0.2.0
VERSION ?= $(shell sed -n 's/^version = "\(.*\)"/\1/p' api-gateway/pyproject.toml)
COMPOSE = STOREFRONT_VERSION=$(VERSION) $(if $(findstring observability,$(COMPOSE_PROFILES)),\
	OTEL_EXPORTER_OTLP_ENDPOINT=http://otel-collector:4318) docker compose

.PHONY: images subnets up down smoke rolling help demo clean-data test check lint types format lock bench chaos trace coverage clean deploy k8s-check observability-check for-run for-dev

help:
	@awk -F ':.*## ' '/^[a-z0-9-]+:.*## / { printf "  make %-19s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

demo: for-run ## run the shop here, with SQLite and nothing else; Ctrl-C stops it
	@exec $(BIN)/python -m tools.demo run --with-parent

clean-data: for-run ## forget everything the demo has stored
	@$(BIN)/python -m tools.demo clean

test: for-dev ## run every test, with a real PostgreSQL and Redis that need no installing
	@$(BIN)/python -m pytest -q -n $(WORKERS)

check: lint types test ## everything that must hold before a change goes in

lint: for-dev ## check style, formatting and who may import whom
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/lint-imports --no-logo --config pyproject.toml

# Each distribution by itself: their test modules share names.
types: for-dev ## check types, strictly
	@for folder in $(DISTRIBUTIONS); do \
		MYPYPATH=$$folder $(BIN)/python -m mypy --explicit-package-bases \
			--cache-dir .mypy_cache/$$folder $$folder || exit 1; \
	done
	@MYPYPATH=. $(BIN)/python -m mypy --explicit-package-bases --cache-dir .mypy_cache/house tools tests $(wildcard bench)

format: for-dev ## put code into the house's form
	@$(BIN)/ruff check --fix --quiet .
	@$(BIN)/ruff format .

# Behind a mirror: make images PIP_CONFIG_FILE=/etc/pip.conf, and CA_FILE=... where that names /run/secrets/ca.crt.
images: ## build the services' images (VERSION=...)
	@for service in $(SERVICES); do \
		echo "Building storefront/$$service:$(VERSION)"; \
		docker build --quiet --target $$service --tag storefront/$$service:$(VERSION) \
			$(shell git log -1 --format='--build-arg CREATED=%cI --build-arg SOURCE_DATE_EPOCH=%ct') \
			--build-arg VERSION=$(VERSION) --build-arg REVISION=$(shell git describe --always --dirty --abbrev=40) \
			$(if $(PIP_CONFIG_FILE),--secret id=pip.conf$(comma)src=$(PIP_CONFIG_FILE)) \
			$(if $(CA_FILE),--secret id=ca.crt$(comma)src=$(CA_FILE)) . >/dev/null || exit 1; \
	done

subnets: ## say whether the shop's networks can have their addresses on this engine (SUBNET_PREFIX=10.213.86)
	@$$(tools/find-python) -m tools.compose.subnets

up: subnets images ## run the shop in containers (GATEWAY_PORT=8000, COMPOSE_PROFILES=observability)
	@$(COMPOSE) up --wait --no-build --quiet-pull
	@echo "The shop is running: http://127.0.0.1:$${GATEWAY_PORT:-8000}"
	@echo "  make smoke                            goes shopping there"
	@echo "  docker compose run --rm secrets show  prints how people sign in"
	@echo "  make down                             ends it; VOLUMES=1 forgets its data and secrets, too"

down: ## end the shop in containers (VOLUMES=1: forget what it has stored)
	@$(COMPOSE) --profile '*' down $(if $(VOLUMES),--volumes)

smoke: ## go shopping at a running shop, and say what is wrong (URL=http://..., ARGS=--help)
	@$$(tools/find-python) -m tools.smoke $(if $(URL),--url $(URL)) $(ARGS)

rolling: for-dev subnets images ## restart two gateways in turn while people order, and count what fails (BALANCER_PORT=8080)
	@$(BIN)/python -m tools.rolling --url http://127.0.0.1:$${BALANCER_PORT:-8080} --version $(VERSION) $(ARGS)

bench: for-dev ## measure, and write what was measured to bench/results.md
	@$(BIN)/python -m bench

chaos: for-dev ## kill, freeze and cut off services while orders are placed, and check the books (ARGS=--help)
	@$(BIN)/python -m tests.chaos $(ARGS)

trace: for-run ## place an order in a shop of its own and show its trace (ARGS="--kind refused", --help)
	@$(BIN)/python -m tools.trace $(ARGS)

deploy: for-dev ## put the shop on the cluster CONTEXT=... names (OVERLAY=local or production, DRY_RUN=1)
	@$(BIN)/python -m tools.deploy --overlay "$(or $(OVERLAY),local)" --context "$(CONTEXT)" $(if $(DRY_RUN),--dry-run)

observability-check: for-dev ## have dashboards, rules, alarms' tests and the collector's file checked (ARGS=--all: by every tool)
	@$(BIN)/python -m pytest -q tests/contract/test_observability.py tests/contract/test_observability_metrics.py
	@$(BIN)/python -m tools.observability check $(ARGS)

k8s-check: for-dev ## build the Kubernetes manifests and hold them to schemas and to our own rules
	@$(BIN)/python -m tools.k8s_check

coverage: for-dev ## run every test and show what they leave out; the kit must stay above 95 %
	@$(BIN)/python -m pytest -q -n $(WORKERS) --cov --cov-branch --cov-report=
	@$(BIN)/python -m coverage report
	@$(BIN)/python -m coverage report --include='service-kit/src/*' --fail-under=95 --format=total

lock: for-dev ## bring the lock files in step with the pyprojects (UPGRADE=1: newest versions)
	$(LOCK) --output-file requirements.lock
	$(LOCK) --group dev --constraints requirements.lock --output-file requirements-dev.lock

clean: ## remove .venv and what the tools have cached
	@rm -rf .venv .coverage .coverage.* .hypothesis .mypy_cache .pytest_cache .ruff_cache .import_linter_cache
	@find . -name __pycache__ -type d -prune -exec rm -rf {} +

for-run:
	$(BOOTSTRAP) run

for-dev:
	$(BOOTSTRAP) dev
