"""Lessons on calls of TensorFlow 1 that were removed or changed."""

from descenso.text import mark
from descenso.tf1.lesson import COST, CROSS_ENTROPY, GRADIENTS, PRED, lesson, named

NOTHING = mark("nothing: leave it out")
AT_ONCE = mark("nothing: operations run at once")
MNIST = "examples.tutorials.mnist.input_data.read_data_sets"
ROWS_COSTS = "tf.nn.softmax_cross_entropy_with_logits(labels=y, logits=logits)"
SPARSE_COSTS = "tf.nn.sparse_softmax_cross_entropy_with_logits(labels=labels, logits=logits)"
APPLY = "optimizer.apply_gradients(zip(gradients, variables))"
OPTIMIZERS = {
    "GradientDescentOptimizer": "SGD(learning_rate)",
    "MomentumOptimizer": "SGD(learning_rate, momentum)",
    "RMSPropOptimizer": "RMSprop(learning_rate)",
    **{f"{name}Optimizer": f"{name}(learning_rate)" for name in ("Adam", "Adagrad", "Adadelta", "Ftrl")},
}
ARGUMENTS = {  # new names by old ones
    "keep_dims": "keepdims",
    **dict.fromkeys(("reduction_indices", "dimension", "dim", "concat_dim", "squeeze_dims"), "axis"),
    "keep_prob": "rate=1 - keep_prob",
}
CELLS = {
    "BasicRNNCell": "SimpleRNNCell(units)",
    **dict.fromkeys(("BasicLSTMCell", "LSTMCell"), "LSTMCell(units)"),
    "GRUCell": "GRUCell(units)",
    "MultiRNNCell": "StackedRNNCells(cells)",
}
SUMMARIES = tuple(f"summary.{kind}" for kind in ("audio", "histogram", "image", "scalar", "text"))
CHANGED = ("gradients", "nn.dropout", *SUMMARIES)  # still there; reported only in a script with other removed calls

