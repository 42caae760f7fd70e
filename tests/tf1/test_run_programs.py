"""`descenso port --run`: programs run as published; their environment, their output, and how they end."""

import ast
import json
import os
import re
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import forms
import programs
import scripts
from descenso.tf1.program import answered_symbols
from descenso.tf1.running import input_data

RUNNING = Path(input_data.__file__).parent
DIGITS = RUNNING.parents[1] / "data" / "mnist"


def command(file, *words):
    return [sys.executable, "-m", "descenso", "port", str(file), "--run", *words]


def run(file, *words, folder, **options):
    """Run `descenso port FILE --run WORDS` in `folder`; the words after "--" are passed to the program."""
    return subprocess.run(
        command(file, *words), cwd=folder, capture_output=True, encoding="utf-8", check=False, timeout=300, **options
    )


def write_notebook(path, *cells, version=4):
    if version == 3:
        code = [{"cell_type": "code", "input": text.splitlines(keepends=True)} for text in cells]
        content = {"nbformat": 3, "worksheets": [{"cells": code}]}
    else:
        code = [{"cell_type": "code", "source": text.splitlines(keepends=True)} for text in cells]
        content = {"nbformat": 4, "cells": [{"cell_type": "markdown", "source": "# A title"}, *code]}
    path.write_text(json.dumps(content), encoding="utf-8")


# Programs without TensorFlow, which is imported only if the program imports it.


def test_a_script_sees_what_python_gives_it(tmp_path):
    (tmp_path / "there").mkdir()
    (tmp_path / "there" / "beside.py").write_text("name = 'beside'")
    script = (
        "# -*- coding: latin-1 -*-\n'''Told.'''\nimport beside, os, sys\n"
        "print(__name__, __doc__, __file__, sys.argv, os.getcwd() == os.environ['HERE'], beside.name, input(), 'ñ')\n"
        "sys.exit(7)\n"
    )
    (tmp_path / "there" / "own.py").write_bytes(script.encode("latin-1"))
    here = {**os.environ, "HERE": str(tmp_path), "PYTHONIOENCODING": "utf-8"}
    ended = run("there/own.py", "--", "-x", "--lang", "es", folder=tmp_path, input="typed\n", env=here)
    assert ended.stdout == "__main__ Told. there/own.py ['there/own.py', '-x', '--lang', 'es'] True beside typed ñ\n"
    assert (ended.returncode, ended.stderr) == (7, "")


def test_without_the_flag_nothing_is_executed(tmp_path):
    (tmp_path / "own.py").write_text("open('made', 'w')")
    for words in ([], ["--out", "new.py"], ["--json"]):
        read = subprocess.run([sys.executable, "-m", "descenso", "port", "own.py", *words], cwd=tmp_path, check=False,
                              capture_output=True)  # fmt: skip
        assert read.returncode == 0
    assert sorted(path.name for path in tmp_path.iterdir()) == ["new.py", "own.py"]


def test_an_exception_shows_the_program_only(tmp_path):
    (tmp_path / "beside.py").write_text("import json\n\ndef read():\n    return json.loads('{')\n")
    (tmp_path / "own.py").write_bytes("\ufeffimport beside\n\nprint('begun')\nbeside.read()\n".encode())
    ended = run("own.py", folder=tmp_path)
    assert (ended.returncode, ended.stdout) == (1, "begun\n")
    frames = re.findall(r'File "(.*?)", line (\d+)', ended.stderr)
    assert [(Path(file).name, line) for file, line in frames] == [("own.py", "4"), ("beside.py", "4")]
    assert "    beside.read()\n" in ended.stderr
    assert ended.stderr.splitlines()[-1].startswith("json.decoder.JSONDecodeError: ")
    (tmp_path / "old.py").write_text("for i in xrange(3):\n    pass\n")
    ended = run("old.py", folder=tmp_path)
    assert ended.stderr.endswith("descenso: xrange is Python 2; in Python 3 it is: range\n")


