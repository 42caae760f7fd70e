"""Findings and training runs that `descenso port` reads from scripts and notebooks."""

import json
import shlex

import pytest

import scripts
from descenso.config import TrainConfig
from descenso.tf1.port import port


@pytest.fixture
def ported(tmp_path):
    """A function that calls `port` on a script, or on a notebook of cells."""

    def read(source):
        path = tmp_path / ("script.py" if isinstance(source, str) else "notebook.ipynb")
        path.write_text(source if isinstance(source, str) else notebook(source), encoding="utf-8")
        return port(path)

    return read


def notebook(cells):
    about = {"nbformat": 4, "nbformat_minor": 5, "metadata": {}}
    told = [{"cell_type": "markdown", "source": ["# tf.placeholder\n"], "metadata": {}}]
    told += [
        {"cell_type": "code", "source": cell.splitlines(keepends=True), "outputs": [], "metadata": {}} for cell in cells
    ]
    return json.dumps({"cells": told, **about})


def commands(read):
    return [shlex.join(descent.command) for descent in read.descents]


def calls(read):
    return [(str(each.place), each.call, each.instead) for each in read.findings]


def test_program_1(ported):
    read = ported(scripts.SOFTMAX)
    assert calls(read) == [
        ("3", "from tensorflow.examples.tutorials.mnist import input_data", "tf.keras.datasets.mnist"),
        ("5", "input_data.read_data_sets", "tf.keras.datasets.mnist.load_data()"),
        ("10", "tf.placeholder", "an argument: def predict(x)"),
        ("11", "tf.placeholder", "an argument: def predict(x)"),
        ("15", "tf.reduce_sum(reduction_indices)", "axis"),
        ("15", "tf.log", "tf.math.log"),
        ("16", "tf.gradients", "tape.gradient(cost, [W, b])"),
        ("19", "tf.global_variables_initializer", "nothing: leave it out"),
        ("22", "tf.Session", "nothing: operations run at once"),
        ("23", "sess.run", "a function's call: step(x, y)"),
        ("26", "mnist.train.num_examples", "len(x_train)"),
        ("28", "mnist.train.next_batch", "for batch_x, batch_y in train"),
        ("29", "sess.run", "a function's call: step(x, y)"),
        ("35", "accuracy.eval", ".numpy()"),
        ("35", "mnist.test.images", "x_test"),
        ("35", "mnist.test.labels", "y_test"),
    ]
    assert commands(read) == [scripts.SOFTMAX_COMMAND]
    assert read.descents[0].place.line == 16
    assert (read.descents[0].unread, read.descents[0].notes) == ({}, [])


def test_program_2_has_nothing_that_is_gone(ported):
    read = ported(scripts.TAPE)
    assert read.findings == []
    assert commands(read) == [scripts.TAPE_COMMAND]
    assert (read.descents[0].unread, read.descents[0].notes) == ({}, [])


def test_a_notebook_of_both(ported):
    """With magics and shell commands of notebooks, in cells of their own and within cells."""
    first, rest = scripts.SOFTMAX.split("rate = 0.01\n")
    cells = [
        "%tensorflow_version 1.x",
        "!pip install scipy\n" + first + "%matplotlib inline\nfiles = !ls",
        "rate = 0.01\n" + rest,
        "%%bash\nls | grep tf.placeholder",
        "if True:\n    %time tf.log(1.0)\n    pass\n",
        scripts.TAPE + "print('%d'\n      % 3)",
    ]
    read = ported(cells)
    assert [place for place, _call, _instead in calls(read)][:4] == ["1:1", "2:4", "2:6", "3:5"]
    assert calls(read)[0] == ("1:1", "%tensorflow_version 1.x", "nothing: leave it out")
    assert {each.place.cell for each in read.findings} == {1, 2, 3, 5}  # the statement after %time counts
    assert commands(read) == [scripts.SOFTMAX_COMMAND, scripts.TAPE_COMMAND]
    assert [str(each.place) for each in read.descents] == ["3:11", "6:18"]


def test_a_notebook_of_version_3(tmp_path):
    path = tmp_path / "old.ipynb"
    cell = {"cell_type": "code", "input": ["import tensorflow as tf\n", "tf.log(1.0)"]}
    path.write_text(json.dumps({"nbformat": 3, "worksheets": [{"cells": [cell]}]}))
    assert calls(port(path)) == [("1:2", "tf.log", "tf.math.log")]


