"""Files that are not Python 3, and hostile files: each gives a documented error."""

import json
import re

import pytest

import scripts
from descenso.errors import DataError
from descenso.tf1.port import port
from descenso.tf1.source import MOST_NOTEBOOK, MOST_SOURCE


def write(path, content):
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return path


def refused(path, message):
    with pytest.raises(DataError, match=f"^{re.escape(str(path))}: {message}$"):
        port(path)


PYTHON_2 = {
    "import tensorflow as tf\nprint 'cost', tf.log(c)": "line 2 is Python 2 \\(print 'cost', tf.log\\(c\\)\\)",
    "try:\n    pass\nexcept ValueError, error:\n    pass": "line 3 is Python 2 \\(except ValueError, error:\\)",
    "x = 0777": "line 1 is Python 2 \\(x = 0777\\)",
    "\n\nexec 'a = 1'": "line 3 is Python 2 \\(exec 'a = 1'\\)",
}


@pytest.mark.parametrize("script", PYTHON_2)
def test_python_2_is_called_so(script, tmp_path):
    path = write(tmp_path / "old.py", script)
    refused(path, PYTHON_2[script] + "; bring it to Python 3 first, as with print\\(…\\)")
    cells = [{"cell_type": "code", "source": "a = 1"}, {"cell_type": "code", "source": script}]
    path = write(tmp_path / "old.ipynb", json.dumps({"cells": cells}))
    refused(path, "cell 2, " + PYTHON_2[script] + "; bring .*")


BROKEN = {
    "def f(:\n    pass": r"line 1 is no Python \(def f\(:\): .*",
    "x = 1\nif x:\nprint(x)": r"line 3 is no Python \(print\(x\)\): .*",
    "x = (1,\n": r"line 1 is no Python \(x = \(1,\): .*",
    "\0": ".*null bytes.*",
    "# coding: no-such\n": ".*unknown encoding: no-such.*",
    b"# coding: zip\nx": ".*",
    b"x = '\xff'": ".*",
    b"\xff\xfe\x00": ".*",
    "x = " + "(" * 300 + ")" * 300: ".*",
    "x = " + "[" * 100000: ".*",
    "x = " + "-" * 100000 + "1": "nested more deeply than can be read",
    "x = " + "1+" * 100000 + "1": "nested more deeply than can be read",
    "x" + ".a" * 100000: "nested more deeply than can be read",
    "f" + "()" * 100000: "nested more deeply than can be read",
    "x = '" + "a" * MOST_SOURCE + "'": r"cannot be read \(more than 262144 bytes\)",
    "1" * 10000: ".*",
}


