"""Lessons on messages of Keras: labels, compile and fit, optimizers and callbacks."""

from descenso.text import mark
from descenso.tf1.lesson import LAYERS, lesson, named

FIT = 'model.compile("sgd", "categorical_crossentropy")\nmodel.fit(x, y, epochs=1, verbose=0)'

OF_TRAINING = named({
    "not-compiled": lesson(
        mark("The model was not compiled, or compiled without a loss."),
        mark("compile names optimizer and loss, before fit and evaluate; a model that was loaded without them, too."),
        f"{LAYERS}{FIT}",
        r"You must call `compile\(\)` before|No loss to compute|No loss found\. You may have forgotten",
        r"You must compile your model before|cannot be compiled because it has no loss",
    ),
    "rows-differ": lesson(
        mark("Arrays that belong together, as inputs and labels, do not have the same number of rows."),
        mark("Each row needs a label. A row was lost, a header counted, or training inputs came with test labels."),
        "print(len(x), len(labels))\ndata = tf.data.Dataset.from_tensor_slices((x, labels))",
        r"Data cardinality is ambiguous|Dimensions \d+ and \d+ are not compatible",
        r"`target` and `output` must have the same shape up until the last dimension",
        r"Input arrays should have the same number of samples|inconsistent numbers of samples",
    ),
    "labels-rows": lesson(
        mark("Labels of shape {a} for logits of shape {b}: the sparse cross entropy reads one label a row."),
        mark("If there are as many labels as logits, they are one-hot, and argmax gives class numbers; else rows were "
             "lost."),
        "labels = tf.argmax(y, axis=1)\ncosts = tf.nn.sparse_softmax_cross_entropy_with_logits(\n"
        "    labels=labels, logits=tf.matmul(x, W) + b\n)",
        r"must equal `logits\.shape` except for the last dimension\. Received: labels\.shape=(?P<a>\([\d, ]+\)) and "
        r"logits\.shape=(?P<b>\([\d, ]+\))",
        r"same first dimension, got logits shape (?P<b>\[[\d,]+\]) and labels shape (?P<a>\[[\d,]+\])",
    ),
    "label-column": lesson(
        mark("Labels of shape {a}: a column of class numbers, where the sparse cross entropy reads a row of them."),
        mark("The last axis has length 1, and is taken away. argmax would make every label 0."),
        "labels = labels.reshape(-1)  # (rows, 1) to (rows,)\ncosts = tf.nn.sparse_softmax_cross_entropy_with_logits(\n"
        "    labels=labels, logits=tf.matmul(x, W) + b\n)",
        r"Received: labels\.shape=(?P<a>\(\w+, 1\)) of rank 2 and logits\.shape=\(\w+, \d+\) ",
    ),
    "one-label-each": lesson(
        mark("The sigmoid cross entropy reads as many labels as outputs: labels are {a}, outputs {b}."),
        mark("Of one output, labels are a column, (rows, 1). For one of several classes, use softmax instead."),
        "logits = tf.matmul(x, W[:, :1]) + b[:1]  # (rows, 1)\nyes = tf.cast(labels > 4, tf.float32)\n"
        "yes = tf.reshape(yes, [-1, 1])\n"
        "costs = tf.nn.sigmoid_cross_entropy_with_logits(labels=yes, logits=logits)",
        r"`?logits`? and `?labels`? must have the same shape,? (?:received )?\((?P<b>\([\w, ]*\)) vs "
        r"(?P<a>\([\w, ]*\))",
    ),
    "lists": lesson(
        mark("fit, evaluate and predict read arrays, and were given lists of numbers."),
        mark("A list stands for several inputs. np.array makes one array of it."),
        f"{LAYERS}x = np.array([[0.5] * 784] * 2)\nprint(model.predict(x, verbose=0).shape)",
        r"Unrecognized data type: |Failed to find data adapter that can handle input",
    ),
    "out-of-data": lesson(
        mark("The data ended before the steps that were asked for."),
        mark("A generator gives its rows once, a dataset once an epoch: leave steps_per_epoch out, or repeat the "
             "dataset. If it ended at once, it is empty."),
        "data = tf.data.Dataset.from_tensor_slices((x, y)).batch(20).repeat()\nbatches = iter(data)\n"
        "for step in range(10):\n    batch_x, batch_y = next(batches)",
        r"ran out of data; interrupting|\bEnd of sequence\b|OutOfRangeError",
    ),
    "dataset-in-fit": lesson(
        mark("A dataset brings labels, batches and order with it: fit takes no arguments for these."),
        mark("Rows to validate on are a dataset of their own, and shuffle and batch are methods of the dataset. On "
             "shuffle=True, which is fit's default, there is a note, no error: shuffle=False silences it."),
        "data = tf.data.Dataset.from_tensor_slices((x, y)).shuffle(100).batch(20)\n"
        f'{LAYERS}model.compile("sgd", "mse")\nmodel.fit(data.skip(1), validation_data=data.take(1), shuffle=False)',
        r"`y` should not be passed|`validation_split` is only supported|`shuffle=True` was passed, but will be ignored",
        r"`batch_size` argument must not be specified",
    ),
    "identifier": lesson(
        mark("Keras knows nothing called {name} here."),
        mark("It is misspelt, or a class without its (): optimizer=Adam(). Names are those of Keras: adam, mse, "
             "sparse_categorical_crossentropy, accuracy, relu, glorot_uniform, l2."),
        f'{LAYERS}loss = tf.keras.losses.SparseCategoricalCrossentropy(from_logits=True)\n'
        'model.compile(tf.keras.optimizers.Adam(), loss, metrics=["accuracy"])',
        r"Could not interpret [\w ]+ identifier: (?P<name>.{1,80})",
        r"Unknown (?:optimizer|loss function|metric function|activation function|initializer|regularizer): '?"
        r"(?P<name>[\w.]{1,80})",
    ),
    "compile-lists": lesson(
        mark("compile takes a loss, a weight and a list of metrics for each output."),
        mark('A model of one output has one loss, and its metrics are a list: metrics=["accuracy"].'),
        f'{LAYERS}model.compile("sgd", "mse", metrics=["accuracy"])',
        r"Expected `metrics` argument to be a list|`loss_weights` must match the number of losses",
        r"does not correspond to any model output|should have as many entries as the model has outputs",
    ),
    "optimizer-argument": lesson(
        mark("Keras's optimizers do not have {name}, or no longer."),
        mark("lr is learning_rate, beta1 is beta_1; a decay is a schedule in place of the learning rate. Their numbers "
             "are in optimizer.variables."),
        "schedules = tf.keras.optimizers.schedules\nrate = schedules.ExponentialDecay(0.01, 100, 0.95)\n"
        "optimizer = tf.keras.optimizers.Adam(learning_rate=rate, beta_1=0.9)",
        r"Argument\(s\) not recognized: (?P<name>\{.{1,200}?\})",
        r"Argument `(?P<name>decay)` is no longer supported",
        r"'(?:Adam|SGD|RMSprop|Adagrad|Nadam)' object has no attribute '(?P<name>lr|get_weights|decay)'",
        r"(?:Adam|SGD|RMSprop|Adagrad|Nadam)\.__init__\(\) got an unexpected keyword argument '(?P<name>\w+)'",
        r"`?(?P<name>lr|decay)`? is deprecated(?:,| in) (?:please use|the new Keras optimizer)",
    ),
    "rate-argument": lesson(
        mark("A learning rate is a number or a schedule; one given as a schedule cannot be set by hand."),
        mark("A function of LearningRateScheduler must return a number. With a number at the beginning, "
             "optimizer.learning_rate can be changed later."),
        "optimizer = tf.keras.optimizers.Adam(learning_rate=0.01)\noptimizer.learning_rate = 0.001",
        r"Argument `learning_rate` should be float|learning rate is not settable",
        r"output of the `?\"?schedule`?\"? function should be (?:a )?float",
    ),
    "optimizer-variables": lesson(
        mark("The optimizer was made for other variables than those it is given now."),
        mark("It keeps numbers for each variable, from its first step on. Another model needs another optimizer."),
        "optimizer = tf.keras.optimizers.SGD(0.01)\noptimizer.build([W, b])\n"
        "optimizer.apply_gradients([(tf.zeros_like(W), W), (tf.zeros_like(b), b)])",
        r"can only be called for the variables it was originally built with",
        r"optimizer cannot recognize variable|optimizer must already be built on a list of variables",
        r"apply_gradients\(\) takes \d positional arguments? but",
    ),
    "monitor": lesson(
        mark("A value is asked for that training does not compute, or whose direction a callback does not know."),
        mark("Names are those of fit's history. Those with val_ need validation_data, and accuracy needs "
             'metrics=["accuracy"]. Of a name that Keras does not know, say mode="max" or "min".'),
        f'{LAYERS}model.compile("sgd", "mse")\n'
        'stop = tf.keras.callbacks.EarlyStopping(monitor="val_loss", patience=3)\n'
        "history = model.fit(\n    x, y, validation_data=(x, y), callbacks=[stop], verbose=0\n)\n"
        "print(list(history.history))",
        r"conditioned on metric `?.{1,60}?`? which is not available|Can save best model only with \S+ available",
        r"whether that metric should be maximized or minimized|Failed to format this callback filepath",
        r"EarlyStopping mode '?\w+'? is unknown|KeyError: '(?:val_)?(?:acc|accuracy|loss)'",
    ),
    "callbacks": lesson(
        mark("Callbacks are a list of objects of keras.callbacks, and one of these is none."),
        mark("A class needs its (): EarlyStopping(). A function is wrapped: LambdaCallback(on_epoch_end=function)."),
        "def say(epoch, logs):\n    print(epoch, logs)\n\nsaid = tf.keras.callbacks.LambdaCallback(on_epoch_end=say)\n"
        f'{LAYERS}model.compile("sgd", "mse")\nmodel.fit(x, y, callbacks=[said], verbose=0)',
        r"object has no attribute 'set_model'|set_model\(\) missing 1 required positional argument",
    ),
    "no-trainable-weights": lesson(
        mark("Nothing in the model is trained: no step changes it."),
        mark("trainable is False for the model, or for all of its layers; compile again after it was changed."),
        f'{LAYERS}model.trainable = True\nmodel.compile("sgd", "mse")\nprint(len(model.trainable_variables))',
        r"does not have any trainable weights",
    ),
})  # fmt: skip
