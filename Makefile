# The same commands that continuous integration runs, for a shell with the virtual environment active.
LOCALE = src/descenso/locale

PYTHON = python3

.PHONY: check lint types test slow bench lesson catalogue constraints newest oldest

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

# The outputs of the notebooks in docs/, after their code or what it prints changed.
lesson:
	python tests/notebooks.py

# After a sentence changed: gather them all, then translate what is new in descenso.po, then run it again.
catalogue:
	mkdir -p build
	printf '[python: **.py]\n[jinja2: **.html]\n' >build/babel.cfg
	pybabel -q extract -F build/babel.cfg -k mark -k plural:1,2 --no-location --sort-output --project descenso -o build/descenso.pot src/descenso
	pybabel -q update -D descenso -d $(LOCALE) -i build/descenso.pot -l es --no-fuzzy-matching --ignore-obsolete --ignore-pot-creation-date -w 110
	pybabel -q compile -D descenso -d $(LOCALE) -l es

# The newest version of every library for each Python that descenso supports; `make newest` says whether the tests pass.
constraints:
	uv pip compile --quiet --universal --python-version 3.10 --no-python-downloads --upgrade --no-header --no-annotate \
	  --extra dev --extra tables --extra sklearn --extra export --extra tensorboard --extra lab pyproject.toml -o constraints.txt

# The tests with the newest libraries, after a list of those (-) that constraints.txt holds at another version (+).
newest:
	uv venv --quiet --clear --no-python-downloads --python $(PYTHON) .venv-newest
	uv pip install --quiet --python .venv-newest -e '.[dev]'
	uv pip install --dry-run --python .venv-newest -c constraints.txt -r pyproject.toml --extra dev
	.venv-newest/bin/pytest

# The tests with the lower bounds of pyproject.toml on the lowest Python.
oldest:
	uv venv --quiet --clear --no-python-downloads --python "$$(.ci/python 3.10)" .venv-oldest
	uv pip install --quiet --python .venv-oldest --resolution lowest-direct -e '.[dev]'
	.venv-oldest/bin/pytest