@pytest.mark.parametrize("script", BROKEN, ids=lambda script: repr(script[:20]))
def test_what_is_no_python(script, tmp_path):
    refused(write(tmp_path / "script.py", script), BROKEN[script])


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ("", r"cannot be read \(.*\)"),
        ("{", r"cannot be read \(.*\)"),
        ("[]", "JSON, and no notebook: it has no list of cells"),
        ("null", "JSON, and no notebook: it has no list of cells"),
        ('{"cells": 3}', "JSON, and no notebook: it has no list of cells"),
        ('{"cells": [{"cell_type": "code", "source": 3}]}', "JSON, and no notebook: a cell's source is no text"),
        ('{"cells": [{"cell_type": "code", "source": [{}]}]}', "JSON, and no notebook: a cell's source is no text"),
        ("[" * 200000, "nested more deeply than can be read"),
        ('{"cells": [{"cell_type": "code", "source": "x = \\ud800"}]}', r"cannot be read \(.*\)"),
        ('{"cells": ' + "1" * 5000 + "}", r"cannot be read \(.*\)"),
        (b"\xff\xff", r"cannot be read \(.*\)"),
        (b" " * (MOST_NOTEBOOK + 1), r"cannot be read \(more than 8388608 bytes\)"),
        (json.dumps({"cells": [{"cell_type": "code", "source": "#" * (MOST_SOURCE // 2 + 1)}] * 2}),
         "more than 262144 characters of code"),
    ],
    ids=range(13),
)  # fmt: skip
def test_what_is_no_notebook(content, said, tmp_path):
    refused(write(tmp_path / "a.ipynb", content), said)


@pytest.mark.parametrize("cells", [[], [{}], [3, None, "x"], [{"cell_type": "code"}], [{"cell_type": ["code"]}]])
def test_a_notebook_without_code_has_nothing_gone(cells, tmp_path):
    assert port(write(tmp_path / "a.ipynb", json.dumps({"cells": cells}))) == ([], [])


def test_what_is_neither(tmp_path):
    refused(write(tmp_path / "a.txt", ""), "neither a script nor a notebook; give a file called .py or .ipynb")
    refused(tmp_path / "absent.py", r"cannot be read \(No such file or directory\)")
    (tmp_path / "folder.py").mkdir()
    refused(tmp_path / "folder.py", r"cannot be read \(Is a directory\)")


def test_it_is_not_run(tmp_path):
    marker = tmp_path / "marker"
    port(write(tmp_path / "a.py", f"import pathlib\npathlib.Path({str(marker)!r}).touch()\n"))
    assert not marker.exists()


@pytest.mark.parametrize(
    "script",
    [
        "x = 9 ** 9 ** 9 ** 9",
        "x = 10\n" + "x = x * x\n" * 60,
        "x = 1.5\n" + "x = x * x\n" * 60,
        "x = 'a' * 10 ** 9",
        "x = 1 // 0\ny = 1.0 % 0\nint(1e999)\nint(float('nan'))",
        "x = [1]\nx[10 ** 9]\nx[-5]\n[][0]",
        "def f(): return f()\nf()",
        "def f(x=f()): pass\nf(1, 2, 3, a=4)",
        "def f(*a, **b): return a\nf(*f, **f)",
        "a, *b = 1, 2\n(a, (b, c)) = 1\n[a, b] = f()",
        "for x in range(10 ** 30):\n    for y in range(1, 2, 0): pass",
        "import tensorflow as tf\nx = tf.log(1)\n" + "x = x + x\n" * 3000 + "tf.gradients(x, x)",
        "import tensorflow as tf\nx = tf.log(1)\n" + "x = x * x\n" * 3000 + "tf.gradients(x, x)",
        "import tensorflow as tf\ntf.gradients()\ntf.gradients(1)\ntf.gradients(ys=[])\nx.minimize()\ntf.x.minimize()",
        "import tensorflow as tf\nt = tf.GradientTape()\nt.gradient()\nt.gradient(t)\ntf.softmax().minimize(tf.log())",
    ],
    ids=lambda script: script[:30],
)
def test_values_that_would_take_for_ever(script, tmp_path):
    for descent in port(write(tmp_path / "a.py", script)).descents or []:
        assert descent.command == []


@pytest.mark.parametrize("value", ["1e999", "-1e999", "0x" + "f" * 200000, "10 ** 400", "True", "None", "1j", "'a'"])
@pytest.mark.parametrize("name", ["rate", "epochs", "batch"])
def test_numbers_that_are_none(name, value, tmp_path):
    script = re.sub(rf"{name} = \d[\d.]*", f"{name} = {value}", scripts.SOFTMAX)
    (descent,) = port(write(tmp_path / "a.py", script)).descents
    assert descent.unread
    json.dumps(descent.as_json(), allow_nan=False)


def test_loops_that_never_end(tmp_path):
    script = scripts.SOFTMAX.replace("range(epochs)", "range(-70368744177664, 70368744177664)")
    (descent,) = port(write(tmp_path / "a.py", script)).descents
    assert descent.settings["epochs"] == 2**47
    script = scripts.DICTIONARIES.replace("256, 128", f"{'9' * 4000}, 128")
    (descent,) = port(write(tmp_path / "a.py", script)).descents
    assert descent.unread.keys() == {"model"}


def test_functions_that_call_one_another_without_end(tmp_path):
    """Calls grow exponentially: reading the training run is given up, but removed names are still found."""
    calls = "def f0():\n    tf.log(1)\n" + "".join(f"def f{n + 1}():\n    {f'f{n}();' * 8}\n" for n in range(11))
    read = port(write(tmp_path / "a.py", f"import tensorflow as tf\n{calls}f11()\n{scripts.TAPE}"))
    assert read.descents is None
    assert [each.call for each in read.findings] == ["tf.log"]


def test_a_large_file_of_the_usual_kind_is_read(tmp_path):
    script = "import tensorflow as tf\n" + "a = tf.log(a) + 3 * tf.square(b)\n" * 7000
    assert len(port(write(tmp_path / "a.py", script)).findings) == 7000


def test_other_encodings_and_line_ends(tmp_path):
    for content in ("# coding: latin-1\nx = 'ñ'\nimport tensorflow as tf\r\ntf.log(x)\r\n".encode("latin-1"),
                    "\ufeffx = 'ñ'\r\n\r\nimport tensorflow as tf\r\ntf.log(x)".encode()):  # fmt: skip
        assert [each.place.line for each in port(write(tmp_path / "a.py", content)).findings] == [4]
    path = write(tmp_path / "a.py", b"%time 3\r\nimport tensorflow as tf\r\n!ls\r\ntf.log(x)\r\n")
    assert [each.place.line for each in port(path).findings] == [4]
