"""Lessons on messages of Keras: layers, models, and names and arguments that are gone.

The last patterns of a lesson are wordings of Keras 2 and earlier.
"""

from descenso.text import mark
from descenso.tf1.lesson import LAYERS, lesson, named

KERAS_2 = {  # what stands in place of a name that Keras 3 does not have
    **dict.fromkeys(("predict_classes",), "model.predict(x).argmax(axis=1)"),
    **dict.fromkeys(("predict_proba", "predict_generator"), "model.predict(x)"),
    "fit_generator": "model.fit(generator)",
    "evaluate_generator": "model.evaluate(generator)",
    "np_utils": "keras.utils.to_categorical(labels, classes)",
    "ImageDataGenerator": "keras.utils.image_dataset_from_directory(folder)",
    **dict.fromkeys(("preprocessing.text", "Tokenizer"), "keras.layers.TextVectorization()"),
    "multi_gpu_model": "tf.distribute.MirroredStrategy()",
    "model_from_yaml": "keras.models.model_from_json(text)",
    "CuDNNLSTM": "keras.layers.LSTM(units)",
    "CuDNNGRU": "keras.layers.GRU(units)",
    "merge": "keras.layers.Concatenate()([a, b])",
    **dict.fromkeys(("wrappers.scikit_learn", "wrappers"), "keras.wrappers.SKLearnClassifier(model)"),
    **dict.fromkeys(("adam", "adam_v2"), "keras.optimizers.Adam(learning_rate)"),
    **dict.fromkeys(("optimizers.legacy", "optimizers.experimental"), "keras.optimizers"),
    **dict.fromkeys(("layers.experimental", "layers.core", "layers.convolutional", "layers.normalization",
                     "layers.embeddings", "layers.recurrent", "engine"), "keras.layers"),
    "objectives": "keras.losses",
    "reset_states": "layer.reset_states()",
    "add_metric": "model.compile(metrics=[…])",
    "add_update": "layer.add_weight(…).assign(value)",
    **dict.fromkeys(("get_session", "set_session", "learning_phase", "set_learning_phase", "tensorflow_backend"),
                    mark("nothing: leave it out")),
}  # fmt: skip
GONE_NAME = "|".join(name.replace(".", r"\.") for name in KERAS_2)
IN_KERAS = r"(?:tensorflow\.)?keras\b(?:[\w.]*)"