@pytest.mark.parametrize(
    "script",
    [
        "import tensorflow\ntensorflow.log(1.0)",
        "import tensorflow as tf\ntf.log(1.0)",
        "import tensorflow as numpy\nnumpy.log(1.0)",
        "import tensorflow as tf\nlog = tf.log",
        "import tensorflow.log as log\n",
        "from tensorflow import log\n",
        "import tensorflow as tf\ndef f():\n    class A:\n        b = [tf.log(c) for c in (1, 2)]\n",
        "import tensorflow as tf\nlambda: (await_, tf.log)",
        "import tensorflow as tf\n@tf.log\ndef f(): pass",
    ],
)
def test_names_are_followed(script, ported):
    assert {each.symbol for each in ported(script).findings} == {"log"}


@pytest.mark.parametrize(
    "script",
    [
        "tf.log(1.0)",
        "import numpy as tf\ntf.log(1.0)",
        "from .tensorflow import log\nlog(1.0)",
        "import mytensorflow as tf\ntf.log",
        "import tensorflow as tf\nimport math as tf\ntf.log(1.0)",
        "import tensorflow as tf\ntf.math.log(1.0)",
        "import tensorflow as tf\nx.log(1.0)",
        "import tensorflow as tf\nmodel = build()\nmodel.eval()\n",
        "import tensorflow as tf\nsess = tf.constant(1.0)\nsess = 3\nsess.eval()",
        "import tensorflow as tf\n@tf.function\ndef f(x):\n    return tf.gradients(x * x, x)",
        "import tensorflow as tf\ntf.nn.dropout(x, 0.5)",
        "import tensorflow as tf\ntf.keras.layers.Dense(10)",
        "'tf.log'  # tf.log",
    ],
)
def test_what_is_no_call_of_tensorflow_1(script, ported):
    assert ported(script).findings == []


def test_arguments(ported):
    script = (
        "import tensorflow as tf\ntf.placeholder\n"
        "tf.reduce_mean(x, keep_dims=True)\n"
        "tf.argmax(x, dimension=1)\ntf.argmax(x, 1)\n"
        "tf.nn.dropout(x, keep_prob=p)\n"
        "tf.nn.dropout(x, p)\n"
        "tf.gradients(y, x)\n"
        "tf.keras.optimizers.SGD(lr=0.1)"
    )
    assert [(line, instead) for line, _call, instead in calls(ported(script))[1:]] == [
        ("3", "keepdims"), ("4", "axis"), ("6", "rate=1 - keep_prob"), ("7", "rate=1 - keep_prob"),
        ("8", "tape.gradient(cost, [W, b])"), ("9", "learning_rate"),
    ]  # fmt: skip


OLD = "import tensorflow as tf\nimport numpy as np\nx = tf.placeholder(tf.float32)\n"


@pytest.mark.parametrize(
    ("line", "found"),
    [
        ("tf.nn.in_top_k(logits, y, 1)", "tf.nn.in_top_k(predictions=logits, targets=y, k=1)"),
        (
            "tf.nn.softmax_cross_entropy_with_logits(z, y)",
            "tf.nn.softmax_cross_entropy_with_logits(logits=z, labels=y)",
        ),
        ("tf.transpose(x, [1, 0], 'turned')", "tf.transpose(a=x, perm=[1, 0], name='turned')"),
        ("tf.nn.max_pool(value=x, ksize=2, strides=2, padding='SAME')", "input"),
        ("tf.nn.conv2d(x, filter=W, strides=1, padding='SAME')", "filters"),
        ("tf.nn.conv2d(x, W, 1, 'SAME', use_cudnn_on_gpu=True)", "nothing: leave it out"),
        ("tf.reduce_max(x, reduction_indices=[1])", "axis"),
        ("tf.concat(1, [x, x])", "tf.concat(axis=1, values=[x, x])"),
        ("tf.split(-1, 3, x)", "tf.split(axis=-1, num_or_size_splits=3, value=x)"),
        ("tf.summary.scalar('cost', x)", "tf.summary.scalar(name, data, step=step)"),
        ("columns = x.get_shape()[1].value", "x.shape[1]"),
        ("columns = x.shape[-1].value", "x.shape[-1]"),
        ("step.run(feed_dict={x: 1})", "a function's call: step(x, y)"),
        ("-cost.eval(feed_dict={x: 1})", ".numpy()"),
        ("tf.contrib.eager.Variable(1.0)", "tf.Variable(initial_value)"),
        ("tf.contrib.slim.conv2d(x, 3)", "import tf_slim"),
        ("tf.gfile.Exists('a')", "tf.io.gfile.exists"),
    ],
)
def test_arguments_methods_and_modules_that_changed(line, found, ported):
    assert [(place, instead) for place, _call, instead in calls(ported(OLD + line))][1:] == [("4", found)]


