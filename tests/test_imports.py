"""The layers: which package may import which, how long files and functions may be, and what is imported when."""

import ast
import re
import subprocess
import sys
from pathlib import Path

import pytest

import descenso

SOURCE = Path(descenso.__file__).parent
GROUND = {"config", "elsewhere", "errors", "files", "guesses", "hints", "keywords", "registry", "settings", "text",
          "_version"}  # fmt: skip
BELOW = {  # the layers from the lowest to the highest, and what each package may import besides itself and GROUND
    "data": set(),
    "tf1": {"data"},  # the bundled MNIST, for programs that are run
    "runs": {"data"},
    "descent": {"data"},
    "engines": {"data", "descent"},
    "reports": {"data", "runs"},  # without TensorFlow
    "training": {"data", "runs", "descent", "engines", "reports"},
    "studies": {"data", "runs", "descent", "engines", "training", "reports"},
    "api": {"data", "runs", "descent", "engines", "training", "reports", "studies"},
    "exporting": {"data", "runs", "descent", "engines", "training", "reports", "studies", "api"},
    "doctor": {"data", "runs", "descent", "engines", "training", "reports", "studies", "api"},
}
BELOW["lab"] = BELOW["exporting"] | {"exporting", "doctor"}
BELOW["cli"] = BELOW["lab"] | {"lab", "tf1"}
BELOW["__init__"] = BELOW["__main__"] = BELOW["cli"] | {"cli"}
BELOW_ON_THE_GROUND = {
    "_version": set(),
    "errors": set(),
    "keywords": set(),
    "text": {"errors", "keywords"},
    "registry": {"text"},
    "settings": {"text"},
    "elsewhere": {"text"},
    "guesses": {"text", "registry", "settings", "elsewhere"},
    "hints": {"settings"},
    "config": {"errors", "text", "registry", "settings", "guesses"},
    "files": {"errors", "text", "config"},
}
MAX_FILE_LINES, MAX_FUNCTION_LINES, MAX_FILES_OF_TRAIN = 300, 40, 40


def module_name(path):
    parts = ["descenso", *path.relative_to(SOURCE).with_suffix("").parts]
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


FILES = {module_name(path): path for path in sorted(SOURCE.rglob("*.py"))}


def trees():
    return {name: ast.parse(path.read_text(encoding="utf-8"), str(path)) for name, path in FILES.items()}


def package_of(module):
    """Return the package of a module: "data" of "descenso.data.formats.idx"."""
    return [*module.split("."), "__init__"][1]


def imported(name, tree):
    """Yield the modules of descenso that `tree` imports anywhere, also for types only or by a name in a string."""
    package = name if FILES[name].name == "__init__.py" else name.rpartition(".")[0]
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            candidates = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            base = ".".join(package.split(".")[: len(package.split(".")) - node.level + 1]) if node.level else ""
            base = ".".join(filter(None, [base, node.module]))
            inner = [f"{base}.{alias.name}" for alias in node.names]
            candidates = [each if each in FILES else base for each in inner]
        elif isinstance(node, ast.Constant) and isinstance(node.value, str):
            named = re.fullmatch(r"(descenso(\.\w+)+)(:\w+)?", node.value)
            candidates = [named[1]] if named and named[1] in FILES else []
        else:
            continue
        for each in candidates:
            if each.split(".")[0] == "descenso":
                assert each in FILES, f"{name} imports {each}, which there is not"
                yield each


def all_imports():
    return {name: sorted(set(imported(name, tree)) - {name}) for name, tree in trees().items()}


def test_all_kinds_of_imports_are_found():
    code = """
import descenso.data.formats.idx
from descenso.runs import files
from descenso.text import _
if TYPE_CHECKING:
    from descenso.api.run import Run
def later():
    from descenso import config
where = {"sgd": "descenso.descent.rules", "eager": "descenso.engines.eager:Eager"}
not_one = "descenso.engines, which is no module's name alone", "descenso.nowhere"
"""
    assert sorted(imported("descenso.cli", ast.parse(code))) == [
        "descenso.api.run", "descenso.config", "descenso.data.formats.idx", "descenso.descent.rules",
        "descenso.engines.eager", "descenso.runs.files", "descenso.text",
    ]  # fmt: skip
    relative = ast.parse("from . import order\nfrom .order import Order\nfrom ..text import _")
    assert set(imported("descenso.data.catalog", relative)) == {"descenso.data.order", "descenso.text"}
    assert {"descenso.api.train", "descenso.config"} <= set(all_imports()["descenso"])


def test_every_module_is_in_a_layer():
    assert {package_of(name) for name in FILES} <= set(BELOW) | GROUND


