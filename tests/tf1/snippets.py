"""Code that makes TensorFlow raise or warn, by the lesson that `descenso explain` must give on the message.

Each snippet contains only the mistake. It runs with tf, v1 (tf.compat.v1), np and the arrays of `names()`.
"""

import contextlib
import io
import logging
import sys
import traceback
import warnings

import numpy as np
import tensorflow as tf

GRAPH = "with tf.Graph().as_default(), v1.Session() as sess:\n    "

CHECK = "from descenso.data.checks import Split, check_split\n"

SNIPPETS = {
    "tutorials": [
        "from tensorflow.examples.tutorials.mnist import input_data",
        "import tensorflow.examples.tutorials.mnist.input_data",
    ],
    "magic": ["compile('%tensorflow_version 1.x\\n', 'notebook', 'exec')"],
    "placeholder": [
        "tf.placeholder(tf.float32, [None, 784])",
        "v1.placeholder(tf.float32, [None, 784])",
        "from tensorflow import placeholder",
    ],
    "session": [
        "tf.Session()",
        "tf.InteractiveSession()",
        "tf.ConfigProto()",
        "tf.reset_default_graph()",
        GRAPH + "two = tf.constant(2.0)\nsess.run(two)",
        "with tf.Graph().as_default():\n    tf.constant(1.0).eval()",
    ],
    "initializer": ["tf.global_variables_initializer()", "tf.initialize_all_variables()"],
    "optimizers": [
        "tf.keras.Sequential([tf.keras.layers.Dense(10)]).compile(v1.train.AdamOptimizer(), 'mse')",
        "tf.train.GradientDescentOptimizer(0.01)",
        "tf.train.AdamOptimizer()",
        "v1.train.GradientDescentOptimizer(0.01).minimize(tf.reduce_sum(W))",
        "tf.keras.optimizers.SGD(0.01).minimize(lambda: 0.0, [W])",
    ],
    "gradients": ["tf.gradients(tf.reduce_sum(W), [W])"],
    "contrib": ["tf.contrib.layers", "import tensorflow.contrib.slim", "v1.contrib"],
    "layers": ["tf.layers.dense(x, 10)", "v1.layers.dense(x, 10)", "v1.nn.rnn_cell.BasicLSTMCell(3)"],
    "estimator": ["tf.estimator.Estimator", "v1.estimator.DNNClassifier"],
    "variables": [
        "tf.get_variable('W', [784, 10])",
        "with tf.variable_scope('layer'):\n    pass",
        "tf.trainable_variables()",
        "with tf.Graph().as_default():\n    v1.get_variable('W', [1])\n    v1.get_variable('W', [1])",
    ],
    "assign": ["tf.assign(W, W)", "tf.assign_sub(W, W)"],
    "saver": ["tf.train.Saver()", "v1.train.Saver()"],
    "summary": [
        "tf.summary.FileWriter('logs')",
        "tf.summary.merge_all()",
        "with tf.summary.create_file_writer('logs').as_default():\n    tf.summary.scalar('cost', 1.0)",
    ],
    "flags": ["tf.app.flags", "tf.flags.DEFINE_float", "tf.app.run()"],
    "losses": ["tf.losses.softmax_cross_entropy(y, logits)", "tf.nn.softmax_cross_entropy_with_logits_v2"],
    "decay": ["tf.train.exponential_decay(0.1, 0, 100, 0.9)"],
    "iterators": [
        "tf.data.Dataset.range(3).make_one_shot_iterator()",
        "tf.data.make_one_shot_iterator(tf.data.Dataset.range(3))",
        "tf.data.Dataset.range(3).output_shapes",
    ],
    "argument": [
        "tf.reduce_sum(x, keep_dims=True)",
        "tf.reduce_sum(x, reduction_indices=1)",
        "tf.argmax(x, dimension=1)",
        "tf.nn.dropout(x, keep_prob=0.5)",
    ],
    "moved": ["tf.log(x)", "tf.random_normal([2])", "tf.set_random_seed(1)", "tf.mul(x, x)", "tf.to_float(labels)",
              "tf.logging.set_verbosity", "tf.truncated_normal([2])", "tf.gfile.GFile"],
    "gone": ["tf.GraphKeys", "tf.get_collection('losses')", "tf.train.string_input_producer([])"],
    "one-hot": [
        "labels.astype('float32') * tf.math.log(pred)",
        "tf.math.log(pred) * labels.astype('float32')",
        "np.zeros([100], 'uint8') * tf.ones([100, 10], tf.float64)",
        "with tf.Graph().as_default():\n    tf.ones([100]) * tf.ones([100, 10])",
        "tf.function(lambda a, b: a * b)(tf.ones([100]), tf.ones([100, 10]))",
        "tf.keras.losses.categorical_crossentropy(tf.ones([100]), tf.ones([100, 10]))",
        "tf.keras.losses.CategoricalCrossentropy()(tf.ones([100, 1]), tf.ones([100, 10]))",
        "tf.nn.softmax_cross_entropy_with_logits(labels=tf.ones([100]), logits=tf.ones([100, 10]))",
        GRAPH + "a, b = v1.placeholder(tf.float32), v1.placeholder(tf.float32)\n"
        "    sess.run(a * b, {a: np.ones([100]), b: np.ones([100, 10])})",
    ],
    "not-one-hot": [
        "tf.nn.sparse_softmax_cross_entropy_with_logits(labels=tf.ones([100, 10], tf.int32), logits=logits)",
        "tf.keras.losses.sparse_categorical_crossentropy(tf.ones([100, 10]), tf.ones([100, 10]))",
    ],
    "labels": [
        f"{CHECK}check_split(Split(x.numpy(), y.numpy()), 10, (784,), 'mine')",
        f"{CHECK}check_split(Split(x.numpy(), labels * 1.0), 10, (784,), 'mine')",
        "import descenso\ndescenso.from_arrays(x.numpy(), y.numpy(), test_fraction=0.5)",
        "import descenso\ndescenso.from_arrays(x.numpy(), labels + 0.5, test_fraction=0.5)",
    ],
    "classes": [
        "tf.nn.softmax_cross_entropy_with_logits(labels=tf.ones([100, 9]), logits=tf.ones([100, 10]))",
        "tf.keras.losses.categorical_crossentropy(tf.ones([100, 9]), tf.ones([100, 10]))",
    ],
    "matmul": [
        "tf.matmul(x, tf.ones([10, 100]))",
        "tf.matmul(tf.ones([100, 28, 28]), W)",
        "with tf.Graph().as_default():\n    tf.matmul(tf.ones([100, 784]), tf.ones([10, 100]))",
        "with tf.Graph().as_default():\n    tf.matmul(tf.ones([100, 28, 28]), tf.ones([784, 10]))",
    ],
    "rank": ["tf.matmul(x[0], W)"],
    "shapes": [
        "pred + tf.ones([9])",
        "with tf.Graph().as_default():\n    tf.ones([100, 10]) + tf.ones([9])",
        "tf.nn.bias_add(pred, tf.ones([9]))",
        "W.assign(tf.zeros([10, 784]))",
    ],
    "input-shape": [
        GRAPH + "a = v1.placeholder(tf.float32, [None, 784])\n    sess.run(a * 2, {a: np.zeros([100, 28, 28])})",
        "tf.keras.Sequential([tf.keras.Input((784,)), tf.keras.layers.Dense(10)])(tf.ones([2, 28, 28]))",
        "tf.keras.Sequential([tf.keras.Input((784,)), tf.keras.layers.Dense(10)])(tf.ones([2, 10]))",
    ],
    "reshape": [
        "tf.reshape(tf.zeros([100, 28, 28]), [100, 780])",
        "np.zeros([100, 28, 28]).reshape(90, -1)",
        "np.zeros([100, 28, 28]).reshape(100, 780)",
    ],
    "ragged": [
        "tf.constant([[1, 2], [3]])",
        "np.array([[1, 2], [3]])",
        "tf.convert_to_tensor(np.array([[1], [1, 2]], dtype=object))",
    ],
    "float64": [
        "tf.one_hot(labels, 10) * tf.math.log(tf.cast(pred, tf.float64))",
        "tf.matmul(np.ones([2, 784]) / 255.0, W)",
        "with tf.Graph().as_default():\n    tf.ones([2], tf.float64) * tf.ones([2])",
        "W.assign_sub(tf.ones([784, 10], tf.float64))",
        "tf.add(tf.ones([2], tf.float64), tf.ones([2]))",
    ],
    "integers": [
        "tf.constant(labels.astype('uint8')) * tf.ones([100], tf.float64)",
        "tf.constant(np.ones([2], 'uint8')) / 255.0 + tf.constant(np.ones([2], 'uint8')) * 0.5",
        "tf.matmul(np.ones([2, 784], 'uint8'), W)",
        "tf.matmul(np.ones([2, 2], 'uint8'), np.ones([2, 2], 'uint8'))",
        "with tf.Graph().as_default():\n    tf.constant([1, 2]) * tf.ones([2])",
    ],
    "label-type": ["tf.nn.sparse_softmax_cross_entropy_with_logits(labels=tf.ones([100]), logits=logits)"],
    "label-range": [
        "tf.nn.sparse_softmax_cross_entropy_with_logits(labels=[1, 10], logits=tf.ones([2, 10]))",
        GRAPH + "sess.run(tf.nn.sparse_softmax_cross_entropy_with_logits(labels=[1, -1], logits=tf.ones([2, 10])))",
    ],
    "none-gradient": [
        "with tf.GradientTape() as tape:\n    cost = tf.reduce_sum(x)\nW - 0.01 * tape.gradient(cost, W)",
        "with tf.GradientTape() as tape:\n    cost = tf.reduce_sum(x)\n"
        "tf.keras.optimizers.SGD().apply_gradients([(tape.gradient(cost, W), W)])",
        "with tf.GradientTape() as tape:\n    cost = tf.reduce_sum(W)\n"
        "tf.keras.optimizers.SGD().apply_gradients(zip(tape.gradient(cost, [W, b]), [W, b]))",
        GRAPH + "V = v1.Variable(1.0)\n    v1.train.GradientDescentOptimizer(0.1).minimize(tf.constant(1.0))",
        GRAPH + "V = v1.Variable(1.0)\n    sess.run(tf.gradients(tf.constant(1.0), [V]))",
    ],
    "tape-used": [
        "with tf.GradientTape() as tape:\n    cost = tf.reduce_sum(W)\ntape.gradient(cost, W)\ntape.gradient(cost, W)"
    ],
    "tensor-assign": ["tf.zeros([3]).assign(tf.ones([3]))", "tf.zeros([3]).assign_sub(tf.ones([3]))",
                      "zeros = tf.zeros([3])\nzeros[0] = 1.0"],
    "retracing": [
        "square = tf.function(lambda a: a * a, autograph=False)\nfor number in range(8):\n    square(number)",
        "for number in range(8):\n    tf.function(lambda number: number * number, autograph=False)(tf.constant(1.0))",
    ],
    "not-finite": [
        "tf.debugging.check_numerics(tf.math.log(0.0) * 0, 'cost')",
        "tf.debugging.enable_check_numerics()\ntry:\n    tf.math.log(tf.constant([0.0, 1.0]))\n"
        "finally:\n    tf.debugging.disable_check_numerics()",
        "np.log(np.zeros(1))",
        "np.zeros(1) / np.zeros(1)",
        "np.exp(np.float32(1000) * np.ones(1, 'float32'))",
    ],
    "other-graph": [
        "one = tf.constant(1.0)\n" + GRAPH + "sess.run(one)",
        "one = tf.constant(1.0)\n" + GRAPH + "two = tf.constant(2.0)\n    sess.run(one)",
        "with tf.Graph().as_default():\n    one = tf.constant(1.0)\n" + GRAPH + "two = tf.constant(2.0)\n"
        "    sess.run(one)",
        "with tf.Graph().as_default():\n    one = tf.constant(1.0)\nwith tf.Graph().as_default():\n"
        "    one + tf.constant(1.0)",
        "tf.constant(1.0).name",
    ],
    "not-fed": [GRAPH + "a = v1.placeholder(tf.float32, [None, 784], name='images')\n    sess.run(a * 2)"],
    "feed": [
        GRAPH + "a = v1.placeholder(tf.float32, [2])\n    sess.run(a * 2, {a: tf.zeros([2])})",
        GRAPH + "a = v1.placeholder(tf.float32, [2])\n    sess.run(a * 2, {'a': np.zeros([2])})",
    ],
    "uninitialized": [
        GRAPH + "V = v1.Variable(1.0, name='V')\n    sess.run(V * 2)",
        GRAPH + "V = v1.Variable(1.0, name='V', use_resource=False)\n    sess.run(V * 2)",
    ],
    "symbolic-bool": [
        "with tf.Graph().as_default():\n    if tf.constant(1.0) > 0:\n        pass",
        "with tf.Graph().as_default():\n    list(tf.constant([1.0]))",
    ],
    "symbolic-numpy": [
        "tf.function(lambda a: a.numpy())(x)",
        "with tf.Graph().as_default():\n    tf.Variable(1.0).numpy()",
        "with tf.Graph().as_default():\n    np.sum(tf.constant([1.0]).__array__())",
    ],
    "dimension": ["x.shape[1].value", "tf.constant(x).get_shape()[0].value"],
    "eval": ["tf.constant(1.0).eval()", "tf.Variable(1.0).eval()"],
    "variable-in-function": [
        "tf.function(lambda a: tf.Variable(1.0) * a)(x)",
        "tf.function(lambda: tf.keras.optimizers.Adam().learning_rate + 0.0)()",
    ],
    "leaked": ["kept = []\ntf.function(lambda a: kept.append(2 * a))(x)\nkept[0] + 1"],
    "branches": ["one_branch(x)", "one_return(x)"],
    "keras-tensor": ["tf.reduce_sum(tf.keras.Input((784,)))"],
}  # fmt: skip