@pytest.mark.parametrize(
    "line",
    [
        "tf.nn.in_top_k(predictions=logits, targets=y, k=1)",
        "tf.concat([x, x], 1)",
        "tf.concat(parts, 1)",
        "tf.transpose(x, [1, 0])",
        "tf.nn.max_pool(x, 2, 2, 'SAME')",
        "tf.summary.scalar('cost', x, step=1)",
        "tf.reduce_sum(x, 1, keepdims=True)",
        "tf.argmax(x, 1, output_type=tf.int32)",
        "tf.device('/cpu:0')",
        "np.concatenate(1, [x, x])",
        "v.value()",
        "node.value",
        "cells[0].value",
        "app.run(host='0.0.0.0')",
    ],
)
def test_what_means_the_same_today(line, ported):
    assert len(ported(OLD + line).findings) == 1


def test_order_alone_is_no_sign_of_tensorflow_1(ported):
    """In a script for TensorFlow 2, positional arguments are taken to be in TensorFlow 2's order."""
    assert ported("import tensorflow as tf\ntf.nn.in_top_k(y, logits, 1)\ntf.summary.scalar('a', 1)").findings == []


def test_imports_may_stand_in_a_later_cell(ported):
    read = ported(["x = tf.placeholder(tf.float32)", "import tensorflow as tf"])
    assert [(place, call) for place, call, _instead in calls(read)] == [("1:1", "tf.placeholder")]


def test_methods_of_what_is_gone(ported):
    script = (
        "import tensorflow as tf\n"
        "optimizer = tf.train.AdamOptimizer(0.1)\ntrain = optimizer.minimize(cost)\n"
        "tf.train.AdamOptimizer(0.1).minimize(cost)\nsaver = tf.train.Saver()\n"
        "with tf.Session() as s:\n    saver.restore(s, 'x')\n"
    )
    assert [(line, call) for line, call, _instead in calls(ported(script))] == [
        ("2", "tf.train.AdamOptimizer"), ("3", "optimizer.minimize"), ("4", "tf.train.AdamOptimizer(…).minimize"),
        ("4", "tf.train.AdamOptimizer"), ("5", "tf.train.Saver"), ("6", "tf.Session"), ("7", "saver.restore"),
    ]  # fmt: skip


V1 = "import tensorflow.compat.v1 as tf\n"


def test_compat_v1_is_alive(ported):
    """Names of compat.v1 still work, except the helper and contrib; placeholders need eager execution disabled."""
    rest = scripts.SOFTMAX.partition("import tensorflow as tf\n")[2]
    read = ported(V1 + "tf.disable_v2_behavior()\n" + rest)
    assert {each.lesson for each in read.findings} == {"tutorials"}
    assert commands(read) == [scripts.SOFTMAX_COMMAND]
    assert calls(ported(V1 + "x = tf.placeholder(tf.float32)\ntf.placeholder\ntf.log")) == [
        ("2", "tf.placeholder", "tf.compat.v1.disable_v2_behavior()")
    ]
    assert calls(ported(V1 + "with tf.Graph().as_default():\n    tf.placeholder(tf.float32)")) == []
    assert [call for _line, call, _instead in calls(ported(V1 + "tf.contrib.slim\ntf.layers.dense(x)"))] == [
        "tf.contrib.slim", "tf.layers.dense",
    ]  # fmt: skip