@pytest.mark.parametrize("version", [3, 4])
def test_a_notebook_shows_what_jupyter_shows(tmp_path, version):
    cells = [
        "%matplotlib inline\n!pip install nothing \\\n  at all\nimport os\ntext = '''\n%s is no magic\n'''\ntext % 'x'",
        "%%bash\necho no",
        "%time total = sum([1, 2])\nfiles = !ls\nget_ipython().magic('matplotlib inline')\n(total,\n files)",
        "hidden = 4\nhidden;",
        "if True:\n    %cd data\nos?\n?os\ndisplay({'a': 1})\nprint('end')",
        "None",
        "def f():\n    return 1 / 0\nf()",
    ]
    write_notebook(tmp_path / "own.ipynb", *cells, version=version)
    ended = run("own.ipynb", folder=tmp_path)
    assert ended.stdout == "'\\nx is no magic\\n'\n(3, None)\n{'a': 1}\nend\n"
    said = ended.stderr.splitlines()
    assert said[:3] == [
        "descenso: own.ipynb: cell 2, line 1 is left out: %%bash",
        "descenso: own.ipynb: cell 3, line 2 is left out: files = !ls",
        "descenso: own.ipynb: cell 5, line 2 is left out: %cd data",
    ]
    assert re.findall(r'File "(.*?)", line (\d+), in (.*)', ended.stderr) == [
        ("own.ipynb[7]", "3", "<module>"), ("own.ipynb[7]", "2", "f"),
    ]  # fmt: skip
    assert "    return 1 / 0\n" in ended.stderr
    assert ended.returncode == 1


FIGURES = """\
import matplotlib
matplotlib.use("TkAgg")
import matplotlib.pyplot as plt
plt.plot([1, 2], [3, 4])
plt.show()
plt.figure()
plt.plot([1], [1])
plt.savefig("by-itself.png")
plt.close()
fig, ax = plt.subplots()
ax.bar([1], [2])
"""


@pytest.mark.slow
def test_figures_are_saved_as_pictures(tmp_path):
    (tmp_path / "a").mkdir()
    (tmp_path / "a" / "own.py").write_text(FIGURES)
    for folder in ("own-figures", "own-figures-2"):  # a second run does not overwrite the pictures of the first
        ended = run("a/own.py", folder=tmp_path)
        assert (ended.returncode, ended.stdout) == (0, "")
        assert ended.stderr.splitlines() == [
            f"descenso: figure: a/{folder}/figure-1.png", f"descenso: figure: a/{folder}/figure-2.png",
        ]  # fmt: skip
        assert {path.name for path in (tmp_path / "a" / folder).iterdir()} == {"figure-1.png", "figure-2.png"}
        assert np.asarray(Image.open(tmp_path / "a" / folder / "figure-1.png")).std() > 1
    write_notebook(tmp_path / "own.ipynb", "import pylab as plt\nplt.plot([1, 2]);", "plt.plot([2, 1]);", "plt.ylabel")
    ended = run("own.ipynb", "--json", folder=tmp_path)
    answer = json.loads(ended.stdout)
    assert answer["programs"][0]["figures"] == ["own-figures/figure-1.png", "own-figures/figure-2.png"]
    assert "<function ylabel" in ended.stderr


def test_one_json_object(tmp_path):
    (tmp_path / "own.py").write_text("print('theirs')\nraise ValueError('Incompatible shapes: [3] vs. [3,10]')\n")
    ended = run("own.py", "--json", folder=tmp_path)
    answer = json.loads(ended.stdout)
    assert (answer["file"], answer["exit_code"], ended.returncode) == ("own.py", 1, 1)
    error = answer["programs"][0].pop("error")
    assert answer["programs"] == [{"tensorflow": 2, "exit_code": 1, "figures": [], "left_out": []}]
    assert (error["message"], error["cell"], error["line"]) == (
        "ValueError: Incompatible shapes: [3] vs. [3,10]",
        None,
        2,
    )
    assert error["lessons"][0]["lesson"] == "one-hot"
    assert "theirs\n" in ended.stderr
    assert "descenso: own.py, line 2: what `descenso explain` says of this" in ended.stderr