OF_LAYERS = named({
    "keras-2": lesson(
        mark("Keras 3 does not have {symbol}. In its place: {instead}."),
        mark("TensorFlow 2.16 and later come with Keras 3, which has one way for each task. The package tf_keras is "
             "Keras 2."),
        "{instead}",
        r"' object has no attribute '(?P<symbol>predict_classes|predict_proba|"
        r"\w+_generator|reset_states|add_update)'",
        rf"No module named '?(?:tensorflow\.)?keras\.(?P<symbol>{GONE_NAME})\b",
        rf"cannot import name '(?P<symbol>{GONE_NAME})' from '{IN_KERAS}'",
        rf"module '(?:[\w.]*\.)?keras\b[\w.]*' has no attribute '(?P<symbol>{GONE_NAME})'",
        r"`keras\.(?P<symbol>optimizers\.legacy)` is not supported in Keras 3",
        r"Layer `(?P<symbol>add_metric)\(\)` method is deprecated",
    ),
    "keras-name": lesson(
        mark("Keras 3 has no {name} here: the name is gone, has moved, or is spelt otherwise."),
        mark("Layers are in keras.layers, losses in keras.losses; the functions of keras.backend are in keras.ops. In "
             "Python, dir(keras.layers) lists a module's names."),
        'import keras\n\nprint([name for name in dir(keras.layers) if "Conv" in name])',
        r"No module named '?(?:tensorflow\.)?keras\.(?P<name>[\w.]+)",
        rf"cannot import name '(?P<name>\w+)' from '{IN_KERAS}'",
        r"module '(?:[\w.]*\.)?keras\b[\w.]*' has no attribute '(?P<name>\w+)'",
    ),
    "keras-argument": lesson(
        mark("{name}: Keras 3 does not take this argument here."),
        mark("nb_epoch is epochs, output_dim is units, border_mode padding, subsample strides, init "
             "kernel_initializer; workers belongs to a PyDataset, a learning rate to the optimizer; and an own layer "
             "must pass **kwargs to its base class."),
        'layer = tf.keras.layers.Conv2D(32, 3, strides=2, padding="same")\n'
        'dense = tf.keras.layers.Dense(10, kernel_initializer="glorot_uniform")',
        r"(?<!encountered: )Unrecognized keyword arguments passed to \w+: (?P<name>\{.{1,200})",
        r"(?:Trainer|Model|Sequential|Functional)\.(?:fit|compile|evaluate|predict)\(\) got an unexpected keyword "
        r"argument '(?P<name>\w+)'",
        r"(?:ModelCheckpoint|TensorBoard|EarlyStopping)\.__init__\(\) got an unexpected keyword argument "
        r"'(?P<name>\w+)'",
        r"Argument `(?P<name>input_length)` is deprecated",
        r"'Keyword argument not understood:', '(?P<name>\w+)'",
    ),
    "layer-rank": lesson(
        mark("A layer or an operation reads arrays with {a} axes, and was given one with {b}."),
        mark("Rows are the first axis: Conv2D reads (rows, height, width, channels), LSTM and GRU (rows, steps, "
             "columns). Before another recurrent layer, one needs return_sequences=True."),
        "images = tf.zeros([100, 28, 28])\nimages = images[..., tf.newaxis]  # (100, 28, 28, 1)\n"
        "steps = tf.keras.layers.LSTM(8, return_sequences=True)(tf.zeros([2, 5, 4]))\n"
        "last = tf.keras.layers.LSTM(8)(steps)",
        r"expected (?:min_)?ndim=(?P<a>\d+), found ndim=(?P<b>\d+)",
        r"(?:must|should) have rank (?P<a>\d+)\.\s+Received rank (?P<b>\d+)",
        r"expected \w+ to have (?P<a>\d+) dimensions, but got array with shape (?P<b>\([\d, ]*\))",
    ),
    "image-rank": lesson(
        mark("An operation on images was given an array without all axes: rows, height, width and channels."),
        mark("Grey images lack the axis of channels, and a single image lacks that of rows."),
        "images = tf.zeros([100, 28, 28])\nimages = images[..., tf.newaxis]  # channels\n"
        "batch = images[0][tf.newaxis]  # one row",
        r"Input must be 4 or 5-dimensional|'images' must have either 3 or 4 dimensions",
        r"`input_shape` must be a tuple of three integers|`input_shape` with at least 3 dimensions",
    ),
    "channels": lesson(
        mark("The images have another number of channels than the convolution reads."),
        mark("The last axis of an image counts channels: 1 if grey, 3 in colour. A filter's third number must be "
             "that one."),
        "images = tf.zeros([2, 28, 28, 1])\ncolour = tf.repeat(images, 3, axis=-1)  # (2, 28, 28, 3)",
        r"input depth must be evenly divisible by filter depth|number of input channels does not match",
        r"[Dd]epth of input \(\d+\) is not a multiple of input depth of filter|does not support grouped convolutions",
    ),
    "too-small": lesson(
        mark("After so many convolutions and poolings nothing is left of the image: an axis would have length 0."),
        mark("Without padding, a kernel of 3 takes 2 from height and width, and a pooling of 2 halves them. Begin with "
             "larger images, pad, or leave layers out."),
        'same = tf.keras.layers.Conv2D(8, 3, padding="same")\nprint(same(tf.zeros([1, 2, 2, 1])).shape)',
        r"[Oo]utput size would be (?:zero or )?negative|Negative dimension size caused by subtracting",
        r"Input size must be at least \d+x\d+|One of the dimensions in the output is <= 0",
    ),
    "merge-shapes": lesson(
        mark("Arrays that are joined or added do not have the same shape."),
        mark("Joined arrays may differ along the axis of joining alone, stacked and added ones not at all."),
        "a, b = tf.zeros([2, 3]), tf.zeros([2, 4])\nprint(tf.concat([a, b], axis=1).shape)  # (2, 7)",
        r"`Concatenate` layer requires inputs with matching shapes|Inputs have incompatible shapes\. Received shapes",
        r"ConcatOp : (?:Dimension|Ranks)|Shapes of all inputs must match|Dimension \d+ in both shapes must be equal",
        r"all the input array dimensions except for the concatenation axis|all input arrays must have the same shape",
    ),
    "axis-length": lesson(
        mark("The length of an axis is needed, and it is None: unknown until arrays come."),
        mark("Weights are made once, so the axes that they span must be known. Give Input the whole shape, or pool "
             "the unknown axes away. In a function, tf.shape(x)[0] is the length at run time."),
        "pool = tf.keras.layers.GlobalAveragePooling2D()\n"
        "layers = [tf.keras.Input((None, None, 3)), pool, tf.keras.layers.Dense(10)]\n"
        "model = tf.keras.Sequential(layers)",
        r"initialize variables must be fully-defined|last dimension of the inputs to a [`\w]+ (?:layer )?should be "
        r"defined|Cannot convert a partially known TensorShape",
        r"length of shape with unknown rank|as_list\(\) is not defined on an unknown TensorShape",
        r"channel dimension of the inputs should be defined",
    ),
    "input-count": lesson(
        mark("A model or layer was given another number of arrays than it has inputs."),
        mark("A model of two inputs reads a list of two arrays, or a dictionary by the names of its inputs; a layer of "
             "one input reads one array."),
        'a, b = tf.keras.Input((3,), name="a"), tf.keras.Input((4,), name="b")\n'
        "joined = tf.keras.layers.Concatenate()([a, b])\nmodel = tf.keras.Model([a, b], joined)\n"
        "model([tf.zeros([2, 3]), tf.zeros([2, 4])])",
        r"expects \d+ (?:named )?input\(s\)[^.]{0,200}, but it received \d+ input tensors",
        r"the list of Numpy arrays that you are passing to your model is not the size the model expected",
    ),
    "shape-argument": lesson(
        mark("A shape is a tuple of whole numbers: (784,), with its comma, and not 784."),
        mark("Input's shape has all axes but that of the rows."),
        "inputs = tf.keras.Input((784,))\nimages = tf.keras.Input((28, 28, 1))",
        r"Cannot convert '.{0,50}' to a shape",
    ),
    "input-shape-argument": lesson(
        mark("A note, no error: in Keras 3 the input's shape is an Input of its own, not an argument of a layer."),
        mark("The model works all the same."),
        f"{LAYERS}model.summary()",
        r"Do not pass an `input_shape`/`input_dim` argument to a layer",
    ),
    "not-built": lesson(
        mark("A model or layer does not have its weights, outputs or inputs yet."),
        mark("Without an Input, weights are made at the first call, when the number of columns is known."),
        f"{LAYERS}print(model.count_params(), model.outputs)",
        r"the layer isn't built|has never been called and thus has no defined (?:in|out)put",
        r"You must build the layer before accessing|model that has not yet been built",
        r"This model has not yet been built|Weights for model .{1,50} have not yet been created",
        r"weight file containing \d+ layers into a model with 0 layers|has no inbound nodes",
        r"a subclassed Model which has not created its variables yet",
    ),
    "no-layer": lesson(
        mark("The model has no layer of this name or place."),
        mark("Layers are numbered from 0, and Keras numbers the names of further layers: dense, dense_1."),
        f'{LAYERS}print([layer.name for layer in model.layers])',
        r"No such layer: |retrieve layer at index \d+ but model only has",
    ),
    "layer-argument": lesson(
        mark("An argument of a layer, an optimizer or a callback is missing, or has a value that it cannot have."),
        mark("units, filters and kernel_size are whole numbers above 0, rate lies between 0 and 1, and padding is "
             '"same" or "valid". A stateful layer needs batch_size in Input.'),
        "dense = tf.keras.layers.Dense(10)\nthinned = tf.keras.layers.Dropout(0.5)\n"
        'filters = tf.keras.layers.Conv2D(32, kernel_size=3, padding="same")',
        r"missing 1 required positional argument: '(?:units|filters|kernel_size|rate|input_dim|output_dim|decay_rate)'",
        r"Received an invalid value for `\w+`, expected|Invalid value received for argument `\w+`",
        r"The `(?:kernel_size|strides|pool_size|padding)` argument must be|`momentum` must be a float",
        r"`rate` must be a scalar tensor or a float|does not support a factor >= 1",
        r"`stateful=True` in a RNN, the batch size must be static|it needs to know its batch size",
    ),
    "own-layer": lesson(
        mark("A layer or model of your own lacks something that Keras needs."),
        mark("__init__ begins with super().__init__(), weights are made in __init__ or build by their keywords, and "
             "call returns a tensor."),
        "class Scaled(tf.keras.layers.Layer):\n    def __init__(self):\n        super().__init__()\n"
        "        self.scale = self.add_weight(shape=(), name=\"scale\")\n\n    def call(self, inputs):\n"
        "        return inputs * self.scale\n\nprint(Scaled()(x).shape)",
        r"you forgot to call `super\(\)\.__init__\(\)`|does not have a `call(?:\(\))?` method implemented",
        r"You cannot add new elements of state|`name` must be passed as a keyword argument\. Received: add_weight",
        r"Got '?None'? \(of type|All `outputs` values must be KerasTensors\. Received: outputs=None",
        r"`add_loss\(\)` can only be called from inside|should implement a `call\(\)` method",
    ),
    "sequential": lesson(
        mark("A Sequential model is a list of layers with different names, and one of these is no layer."),
        mark("Layers are objects: Dense(10), with its units. A function goes into an Activation or a Lambda layer."),
        "layers = [tf.keras.layers.Dense(10), tf.keras.layers.Activation(tf.nn.relu)]\n"
        "model = tf.keras.Sequential(layers)\nprint(model(x).shape)",
        r"Only instances of `keras\.Layer` can be added|has already been configured to use input shape",
        r"should have unique names|is used \d+ times in the model|added layer must be an instance of class Layer",
        r"'(?:Dense|Conv2D|Flatten|InputLayer)' object is not iterable|cannot contain character `/`",
    ),
    "layer-input": lesson(
        mark("A layer was called with something that is no array or tensor."),
        mark("Layers are called with what the layer before returned, not with a layer, a text or a list of numbers."),
        "hidden = tf.keras.layers.Dense(32)(x)\noutputs = tf.keras.layers.Dense(10)(hidden)",
        r"Only input tensors may be passed as positional arguments|Inputs to a layer should be tensors",
        r"was called with an input that isn't a symbolic tensor",
    ),
    "functional": lesson(
        mark("Inputs and outputs of a Model are not connected, or are no tensors of Keras."),
        mark("Each layer is called with the tensor before it, from Input to outputs; Model is given both ends."),
        "inputs = tf.keras.Input((784,))\noutputs = tf.keras.layers.Dense(10)(inputs)\n"
        "model = tf.keras.Model(inputs, outputs)\nprint(model(x).shape)",
        r"is not connected to `inputs`|All `inputs` values must be KerasTensors|Graph disconnected: cannot obtain",
        r"Input tensors to a (?:Model|Functional) must come from",
    ),
    "output-rank": lesson(
        mark("The model ends in images or steps, {b}, where labels of shape {a} need a row of outputs each."),
        mark("Between convolutions and the last Dense layer stands a Flatten or a GlobalAveragePooling2D."),
        "model = tf.keras.Sequential(\n    [\n        tf.keras.Input((28, 28, 1)),\n"
        "        tf.keras.layers.Conv2D(8, 3),\n        tf.keras.layers.Flatten(),\n"
        "        tf.keras.layers.Dense(10),\n    ]\n)",
        r"must have rank \(ndim\) `target\.ndim - 1`\. Received: target\.shape=(?P<a>\(\w+,(?: 1)?\)), "
        r"output\.shape=(?P<b>\(\w+(?:, \d+){2,}\))",
    ),
    "softmax-of-one-output": lesson(
        mark("Softmax of one output is always 1: the model says the same for each row."),
        mark("One output needs a sigmoid and the binary cross entropy; softmax needs an output for each class."),
        "model = tf.keras.Sequential(\n"
        '    [tf.keras.Input((784,)), tf.keras.layers.Dense(1, activation="sigmoid")]\n)\n'
        'model.compile("sgd", "binary_crossentropy")',
        r"This axis has size 1\. The softmax operation will always return the value 1",
        r"with num_classes > 1\. Received: y_pred\.shape",
    ),
    "from-logits": lesson(
        mark("The model ends in softmax or sigmoid, and the loss applies it again, for from_logits=True."),
        mark("Of probabilities, softmax makes nearly equal ones, and the model hardly learns. Leave one of both out."),
        f"{LAYERS}loss = tf.keras.losses.CategoricalCrossentropy(from_logits=True)\nmodel.compile(\"sgd\", loss)",
        r"received `from_logits=True`, but the `output` argument was produced by",
    ),
})  # fmt: skip