def test_a_perceptron_of_dictionaries(ported):
    read = ported(scripts.DICTIONARIES)
    assert commands(read) == [
        "descenso train mnist --validation-size 5000 --model mlp --hidden 256,128 --activation relu --dropout 0 "
        "--rule adam:beta_1=0.9,beta_2=0.999,epsilon=1e-08 --learning-rate 0.001 --schedule constant --epochs 15 "
        "--batch-size 50 --loss cross_entropy --engine graph --dtype float32"
    ]
    epsilon, start = read.descents[0].notes
    assert epsilon == "descenso adds epsilon after the correction of bias, TensorFlow 1 before: nearly the same"
    assert start.startswith("the script starts from other weights: its first cost is about ")


def test_functions_are_followed_to_what_they_give(ported):
    read = ported(scripts.FUNCTIONS)
    assert commands(read) == [
        "descenso train mnist --validation-size 5000 --model mlp --hidden 300 --activation sigmoid --dropout 0 "
        "--rule nesterov:momentum=0.9 --learning-rate 0.05 --schedule constant --epochs 2 --batch-size 100 "
        "--loss cross_entropy --engine graph --dtype float32"
    ]
    assert "1000 steps are 1.82 epochs, rounded up" in read.descents[0].notes


def test_a_summed_cost_is_a_higher_rate(ported):
    read = ported(scripts.SUMMED)
    assert commands(read) == [
        "descenso train mnist --validation-size 0 --model softmax --rule sgd --learning-rate 0.01 --epochs 2 "
        "--batch-size 100 --loss naive --engine graph --dtype float32"
    ]
    assert [note.partition(":")[0] for note in read.descents[0].notes] == [
        "the script starts from other weights",
        "the script sums the cost over a batch, descenso takes the mean",
    ]


MODEL = scripts.SOFTMAX[scripts.SOFTMAX.index("W = tf.V") : scripts.SOFTMAX.index("cost = ")]
COSTS = "tf.nn.softmax_cross_entropy_with_logits(labels=classes, logits=logits)"
HIDDEN = (
    "V = tf.Variable(tf.truncated_normal([784, 30], stddev=0.1))\nc = tf.Variable(tf.zeros([1, 30]))\n"
    "hidden = {hidden}\nW = tf.Variable(tf.zeros([30, 10]))\nb = tf.Variable(tf.zeros([10]))\n"
    "logits = tf.matmul(hidden, W) + b\n"
)
DEEP = (
    "hidden = {first}(tf.matmul(images, tf.Variable(tf.zeros([784, 9]))) + tf.Variable(tf.zeros([9])))\n"
    "last = {second}(tf.matmul(hidden, tf.Variable(tf.zeros([9, 8]{dtype}))) + tf.Variable(tf.zeros([8]{dtype})))\n"
    "logits = tf.matmul(last, tf.Variable(tf.zeros([8, 10]))) + tf.Variable(tf.zeros([10]))\n"
)
DROPPED = HIDDEN.format(hidden="tf.nn.dropout(tf.nn.relu(tf.matmul(images, V) + c), {rate})")


def of_model(ported, model, costs=COSTS):
    """Return the training run read from program 1 with other layers."""
    script = scripts.SOFTMAX.replace(MODEL, model)
    start, end = script.index("cost = "), script.index("grad_W")
    return ported(script[:start] + f"cost = tf.reduce_mean({costs})\n" + script[end:]).descents[0]


@pytest.mark.parametrize(
    ("model", "why"),
    [
        (MODEL + "logits = tf.matmul(images, W)\n", "a layer without a bias"),
        (MODEL + "logits = tf.nn.softmax(tf.matmul(images, W) + b)\n", "softmax twice"),
        (MODEL + "logits = tf.nn.relu(tf.matmul(images, W) + b)\n", "an activation after the last"),
        (HIDDEN.format(hidden="tf.matmul(images, V) + c"), "a layer without an activation"),
        (
            MODEL.replace("[10]", "[1]") + "logits = tf.matmul(images, W) + b\n",
            "a bias that is not one number for each",
        ),
        (
            MODEL + "logits = tf.matmul(tf.nn.dropout(images, 0.8), W) + b\n",
            "Dropout at another rate, or not",
        ),
        (
            MODEL.replace("zeros([784, 10])", "zeros([784])") + "logits = tf.matmul(images, W) + b\n",
            "the shapes of these",
        ),
        (DEEP.format(first="tf.nn.relu", second="tf.nn.tanh", dtype=""), "the hidden layers have several activations"),
        (DEEP.format(first="tf.nn.relu", second="tf.nn.relu", dtype=", tf.float64"), "the type of these weights"),
        ("logits = tf.layers.dense(images, 10, use_bias=False)\n", "a layer without a bias"),
        ("logits = tf.layers.dense(images, tf.shape(x)[0])\n", "this is no layer of softmax or mlp"),
    ],
)
def test_layers_are_named_for_what_they_are(model, why, ported):
    assert why in of_model(ported, model).unread["model"]


