.PHONY: format lint type test bench docs docs-site check compat

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

bench:  ## all learning claims again, days; benchmarks/README.md says how to choose
	for claim in benchmarks/claims/*.toml; do \
		PYTHONPATH=benchmarks goalrelay sweep $$claim || exit; done

docs:  ## the tables of README.md, docs/ and results/README.md, from results/ and the options
	python benchmarks/tables.py

docs-site:  ## site/, the pages as a website; needs goalrelay[docs]
	NO_MKDOCS_2_WARNING=1 python -m mkdocs build --strict --quiet

check: lint type test  ## everything CI runs

compat:  ## the contract tests at both ends of the MuJoCo range that pyproject allows
	sh benchmarks/compat.sh