def test_imports_go_one_way():
    wrong = []
    for name, found in all_imports().items():
        home = package_of(name)
        allowed = BELOW_ON_THE_GROUND[home] if home in GROUND else BELOW[home] | GROUND | {home}
        wrong += [f"{name} imports {other}" for other in found if package_of(other) not in allowed]
    assert not wrong, "\n".join(wrong)


def test_no_modules_import_each_other_in_a_circle():
    imports, done = all_imports(), set()

    def walk(name, path):
        assert name not in path, " imports ".join([*path[path.index(name) :], name])
        if name not in done:
            for other in imports[name]:
                walk(other, [*path, name])
            done.add(name)

    for name in imports:
        walk(name, [])


def test_no_file_is_long():
    long = {name: len(path.read_text(encoding="utf-8").splitlines()) for name, path in FILES.items()}
    assert {name: lines for name, lines in long.items() if lines > MAX_FILE_LINES} == {}


def test_no_function_is_long():
    long = {
        f"{name}.{node.name}": node.end_lineno - node.lineno + 1
        for name, tree in trees().items()
        for node in ast.walk(tree)
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
    }
    assert {name: lines for name, lines in long.items() if lines > MAX_FUNCTION_LINES} == {}


SEES = """
import sys
try:
    {statement}
except SystemExit as end:
    assert not end.code, end.code
loaded = [name for name in {unwanted!r} if name in sys.modules]
assert not loaded, f"{{loaded}} imported by: {statement}"
"""


def assert_not_imported(statement, unwanted, *arguments):
    command = [sys.executable, "-c", SEES.format(statement=statement, unwanted=unwanted), *arguments]
    ended = subprocess.run(command, capture_output=True, text=True, check=False)
    assert ended.returncode == 0, ended.stderr
    return ended.stdout


WITHOUT_TENSORFLOW = [
    "import descenso; descenso.TrainConfig, descenso.Dataset, descenso.load, descenso.open_run, descenso.doctor",
    "import " + ", ".join(name for name in FILES if package_of(name) in ("runs", "data")),
    "import " + ", ".join(name for name in FILES if package_of(name) == "reports"),
    "import " + ", ".join(name for name in FILES if package_of(name) == "cli"),
]


@pytest.mark.parametrize("statement", WITHOUT_TENSORFLOW, ids=["descenso", "runs, data", "reports", "cli"])
def test_tensorflow_is_not_imported_before_it_is_needed(statement):
    assert_not_imported(statement, ["tensorflow", "keras"])


def test_importing_descenso_imports_next_to_nothing():
    assert_not_imported("import descenso", ["tensorflow", "numpy", "pydantic", "matplotlib", "typer", "rich"])


@pytest.mark.parametrize("arguments", [["--help"], ["--version"]], ids=" ".join)
def test_help_imports_nothing_heavy(arguments):
    unwanted = ["tensorflow", "keras", "numpy", "pydantic", "matplotlib", "PIL", "safetensors"]
    shown = assert_not_imported("from descenso.cli import main; main()", unwanted, *arguments)
    assert ("train" in shown) if arguments == ["--help"] else (shown == f"{descenso.__version__}\n")


@pytest.mark.parametrize(
    ("before", "expected"),
    [("", "1"), ("os.environ['TF_ENABLE_ONEDNN_OPTS'] = '0'", "0"), ("sys.modules['tensorflow'] = sys", "default")],
    ids=["by default", "as the user says", "TensorFlow has started"],
)
def test_onednn_is_enabled_on_every_processor(before, expected):
    """TensorFlow disables oneDNN on processors without AVX-512, where convolutions then take three times as long."""
    code = f"import os, sys; os.environ.pop('TF_ENABLE_ONEDNN_OPTS', 0); {before}\nimport descenso\n"
    tell = "print(os.environ.get('TF_ENABLE_ONEDNN_OPTS', 'default'))"
    told = subprocess.run([sys.executable, "-c", code + tell], capture_output=True, text=True, check=True)
    assert told.stdout.strip() == expected


COUNTS = """
import os, sys
from descenso.cli import main
try:
    main()
finally:
    ours = [module.__file__ for name, module in sys.modules.items() if name.split(".")[0] == "descenso"]
    print(*sorted(name for name in ours if os.path.getsize(name) > 150), sep="\\n")
"""


@pytest.mark.slow
def test_few_files_run_for_train(tmp_path):
    """Files with a docstring alone, such as most `__init__.py`, do not count."""
    command = [sys.executable, "-c", COUNTS, "train", "--epochs", "1", "--json"]
    ended = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    files = [line for line in ended.stdout.splitlines() if line.endswith(".py")]
    assert str(SOURCE / "engines" / "compiled.py") in files, ended.stdout + ended.stderr
    assert len(files) <= MAX_FILES_OF_TRAIN, "\n".join(files)