@pytest.mark.parametrize(
    ("rate", "read"),
    [("0.75", "0.25"), ("keep_prob=0.9", "0.1"), ("rate=0.3", "0.3"), ("tf.placeholder(tf.float32)", "DROPOUT")],
)
def test_dropout_after_hidden_layers_is_read(rate, read, ported):
    descent = of_model(ported, DROPPED.format(rate=rate))
    assert f"--hidden 30 --activation relu --dropout {read} " in shlex.join(descent.command)


def test_layers_of_tf_layers_and_variables_by_name_are_read(ported):
    model = (
        "hidden = tf.layers.dense(images, 30, activation=tf.nn.relu)\nhidden = tf.layers.dropout(hidden, 0.4)\n"
        'W = tf.get_variable("W", [30, 10])\nb = tf.get_variable("b", [10], initializer=tf.constant_initializer(0.1))\n'
        "logits = tf.matmul(hidden, W) + b\n"
    )
    settings = of_model(ported, model).settings
    assert (settings["hidden"], settings["activation"]) == ("30", "relu")
    assert settings["dropout"] == 0  # without training=True, nothing is dropped


@pytest.mark.parametrize(
    ("made", "rule"),
    [("GradientDescentOptimizer(0.3)", ("sgd", 0.3)), ("MomentumOptimizer(0.3, 0.8)", ("momentum:momentum=0.8", 0.3)),
     ("RMSPropOptimizer(0.3)", "this is no rule of descenso")],
)  # fmt: skip
def test_gradients_that_an_optimizer_applies(made, rule, ported):
    step = "        W = W - rate * grad_W\n        b = b - rate * grad_b\n"
    assert step in scripts.TAPE
    applied = "        optimizer.apply_gradients(zip((grad_W, grad_b), (W, b)))\n"
    head = "rate, epochs, batch ="
    script = scripts.TAPE.replace(step, applied.replace("(grad_W, grad_b)", "grads"))
    script = script.replace("grad_W, grad_b = tape", "grads = tape")
    (descent,) = ported(script.replace(head, f"optimizer = tf.compat.v1.train.{made}\n{head}")).descents
    if isinstance(rule, str):
        assert rule in descent.unread["rule"]
    else:
        assert (descent.settings["rule"], descent.settings["learning_rate"]) == rule


def test_batches_outside_of_the_loop_and_whole_ones(ported):
    taken = "            xs, ys = mnist.train.next_batch(batch)\n"
    assert taken in scripts.SOFTMAX
    before = scripts.SOFTMAX.replace(taken, "").replace(
        "    for epoch", taken.replace(" " * 12, " " * 4) + "    for epoch"
    )
    assert "each step trains on the same rows" in ported(before).descents[0].unread["epochs"]
    whole = scripts.SOFTMAX.replace(taken, "            xs, ys = mnist.train.images, mnist.train.labels\n")
    settings = ported(whole).descents[0].settings
    assert (settings["batch_size"], settings["epochs"], settings["validation_size"]) == (55000, 55000, 5000)


@pytest.mark.parametrize(
    ("start", "cost"),
    [("tf.random_normal([784, 10])", 14.07), ("tf.truncated_normal([784, 10], stddev=0.1)", 2.583),
     ("tf.random_uniform([784, 10], -1, 1)", 7.88)],
)  # fmt: skip
def test_another_start_says_by_how_much_the_first_cost_differs(start, cost, ported):
    """The expected costs were computed with TensorFlow: means over 20 seeds on 1,000 test rows."""
    (note,) = ported(scripts.SOFTMAX.replace("tf.zeros([784, 10])", start)).descents[0].notes
    first, here = (float(number.strip(",")) for number in note.split() if number[0].isdigit())
    assert first == pytest.approx(cost, rel=0.08)
    assert here == 2.3


