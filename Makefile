# The same commands that continuous integration runs, for a shell with the virtual environment active.
LOCALE = src/descenso/locale

.PHONY: check lint types test slow bench catalogue

check: lint types test

lint:
	ruff format --check
	ruff check

types:
	mypy

test:
	pytest

slow:
	pytest -m slow

bench:
	python benchmarks/epoch.py

# After a sentence changed: gather them all, then translate what is new in descenso.po, then run it again.
catalogue:
	mkdir -p build
	pybabel -q extract -k mark --no-location --sort-output --project descenso -o build/descenso.pot src/descenso
	pybabel -q update -D descenso -d $(LOCALE) -i build/descenso.pot -l es --no-fuzzy-matching --ignore-obsolete --ignore-pot-creation-date -w 110
	pybabel -q compile -D descenso -d $(LOCALE) -l es