CALLS = named({
    "tutorials": lesson(
        mark("The helper that read MNIST for TensorFlow's tutorials is gone, and so is its whole package."),
        mark("It was example code. It kept the first 5,000 of the 60,000 training rows back for validation, "
             "scaled pixels to [0, 1], and with one_hot=True gave labels as rows of 0 and 1."),
        "(x_train, y_train), (x_test, y_test) = tf.keras.datasets.mnist.load_data()\n"
        'x_train = x_train[5000:].reshape(-1, 784).astype("float32") / 255\n'
        "y_train = tf.one_hot(y_train[5000:], 10)\n"
        "train = tf.data.Dataset.from_tensor_slices((x_train, y_train))\n"
        "train = train.shuffle(55000).batch(100)",
        calls={
            "examples": "tf.keras.datasets.mnist",
            MNIST: "tf.keras.datasets.mnist.load_data()",
            f"{MNIST}().train.next_batch": "for batch_x, batch_y in train",
            **{f"{MNIST}().{part}.images": f"x_{part}" for part in ("train", "test")},
            **{f"{MNIST}().{part}.labels": f"y_{part}" for part in ("train", "test")},
            **{f"{MNIST}().{part}.num_examples": f"len(x_{part})" for part in ("train", "test")},
        },
    ),
    "magic": lesson(
        mark("%tensorflow_version is no Python: it was Colab's switch between TensorFlow 1 and 2."),
        mark("Other notebooks never knew it, and Colab has no TensorFlow 1 any more. What is installed is imported."),
        "import tensorflow as tf\n\nprint(tf.__version__)",
        r"%\s*tensorflow_version|Tensorflow 1 is unsupported in Colab",
        calls={"%tensorflow_version": NOTHING},
    ),
    "placeholder": lesson(
        mark("TensorFlow 2 has no placeholders: the input of a model is an argument of a function."),
        mark("TensorFlow 1 built a graph first, whose placeholders feed_dict filled later. Today operations run "
             "at once, on arrays; @tf.function builds a graph of them."),
        "@tf.function\ndef predict(x):\n    return tf.nn.softmax(tf.matmul(x, W) + b)\n\npred = predict(x)",
        r"tf\.placeholder\(\) is not compatible with eager execution",
        calls=dict.fromkeys(("placeholder", "placeholder_with_default", "sparse_placeholder"),
                            mark("an argument: def predict(x)")),
    ),
    "session": lesson(
        mark("TensorFlow 2 has no sessions: operations run at once, and .numpy() gives their value."),
        mark("A session ran parts of a graph built before. Today a step is a function; arguments replace feed_dict."),
        f"def step(x, y):\n    {PRED}\n    {COST}\n    return cost\n\nprint(step(x, y).numpy())",
        r"Attempted to use a closed Session|No default session is registered",
        calls={
            **dict.fromkeys(("Session", "InteractiveSession", "train.MonitoredTrainingSession"), AT_ONCE),
            **dict.fromkeys(("Session().run", "InteractiveSession().run"), mark("a function's call: step(x, y)")),
            "().run": mark("a function's call: step(x, y)"),
            **dict.fromkeys(("Session().close", "InteractiveSession().close"), NOTHING),
            "ConfigProto": "tf.config",
            "GPUOptions": "tf.config.experimental.set_memory_growth(device, True)",
            **dict.fromkeys(("get_default_session", "get_default_graph", "reset_default_graph",
                             "enable_eager_execution", "disable_eager_execution"), NOTHING),
        },
    ),
    "initializer": lesson(
        mark("Variables need no initialization: each has its value as soon as it is created."),
        mark("A graph only described a variable, and a session initialized it. Today its creation initializes it."),
        "W = tf.Variable(tf.zeros([784, 10]))\nprint(W.numpy())",
        calls={name + end: NOTHING for end in ("", "().run") for name in (
            "global_variables_initializer", "initialize_all_variables", "local_variables_initializer",
            "variables_initializer", "initialize_variables", "initialize_local_variables", "tables_initializer",
            "initializers.global_variables", "initializers.local_variables", "initializers.tables_initializer",
        )},
    ),
    "optimizers": lesson(
        mark("The optimizers of tf.train were removed; those of Keras apply gradients that a tape computes."),
        mark("minimize found gradients in the graph; now tf.GradientTape records operations and computes gradients."),
        "optimizer = tf.keras.optimizers.SGD(learning_rate=0.01)\nwith tf.GradientTape() as tape:\n"
        "    logits = tf.matmul(x, W) + b\n"
        "    costs = tf.nn.softmax_cross_entropy_with_logits(labels=y, logits=logits)\n"
        "    cost = tf.reduce_mean(costs)\noptimizer.apply_gradients(zip(tape.gradient(cost, [W, b]), [W, b]))",
        r"`loss` passed to Optimizer\.compute_gradients should be a function",
        r"Could not interpret optimizer identifier: <tensorflow\.python\.training",
        r"object has no attribute '(?:minimize|compute_gradients)'",
        calls={
            **{f"train.{old}": f"tf.keras.optimizers.{new}" for old, new in OPTIMIZERS.items()},
            **{f"train.{old}().minimize": APPLY for old in OPTIMIZERS},
            **{f"train.{old}().compute_gradients": "tape.gradient(cost, variables)" for old in OPTIMIZERS},
            "train.Optimizer": "tf.keras.optimizers.Optimizer",
        },
    ),
    "gradients": lesson(
        mark("tf.gradients looks for the gradient in a graph, and outside of @tf.function there is none."),
        mark("Operations run at once and leave no trace, unless a tf.GradientTape is recording them."),
        f"with tf.GradientTape() as tape:\n    {PRED}\n    {COST}\n{GRADIENTS}",
        r"tf\.gradients is not supported when eager execution is enabled",
        calls={"gradients": "tape.gradient(cost, [W, b])"},
    ),
    "contrib": lesson(
        mark("tf.contrib, the package of contributed code, was removed."),
        mark("Layers, initializers and regularizers are in tf.keras; the rest became packages of their own, or ended."),
        'dense = tf.keras.layers.Dense(10, kernel_initializer="glorot_uniform")\nlogits = dense(x)',
        calls={
            "contrib": mark("nothing in TensorFlow: another package, or code of your own"),
            "contrib.autograph": "tf.autograph",
            "contrib.checkpoint": "tf.train.Checkpoint",
            "contrib.cudnn_rnn": "tf.keras.layers",
            "contrib.data": "tf.data",
            "contrib.distribute": "tf.distribute",
            "contrib.distributions": "import tensorflow_probability",
            "contrib.eager": "tf",
            "contrib.eager.Variable": "tf.Variable(initial_value)",
            "contrib.eager.Iterator": "iter(dataset)",
            "contrib.feature_column": "tf.keras.layers",
            "contrib.framework": "import tf_slim",
            "contrib.image": "tf.image",
            "contrib.learn": "tf.keras.Model",
            "contrib.lite": "tf.lite",
            "contrib.lookup": "tf.lookup",
            "contrib.losses": "tf.keras.losses",
            "contrib.metrics": "tf.keras.metrics",
            "contrib.opt": "tf.keras.optimizers",
            "contrib.quantize": "import tensorflow_model_optimization",
            "contrib.saved_model": "tf.saved_model",
            "contrib.seq2seq": "tf.keras.layers",
            "contrib.slim": "import tf_slim",
            "contrib.summary": "tf.summary",
            "contrib.tpu": "tf.distribute.TPUStrategy",
            "contrib.training.HParams": mark("a dictionary, or a dataclass"),
            "contrib.layers": "tf.keras.layers",
            "contrib.layers.fully_connected": "tf.keras.layers.Dense(units)",
            "contrib.layers.xavier_initializer": "tf.keras.initializers.GlorotUniform()",
            "contrib.layers.l2_regularizer": "tf.keras.regularizers.L2(scale / 2)",
            "contrib.rnn": "tf.keras.layers",
        },
    ),
    "layers": lesson(
        mark("The functions of tf.layers are gone; tf.keras.layers has a class for each."),
        mark("A function could make variables once, in the graph. A layer is made once, keeps them, and is called."),
        'dense = tf.keras.layers.Dense(256, activation="relu")\nhidden = dense(x)',
        r"`\w+` is not available with Keras 3",
        calls={
            "layers": "tf.keras.layers",
            "layers.dense": "tf.keras.layers.Dense(units)(x)",
            "layers.conv2d": "tf.keras.layers.Conv2D(filters, kernel_size)(x)",
            "layers.max_pooling2d": "tf.keras.layers.MaxPooling2D(pool_size)(x)",
            "layers.flatten": "tf.keras.layers.Flatten()(x)",
            "layers.dropout": "tf.keras.layers.Dropout(rate)(x)",
            "layers.batch_normalization": "tf.keras.layers.BatchNormalization()(x)",
            "nn.rnn_cell": "tf.keras.layers",
            **{f"nn.rnn_cell.{old}": f"tf.keras.layers.{new}" for old, new in CELLS.items()},
        },
    ),
    "estimator": lesson(
        mark("tf.estimator was removed in TensorFlow 2.16: a Keras model is compiled, and fitted to arrays."),
        mark("An Estimator built its graph from a model_fn and read rows from an input_fn. A Keras model holds the "
             "layers; compile takes loss, optimizer and metrics, and fit the rows."),
        "layers = [tf.keras.Input((784,)), tf.keras.layers.Dense(10)]\nmodel = tf.keras.Sequential(layers)\n"
        "loss = tf.keras.losses.SparseCategoricalCrossentropy(from_logits=True)\n"
        'model.compile("sgd", loss, metrics=["accuracy"])\nmodel.fit(x, labels, epochs=1, verbose=0)',
        calls={
            "estimator": "tf.keras.Model",
            "estimator.Estimator().train": "model.fit(x, y)",
            "estimator.Estimator().evaluate": "model.evaluate(x, y)",
            "estimator.Estimator().predict": "model.predict(x)",
            "estimator.inputs.numpy_input_fn": "tf.data.Dataset.from_tensor_slices((x, y)).batch(size)",
        },
    ),
    "variables": lesson(
        mark("Variables are no longer found by name: keep the objects, in Python."),
        mark("get_variable looked them up in the graph. Today a variable lives as long as something refers to it."),
        "W = tf.Variable(tf.zeros([784, 10]))\nb = tf.Variable(tf.zeros([10]))\nvariables = [W, b]",
        r"Variable \S+ already exists, disallowed",
        calls={
            "get_variable": "tf.Variable(initial_value)",
            **dict.fromkeys(("variable_scope", "AUTO_REUSE", "get_variable_scope"), NOTHING),
            **dict.fromkeys(("trainable_variables", "global_variables", "all_variables"),
                            mark("a list of your own: [W, b]")),
        },
    ),
    "assign": lesson(
        mark("tf.assign is now a method of the variable, and happens at once."),
        mark("In a graph it made an operation, which a session then ran."),
        "W.assign_sub(learning_rate * grad_W)\nb.assign_sub(learning_rate * grad_b)",
        calls={"assign": "W.assign(value)", "assign_add": "W.assign_add(value)", "assign_sub": "W.assign_sub(value)"},
    ),
    "saver": lesson(
        mark("Without a graph, tf.train.Saver finds no variables; tf.train.Checkpoint takes them as arguments."),
        mark("Saver stored the graph's variables by their names. A checkpoint stores objects by names you give them."),
        'checkpoint = tf.train.Checkpoint(W=W, b=b)\npath = checkpoint.save("saved/model")\ncheckpoint.restore(path)',
        r"`var_list` must specify a list or dict of variables",
        calls={
            "train.Saver": "tf.train.Checkpoint(W=W, b=b)",
            "train.Saver().save": "checkpoint.save(path)",
            "train.Saver().restore": "checkpoint.restore(path)",
        },
    ),
    "summary": lesson(
        mark("TensorBoard's summaries are no longer merged and run: a writer is opened, and writes at once."),
        mark("They were operations of the graph. Today each names its step, within a writer's context."),
        'writer = tf.summary.create_file_writer("logs")\nwith writer.as_default():\n'
        '    tf.summary.scalar("cost", cost, step=0)',
        r"No step set\. Please specify one",
        calls={
            "summary.FileWriter": "tf.summary.create_file_writer(folder)",
            **dict.fromkeys(("summary.FileWriter().add_summary", "summary.merge_all", "summary.merge"), NOTHING),
        },
    ),
    "flags": lesson(
        mark("tf.app and tf.flags are gone; Python's own argparse reads a script's arguments."),
        mark("They were Abseil's, which TensorFlow 1 passed on; absl-py still has them."),
        'import argparse\n\nparser = argparse.ArgumentParser()\n'
        'parser.add_argument("--learning-rate", type=float, default=0.01)\n'
        "learning_rate = parser.parse_args().learning_rate",
        calls={"app": "main()", "flags": "argparse", "app.flags": "argparse"},
    ),
    "losses": lesson(
        mark("The functions of tf.losses are gone, and so is the _v2 at the end of the cross entropy."),
        mark("They added losses to a collection. tf.nn has each row's cost, to average; tf.keras.losses has classes."),
        f"logits = tf.matmul(x, W) + b\n{CROSS_ENTROPY}",
        calls={
            "nn.softmax_cross_entropy_with_logits_v2": ROWS_COSTS,
            "losses.softmax_cross_entropy": f"tf.reduce_mean({ROWS_COSTS})",
            "losses.sparse_softmax_cross_entropy": f"tf.reduce_mean({SPARSE_COSTS})",
            "losses.mean_squared_error": "tf.reduce_mean(tf.square(pred - y))",
        },
    ),
    "decay": lesson(
        mark("The decays of the learning rate in tf.train are gone; a Keras optimizer takes a schedule for its rate."),
        mark("They were operations on a step counter. A schedule is a function of the step; the optimizer counts."),
        "schedules = tf.keras.optimizers.schedules\n"
        "rate = schedules.ExponentialDecay(0.01, decay_steps=550, decay_rate=0.95)\n"
        "optimizer = tf.keras.optimizers.SGD(rate)",
        calls={
            "train.exponential_decay": "tf.keras.optimizers.schedules.ExponentialDecay(rate, steps, factor)",
            "train.polynomial_decay": "tf.keras.optimizers.schedules.PolynomialDecay(rate, steps)",
            "train.cosine_decay": "tf.keras.optimizers.schedules.CosineDecay(rate, steps)",
            "train.inverse_time_decay": "tf.keras.optimizers.schedules.InverseTimeDecay(rate, steps, factor)",
            "train.piecewise_constant": "tf.keras.optimizers.schedules.PiecewiseConstantDecay(steps, rates)",
        },
    ),
    "iterators": lesson(
        mark("A dataset needs no iterator of its own: Python's for goes through it."),
        mark("In a graph, get_next was the operation that gave the next batch, and a session had to run it."),
        "train = tf.data.Dataset.from_tensor_slices((x, y)).shuffle(1000).batch(20)\n"
        "for batch_x, batch_y in train:\n    print(batch_x.shape, batch_y.shape)",
        r"has no attribute '(?:make_one_shot_iterator|make_initializable_iterator|output_shapes|output_types)'",
        calls={
            **dict.fromkeys(("data.make_one_shot_iterator", "data.make_initializable_iterator"), "iter(dataset)"),
            **dict.fromkeys(("().make_one_shot_iterator", "().make_initializable_iterator"), "iter(dataset)"),
            "().get_next": "for batch_x, batch_y in dataset",
            **dict.fromkeys(("().output_shapes", "().output_types"), "dataset.element_spec"),
        },
    ),
})  # fmt: skip
