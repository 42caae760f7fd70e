"""Shell completion, called through the variables that Typer's shell scripts set; without TensorFlow."""

import json
import subprocess
import sys

import pytest

from descenso.registry import MODELS, RULES, SCHEDULES
from shell import SECONDS, descenso, environment

EXPECTED = {
    "descenso grad": ["gradcheck"],
    "descenso train --sched": ["--schedule"],
    "descenso train --rule ": list(RULES),
    "descenso train --schedule co": [name for name in SCHEDULES if name.startswith("co")],
    "descenso train --model ": list(MODELS),
    "descenso train --preset a": ["accurate"],
    "descenso train fash": ["fashion-mnist"],
    "descenso compare --engines graph,e": ["graph,eager"],
    "descenso export run --to o": ["onnx"],
    "descenso doctor --break labels-from": ["labels-from-1"],
    "descenso evaluate ru": ["runs/one", "runs/two"],
    "descenso resume elsewhere/t": ["elsewhere/three"],
    "descenso train --seed ": [],
}
COMPLETE = """
import contextlib, io, json, os, sys
from descenso.cli import main
told = {}
for line in json.loads(sys.argv.pop()):
    os.environ |= {"COMP_WORDS": line, "COMP_CWORD": str(line.count(" ")), "_DESCENSO_COMPLETE": "complete_bash"}
    sys.modules.pop("descenso.cli.app", None)  # which imports the commands that were typed
    with contextlib.redirect_stdout(io.StringIO()) as out, contextlib.suppress(SystemExit):
        main()
    told[line] = out.getvalue().split()
print(json.dumps([told, "tensorflow" in sys.modules or "keras" in sys.modules]))
"""


@pytest.fixture(scope="module")
def told(tmp_path_factory):
    """Completions of the last word of each line, as bash receives them."""
    folder = tmp_path_factory.mktemp("completion")
    for run in ("runs/one", "runs/two", "elsewhere/three"):
        (folder / run).mkdir(parents=True)
        (folder / run / "status.json").write_text("{}")
    process = subprocess.run(
        [sys.executable, "-c", COMPLETE, json.dumps(list(EXPECTED))], cwd=folder, env=environment(),
        capture_output=True, encoding="utf-8", timeout=SECONDS, check=True,
    )  # fmt: skip
    words, imported = json.loads(process.stdout)
    assert not imported, "TensorFlow was imported"
    return words


@pytest.mark.parametrize("line", EXPECTED)
def test_completion_in_bash(line, told):
    assert told[line] == EXPECTED[line]


@pytest.mark.slow
def test_completion_in_zsh(tmp_path):
    variables = {"_TYPER_COMPLETE_ARGS": "descenso train --engine e", "_DESCENSO_COMPLETE": "complete_zsh"}
    assert "eager" in descenso(cwd=tmp_path, **variables).stdout


@pytest.mark.slow
@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_the_script_for_a_shell(shell, tmp_path):
    """`descenso --show-completion` detects the shell; this variable lets the test name it instead."""
    process = descenso("--show-completion", shell, cwd=tmp_path, _TYPER_COMPLETE_TEST_DISABLE_SHELL_DETECTION="1")
    assert process.returncode == 0, process.stderr
    assert f"_DESCENSO_COMPLETE=complete_{shell}" in process.stdout