NETWORK = """\
import gzip, socket, urllib.request
place, _ = urllib.request.urlretrieve("http://yann.lecun.com/exdb/mnist/t10k-labels-idx1-ubyte.gz", "labels.gz")
print(len(gzip.open(place).read()))
server = socket.create_server(("127.0.0.1", 0))
socket.create_connection(server.getsockname()).close()
for call in (lambda: socket.create_connection(("example.org", 80)),
             lambda: socket.create_connection(("192.0.2.1", 80)),
             lambda: urllib.request.urlopen("https://example.org/fashion-mnist/t10k-labels-idx1-ubyte.gz")):
    try:
        call()
    except OSError as error:
        print(error)
"""


def test_there_is_no_network_but_mnist(tmp_path):
    (tmp_path / "own.py").write_text(NETWORK)
    ended = run("own.py", folder=tmp_path)
    size, *refused = ended.stdout.splitlines()
    assert (size, ended.returncode) == ("10008", 0), ended.stderr
    assert len(refused) == 3
    for said, host in zip(refused, ("example.org", "192.0.2.1", "example.org"), strict=True):
        assert f"no network: descenso port --run connects to nothing, and this program to {host}; put the file" in said


def test_modules_of_colab_are_replaced(tmp_path):
    cell = (
        "import sys\ntry:\n    import google.colab\nexcept ImportError:\n    print('not in Colab')\n"
        "from google.colab import drive, files\ndrive.mount('/content/drive')\nprint('google.colab' in sys.modules)\n"
        "from IPython.display import clear_output, display\nclear_output()\ndisplay('shown')\n"
        "try:\n    from IPython.display import nowhere\nexcept (ImportError, AttributeError):\n    print('absent')\n"
        "files.upload()"
    )
    write_notebook(tmp_path / "own.ipynb", cell)
    ended = run("own.ipynb", folder=tmp_path)
    assert ended.stdout == "not in Colab\nFalse\nshown\nabsent\n"
    assert "descenso: google.colab.drive.mount: there is no Drive here, and nothing is mounted\n" in ended.stderr
    assert "FileNotFoundError: google.colab.files.upload: there is no browser here; put the file" in ended.stderr


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_signals_reach_the_program_and_its_output_is_live(tmp_path, number):
    (tmp_path / "own.py").write_text("import time\nprint('begun')\nwhile True:\n    time.sleep(0.01)\n")
    process = subprocess.Popen(command("own.py"), cwd=tmp_path, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                               encoding="utf-8", start_new_session=True)  # fmt: skip
    assert process.stdout.readline() == "begun\n"  # before the program ends
    process.send_signal(number)
    _output, said = process.communicate(timeout=60)
    assert process.returncode == 128 + number
    assert "Traceback" not in said
    assert said.startswith(
        "descenso: own.py: interrupted (line " if number == signal.SIGINT else "descenso: own.py: its "
    )


def test_a_program_that_saves_when_it_is_interrupted(tmp_path):
    script = (
        "import time\ntry:\n    print('begun')\n    time.sleep(60)\nexcept KeyboardInterrupt:\n    print('saved')\n"
    )
    (tmp_path / "own.py").write_text(script)
    process = subprocess.Popen(command("own.py"), cwd=tmp_path, stdout=subprocess.PIPE, encoding="utf-8",
                               start_new_session=True)  # fmt: skip
    process.stdout.readline()
    process.send_signal(signal.SIGINT)
    output, _said = process.communicate(timeout=60)
    assert (output, process.returncode) == ("saved\n", 0)