@pytest.mark.parametrize("script", ["SOFTMAX", "TAPE", "DICTIONARIES", "FUNCTIONS", "SUMMED"])
def test_the_settings_are_settings(script, ported):
    (descent,) = ported(getattr(scripts, script)).descents
    assert TrainConfig.of(**descent.settings)
    flags = dict(zip(descent.command[3::2], descent.command[4::2], strict=True))
    assert {flag[2:].replace("-", "_") for flag in flags} | {"data"} == set(descent.settings)


def test_a_model_that_descenso_has_not(ported):
    (descent,) = ported(scripts.CONVOLUTION).descents
    assert descent.command == []
    assert descent.settings == {}
    assert "this is no layer of softmax or mlp" in descent.unread["model"]
    assert descent.unread["model"].startswith("line 7, tf.layers.flatten(")


SECOND = "xs, ys = mnist.train.next_batch(batch)"
UNREAD = [  # a replacement in program 1, and the settings that cannot be read then, with their lines
    ("rate = 0.01", "rate = float(input())", {"learning_rate": "6"}),
    ("rate = 0.01", "rate = 0.01 if wanted else 0.1", {"learning_rate": "6"}),
    ("rate = 0.01", "if wanted:\n    rate = 0.01\nelse:\n    rate = 0.1", {"learning_rate": "6"}),
    ("b - rate * grad_b", "b - 2 * rate * grad_b", {"learning_rate": "16"}),
    ("- rate * grad", "+ rate * grad", {"rule": "16", "learning_rate": "16"}),
    ("epochs = 100", "epochs = int(input())", {"epochs": "24"}),
    ("for epoch in range(epochs):", "while True:", {"epochs": "24"}),
    ("for epoch in range(epochs):", "for epoch in range(1, epochs, 0):", {"epochs": "24"}),
    ("batch = 100", "batch = sizes[0]", {"epochs": "8", "batch_size": "8"}),
    ("batch = 100", "batch = 70000", {"epochs": "28"}),
    (SECOND, f"{SECOND}; {SECOND}", {"data": "5", "epochs": "5", "batch_size": "5"}),
    ('"MNIST/"', '"MNIST/", source_url=mine', {"data": "5", "epochs": "5", "batch_size": "5"}),
    ("mnist = input", "data = input", {"data": "16", "epochs": "16", "batch_size": "16"}),
    ("tf.log(probabilities)", "tf.log(tf.clip_by_value(probabilities, 1e-9, 1.0))", {"model": "15"}),
    ("tf.log(probabilities)", "tf.log(probabilities + 1e-9)", {"model": "15"}),
    (", reduction_indices=1", "", {"model": "15"}),
    (
        "-tf.reduce_sum(classes * tf.log(probabilities), reduction_indices=1)",
        "-classes * tf.log(probabilities)",
        {"model": "15"},
    ),
    ("tf.zeros([10])", "tf.zeros([9])", {"model": "13"}),
    ("-tf.reduce_sum", "tf.reduce_sum", {"model": "15"}),
    ("tf.zeros([784, 10])", "tf.zeros(shape)", {"model": "12"}),
    ("tf.zeros([784, 10])", "tf.zeros([784, 10], tf.float16)", {"model": "12"}),
    ("tf.matmul(images, W) + b", "tf.matmul(images, W)", {"model": "14"}),
    ("tf.matmul(images, W) + b", "tf.matmul(tf.square(images), W) + b", {"model": "14"}),
]


@pytest.mark.parametrize(("old", "new", "unread"), UNREAD, ids=[new[:40] for _old, new, _unread in UNREAD])
def test_what_cannot_be_read_is_said_and_not_guessed(old, new, unread, ported):
    assert old in scripts.SOFTMAX
    (descent,) = ported(scripts.SOFTMAX.replace(old, new)).descents
    assert {name: why.split(",")[0].removeprefix("line ") for name, why in descent.unread.items()} == unread
    if "model" in unread:
        assert descent.command == []
    else:
        for name in unread:
            assert name not in descent.settings
            assert name.upper() in descent.command