@tf.function
def one_branch(x):  # in a file, since AutoGraph reads the source
    if tf.reduce_sum(x) > 0:
        y = x
    return y


@tf.function
def one_return(x):
    if tf.reduce_sum(x) > 0:
        return x


def names():
    """Return the variables of snippets and of the lessons' code: modules, and the arrays of a softmax regression."""
    x, W, b = tf.ones([100, 784]) / 784, tf.Variable(tf.zeros([784, 10])), tf.Variable(tf.zeros([10]))
    labels = np.arange(100) % 10
    logits = tf.matmul(x, W) + b
    return {
        "tf": tf, "v1": tf.compat.v1, "np": np, "x": x, "W": W, "b": b, "labels": labels, "logits": logits,
        "y": tf.one_hot(labels, 10), "pred": tf.nn.softmax(logits), "cost": tf.constant(2.3), "learning_rate": 0.01,
        "one_branch": one_branch, "one_return": one_return, "grad_W": tf.zeros([784, 10]), "grad_b": tf.zeros([10]),
    }  # fmt: skip


class _Kept(logging.Handler):
    def __init__(self):
        super().__init__()
        self.messages = []

    def emit(self, record):
        self.messages.append(f"{record.levelname}:{record.name}:{record.getMessage()}")


def said_by(code, found=names):
    """Return the messages of `code`: the error with its type, and the whole traceback; or warnings and prints."""
    logger, handler = tf.get_logger(), _Kept()
    before, logger.handlers = logger.handlers, [handler]
    try:
        with warnings.catch_warnings(record=True) as warned, contextlib.redirect_stdout(io.StringIO()) as printed:
            warnings.simplefilter("always")
            warnings.filterwarnings("ignore", "__array__ implementation", DeprecationWarning)  # of NumPy, to Keras
            exec(compile(code, "snippet.py", "exec"), found())  # noqa: S102 - our own code
    except Exception:
        kind, error, _trace = sys.exc_info()
        said = ["".join(traceback.format_exception_only(kind, error)), traceback.format_exc()]
        return said if isinstance(error, SyntaxError) else [*said, str(error)]  # str(SyntaxError) lacks the line
    finally:
        logger.handlers = before
    said = [*handler.messages, *(f"{each.category.__name__}: {each.message}" for each in warned)]
    return said or [text for text in (printed.getvalue().strip(),) if text]