def test_files_that_cannot_be_run(tmp_path):
    cases = {
        "print 'a'\n": r"own.py: line 1 is Python 2 \(print 'a'\); bring it to Python 3 first, as with print\(…\)",
        "x = (\n": r"own.py: line 1 is no Python \(x = \(\): .*",
        "x = 1\nreturn x\n": r"own.py: line 2 is no Python \(return x\): 'return' outside function",
    }
    for script, said in cases.items():
        (tmp_path / "own.py").write_text(script)
        ended = run("own.py", folder=tmp_path)
        assert (ended.returncode, ended.stdout) == (3, "")
        assert re.fullmatch(f"descenso: {said}\n", ended.stderr)
    for words, said in (
        ([], "arguments of the program are for --run; try descenso port own.py --run -- 1"),
        (["--run", "--out", "new.py"], "--run and --out are two commands"),
        (["--out", "new.txt"], "out must be a script, got new.txt; try --out new.py"),
        (["--anyway"], "--anyway is for --run and --out; try descenso port own.py --run --anyway"),
    ):
        after = ["--", "1"] if not words else []
        ended = subprocess.run([sys.executable, "-m", "descenso", "port", "own.py", *words, *after], cwd=tmp_path,
                               capture_output=True, encoding="utf-8", check=False)  # fmt: skip
        assert (ended.returncode, ended.stderr[: len(said) + 10]) == (2, f"descenso: {said}"[: len(said) + 10])


def test_calls_that_cannot_work_are_named_before_anything_runs(tmp_path):
    script = (
        "print('begun')\nimport tensorflow as tf\nx = tf.placeholder(tf.float32)\ntf.contrib.rnn.BasicLSTMCell(3)\n"
    )
    (tmp_path / "own.py").write_text(script)
    ended = run("own.py", folder=tmp_path)
    assert (ended.returncode, ended.stdout) == (1, "")
    assert "\n      4  tf.contrib.rnn.BasicLSTMCell " in ended.stderr
    assert ended.stderr.endswith("descenso: nothing was run or written; --anyway does it nevertheless\n")
    answer = json.loads(run("own.py", "--json", folder=tmp_path).stdout)
    assert [each["place"] for each in answer["cannot_work"]] == ["4"]


def test_the_replaced_names_are_found():
    """The names that programs may use, found without importing TensorFlow, are those of the functions there are."""
    named = {"layers.": set(), "contrib.layers.": set()}
    for symbol in answered_symbols():
        package, _dot, name = symbol.rpartition(".")
        named.get(f"{package}.", set()).add(name)
    for prefix, module in (("layers.", "layers"), ("contrib.layers.", "contrib")):
        tree = ast.parse((RUNNING / f"{module}.py").read_text(encoding="utf-8"))
        made = {node.name for node in tree.body if isinstance(node, ast.FunctionDef)}
        made |= {target.id for node in tree.body if isinstance(node, ast.Assign) for target in node.targets}
        assert {name for name in made if not name.startswith("_")} == named[prefix]


# Programs with TensorFlow.


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    folder = tmp_path_factory.mktemp("programs")
    (folder / "helper.py").write_text(programs.HELPER)
    (folder / "network.py").write_text(programs.NETWORK)
    for name, text in programs.PROGRAMS.items():
        (folder / f"{name}.py").write_text(text)
    return folder


@pytest.mark.slow
@pytest.mark.parametrize("name", sorted(programs.PROGRAMS))
def test_programs_in_known_forms_end_as_they_did(name, place):
    words = ["--", "--rate", "0.4", "--steps=12", "rest"] if name == "flags" else []
    ended = run(f"{name}.py", *words, folder=place)
    assert (ended.returncode, ended.stderr) == (0, ""), ended.stderr
    lines = ended.stdout.splitlines()
    assert lines[-1] == "ended"
    if name == "flags":
        assert lines[0] == "w True 12 flags.py ['--rate', '0.4', '--steps=12', 'rest']"
    if name == "saver":  # relative paths start at the working directory
        assert lines[0] == "saved/model.ckpt-59"
        assert (place / "saved" / "checkpoint").is_file()
        assert any(path.name.startswith("events.") for path in (place / "logs").iterdir())


