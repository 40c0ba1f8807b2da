.PHONY: format lint type test bench check compat

format:  ## rewrite files in the house style
	ruff format .
	ruff check --fix .

lint:  ## style and common mistakes
	ruff format --check .
	ruff check .

type:  ## static types
	pyright

test:  ## the quick tests, some minutes, two at a time
	python -m pytest --numprocesses 2 --dist worksteal

bench:  ## learning runs and side-by-side timings, hours; see benchmarks/README.md
	sh benchmarks/reproduce.sh

check: lint type test  ## everything CI runs

compat:  ## the contract tests at both ends of the MuJoCo range that pyproject allows
	sh benchmarks/compat.sh