def test_functions_of_no_concern_do_not_keep_it_from_being_read(ported):
    recursive = "def f(n):\n    return f(n - 1) + f(n - 2) + f(n - 3) + f(n - 4)\n\n\nf(40)\n"
    assert commands(ported(recursive + scripts.SOFTMAX)) == [scripts.SOFTMAX_COMMAND]


def test_a_rate_that_a_loop_changes_is_no_constant(ported):
    script = scripts.TAPE.replace("        b = b - rate * grad_b\n", "        b = b - rate * grad_b\n    rate *= 0.9\n")
    (descent,) = ported(script).descents
    assert set(descent.unread) == {"learning_rate"}
    assert "--learning-rate LEARNING_RATE" in shlex.join(descent.command)


TAPES = [  # a replacement in program 2, and the corresponding one in its command
    (".shuffle(10000)", "", "buffer:10000", "sequential"),
    (".batch(batch)", ".batch(batch).prefetch(2).repeat(2)", "--epochs 100", "--epochs 200"),
    ("tf.double", "tf.float32", "float64", "float32"),
    ("datasets.mnist", "datasets.fashion_mnist", "train mnist", "train fashion-mnist"),
    ("W = W - rate * grad_W", "W.assign_sub(grad_W * rate)", "", ""),
    ("for xs, ys in rows", "for number, (xs, ys) in enumerate(rows)", "", ""),
    ("range(epochs)", "range(20, epochs)", "--epochs 100", "--epochs 80"),
    ("rate, epochs", "RATE: float = 0.5\nrate, epochs", "", ""),
    (
        "-tf.reduce_sum(ys * tf.math.log(p), axis=1)",
        "-1.0 * tf.reduce_sum(tf.multiply(tf.math.log(p), ys), [1])",
        "",
        "",
    ),
]


@pytest.mark.parametrize(("old", "new", "was", "becomes"), TAPES, ids=[new for _old, new, _was, _becomes in TAPES])
def test_variants_of_program_2(old, new, was, becomes, ported):
    assert old in scripts.TAPE
    command = scripts.TAPE_COMMAND.replace(was, becomes) if was else scripts.TAPE_COMMAND
    assert commands(ported(scripts.TAPE.replace(old, new))) == [command]


@pytest.mark.parametrize(
    ("old", "new"),
    [("matmul(xs, W)", f"matmul({rows}, W)") for rows in ("parts[k]", "load()[0]", "[1, 2][k]", "'ab'[0]")]
    + [("reshape(x / 255.0, shape=(60000, -1))", f"reshape({given})") for given in ("", "shape=(60000, -1)")]
    + [("for xs, ys in rows", f"for xs, ys in {loop}") for loop in ("make()", "3")],
)  # fmt: skip
def test_rows_that_cannot_be_followed_are_said_not_to_be_known(old, new, ported):
    assert old in scripts.TAPE
    (descent,) = ported(scripts.TAPE.replace(old, new)).descents
    assert "these are not known to be all training rows of MNIST" in descent.unread["data"]


def test_rows_given_by_name_are_followed(ported):
    script = scripts.TAPE.replace("reshape(x / 255.0, ", "reshape(tensor=x / 255.0, ")
    assert commands(ported(script)) == [scripts.TAPE_COMMAND]


def test_a_step_in_a_function(ported):
    head, body = scripts.TAPE.split("for epoch in range(epochs):\n    for xs, ys in rows:\n")
    step = "@tf.function\ndef step(xs, ys):\n    global W, b\n" + body
    step = step.replace("\n        ", "\n    ")
    loops = "for epoch in range(7):\n    for xs, ys in rows:\n        step(xs, ys)\n"
    (command,) = commands(ported(head + step + loops))
    assert command == scripts.TAPE_COMMAND.replace("eager", "function").replace("--epochs 100", "--epochs 7")


def test_unscaled_pixels_and_uneven_batches_are_noted(ported):
    (descent,) = ported(scripts.TAPE.replace("x / 255.0", "x")).descents
    assert descent.notes == ["descenso scales pixels to [0, 1], the script does not"]
    (descent,) = ported(scripts.SOFTMAX.replace("batch = 100", "batch = 128")).descents
    assert descent.notes == ["the script's last batch continues into the next epoch, descenso's is smaller"]
    assert descent.settings["epochs"] == 100