@pytest.mark.slow
def test_further_forms_end_as_they_did(tmp_path):
    """In one process, as modules beside the program that is run; with `PROGRAMS` and two more they are over 30."""
    assert len(forms.FORMS) + len(programs.PROGRAMS) >= 30
    ended = run(forms.write(tmp_path), folder=tmp_path)
    assert ended.returncode == 0, ended.stderr
    assert dict(zip(forms.FORMS, ast.literal_eval(ended.stdout.splitlines()[-1]), strict=True)) == dict.fromkeys(
        forms.FORMS, True
    )


@pytest.mark.slow
def test_the_tutorials_program_has_its_published_costs(tmp_path):
    """A second program in the same notebook, for TensorFlow 2, runs in a new process, as in Colab."""
    first = scripts.SOFTMAX.replace("epochs = 100", "epochs = 2").split("costs = []\n")
    second = scripts.TAPE.replace("rate, epochs, batch = 0.01, 100, 100", "rate, epochs, batch = 0.01, 1, 100")
    end = "float(cost) < 1.1"  # of its last batch: 0.74 on average, and above 0.9 in a hundredth of the orders
    head = "%tensorflow_version 1.x\nimport matplotlib.pyplot as plt\n"
    cells = [head + first[0], "costs = []\n" + first[1] + "\nplt.plot(costs)\nplt.ylabel('Loss')"]
    write_notebook(tmp_path / "own.ipynb", *cells, f"%tensorflow_version 2.x\n{second}", end)
    ended = run("own.ipynb", folder=tmp_path)
    assert ended.returncode == 0, ended.stderr
    costs = [float(cost) for cost in re.findall(r"^\[\d\] cost: (.*)", ended.stdout, re.MULTILINE)]
    assert costs == pytest.approx([1.184, 0.665], abs=4e-3)  # the order of the rows is random
    assert float(re.search("^Accuracy: (.*)", ended.stdout, re.MULTILINE)[1]) == pytest.approx(0.867, abs=0.01)
    assert ended.stdout.splitlines()[-2:] == ["Text(0, 0.5, 'Loss')", "True"]
    assert ended.stderr.splitlines() == [
        "descenso: figure: own-figures/figure-1.png",
        "descenso: own.ipynb: the rest is for another TensorFlow, and runs in a new process",
    ]


@pytest.mark.slow
def test_errors_of_tensorflow_end_in_their_lessons(tmp_path):
    script = (
        "import numpy as np\nimport tensorflow as tf\n\n\ndef net(x, w):\n    return tf.matmul(x, w)\n\n\n"
        "x = tf.placeholder(tf.float32)\nout = net(x, tf.Variable(tf.zeros([4, 2])))\nwith tf.Session() as sess:\n"
        "    sess.run(tf.global_variables_initializer())\n    sess.run(out, {x: np.zeros([2, 3])})\n"
    )
    (tmp_path / "own.py").write_text(script)
    ended = run("own.py", folder=tmp_path)
    assert ended.returncode == 1
    assert set(re.findall(r'File "(.*?)"', ended.stderr)) == {"own.py"}
    assert ended.stderr.count("Traceback") == 1
    assert "\nmatmul\n" in ended.stderr
    function = (
        "import tensorflow as tf\n\n\ndef inner(x):\n    return tf.matmul(x, tf.zeros([5, 2]))\n\n\n@tf.function\n"
        "def outer(x):\n    return inner(x)\n\n\nouter(tf.ones([2, 3]))\n"
    )
    (tmp_path / "new.py").write_text(function)  # its message contains a traceback
    ended = run("new.py", folder=tmp_path)
    assert re.findall(r'File "(.*?)", line (\d+)', ended.stderr) == [
        ("new.py", "13"),
        ("new.py", "10"),
        ("new.py", "5"),
    ]
    (tmp_path / "own.py").write_text(script.replace("out =", "y = tf.contrib.layers.layer_norm(x)\nout ="))
    ended = run("own.py", "--anyway", "--json", folder=tmp_path)
    error = json.loads(ended.stdout)["programs"][0]["error"]
    assert (error["line"], error["lessons"][0]["lesson"]) == (10, "contrib")
    assert error["lessons"][0]["named"]["symbol"] == "contrib.layers.layer_norm"
