"""Lessons on messages on files, saving and loading, memory, processors and installations.

The last patterns of a lesson are wordings of earlier versions.
"""

from descenso.text import mark
from descenso.tf1.lesson import LAYERS, lesson, named

OF_FILES = named({
    "file-missing": lesson(
        mark("There is no such file or folder, seen from the working directory, or it cannot be read."),
        mark("A relative path begins where Python was started. A checkpoint is named without its ending, but with its "
             "number: saved/model-1."),
        "from pathlib import Path\n\nprint(Path.cwd())\nprint(sorted(Path.cwd().iterdir()))",
        r"No such file or directory|File not found: filepath=|SavedModel file does not exist at",
        r"Failed to find any matching files|No files match|No images found in directory|Could not open '",
        r"No file or directory found at|file .{1,200} does not exist",
    ),
    "file-format": lesson(
        mark("The file is of another kind than its reader expects, or is damaged."),
        mark("load_model reads .keras and .h5, load_weights .weights.h5 too; a SavedModel is a folder, and is read by "
             "tf.saved_model.load. A download may have ended early, or be a web page."),
        f'{LAYERS}model.save("model.keras")\nmodel = tf.keras.models.load_model("model.keras")',
        r"File format not supported: filepath=|file signature not found|No model config found in the file",
        r"Unknown image file format|Input is empty\.|not a valid Flatbuffer|Is this even a TFRecord file\?",
        r"truncated file: eof|Unable to open file \(",
    ),
    "file-ending": lesson(
        mark("Keras 3 chooses the format by the end of the name, and this one it does not know."),
        mark("A whole model is saved as .keras, weights as .weights.h5; for a SavedModel there is model.export."),
        f'{LAYERS}model.save("model.keras")\nmodel.save_weights("model.weights.h5")\n'
        'model.export("folder", verbose=False)',
        r"must end in `\.(?:keras|weights\.h5)`|Invalid filepath extension for saving",
        r"`save_format` argument is deprecated",
    ),
    "weights-differ": lesson(
        mark("The weights that are loaded are not those of this model: their number or their shapes differ."),
        mark("Build the very model that was saved, layer by layer, or save the whole model and load that. If the model "
             "has 0 layers with weights, it was not built yet."),
        f'{LAYERS}model.save_weights("model.weights.h5")\nsame = tf.keras.models.clone_model(model)\n'
        'same.load_weights("model.weights.h5")',
        r"objects could not be loaded|(?:Layer|Weight) count mismatch|Shape mismatch in layer #",
        r"with a weight list of length",
        r"is not compatible with provided weight shape|Received incompatible tensor with shape",
        r"target value in `variable\.assign\(value\)` must match",
        r"You are trying to load a weight file containing|but the saved weight has shape|axes don't match array",
    ),
    "own-object": lesson(
        mark("The file names a class or function that Keras does not know: one of your own, or of an old version."),
        mark("Give it to custom_objects, or register it where it is defined. A file whose loss cannot be read is "
             "loaded with compile=False, and compiled anew."),
        "import keras\n\n@keras.saving.register_keras_serializable()\ndef squared(y, pred):\n"
        "    return tf.reduce_mean((y - pred) ** 2)\n\n"
        f'{LAYERS}model.compile("sgd", squared)\nmodel.save("own.keras")\n'
        'own = {"squared": squared}\nmodel = tf.keras.models.load_model("own.keras", custom_objects=own)',
        r"Could not locate (?:class|function)|Unknown layer: |because it is not a KerasSaveable subclass",
        r"ensure (?:this|that this) object is (?:passed to|included in) (?:the )?[`\w]*(?:custom_objects|scope)",
    ),
    "lambda": lesson(
        mark("The file holds a Lambda layer with Python code, which Keras does not run unasked."),
        mark("Code in a file can do anything: load it with safe_mode=False only if you trust the file."),
        "inputs = tf.keras.Input((784,))\ndouble = tf.keras.layers.Lambda(lambda x: x * 2)\n"
        "model = tf.keras.Model(inputs, double(inputs))\n"
        'model.save("double.keras")\nmodel = tf.keras.models.load_model("double.keras", safe_mode=False)',
        r"[Rr]equested the deserialization of a `Lambda` layer",
    ),
    "config": lesson(
        mark("An object cannot be saved, or made again: its class and its get_config do not fit together."),
        mark("get_config returns what __init__ takes, with that of the base class, such as name. If the class is "
             "Keras's own, another version wrote the file."),
        "class Scaled(tf.keras.layers.Layer):\n    def __init__(self, factor, **kwargs):\n"
        "        super().__init__(**kwargs)\n        self.factor = factor\n\n    def get_config(self):\n"
        '        return {**super().get_config(), "factor": self.factor}\n\n'
        "print(Scaled.from_config(Scaled(2.0).get_config()).factor)",
        r"must override `get_config|Error when deserializing class|could not be deserialized properly",
    ),
    "checkpoint": lesson(
        mark("The checkpoint and the objects it is restored into do not have the same names or types."),
        mark("Names are those of the arguments of tf.train.Checkpoint, and of the attributes below them. "
             "tf.train.list_variables says what a checkpoint holds."),
        'path = tf.train.Checkpoint(W=W, b=b).save("saved/model")\nprint(tf.train.list_variables(path))\n'
        "tf.train.Checkpoint(W=W, b=b).restore(path).assert_consumed()",
        r"that were not bound to checkpointed values|Unresolved object in checkpoint|not found in checkpoint",
        r"expected dtype \w+ does not equal original dtype|to be a trackable object",
        r"in checkpoint could not be found in the restored object",
    ),
    "saved-model": lesson(
        mark("What tf.saved_model.load returns is no Keras model: it has functions, and no predict, fit or summary."),
        mark("signatures names them. To go on training, save the model as .keras."),
        "module = tf.Module()\nmodule.double = tf.function(\n"
        "    lambda x: 2 * x, input_signature=[tf.TensorSpec([None])], autograph=False\n)\n"
        'tf.saved_model.save(module, "double", module.double)\n'
        'loaded = tf.saved_model.load("double")\nprint(list(loaded.signatures), loaded.double([1.0]))',
        r"'_UserObject' object (?:has no attribute|is not callable)",
    ),
    "records": lesson(
        mark("A record of a TFRecord file is not what its description says."),
        mark("The names and types of parse_single_example are those that were written; bytes are written of bytes."),
        'feature = tf.train.Feature(int64_list=tf.train.Int64List(value=[3]))\n'
        'features = tf.train.Features(feature={"label": feature})\n'
        'record = tf.train.Example(features=features)\n'
        'spec = {"label": tf.io.FixedLenFeature([], tf.int64)}\n'
        "print(tf.io.parse_single_example(record.SerializeToString(), spec))",
        r"Could not parse example input|is required but could not be found",
    ),
    "vocabulary": lesson(
        mark("A layer that looks up words has no words yet."),
        mark("Call adapt with the training texts before the layer is used, or give it a vocabulary."),
        'layer = tf.keras.layers.TextVectorization()\nlayer.adapt(["a cat", "a dog"])\nprint(layer(["the cat"]))',
        r"Table not initialized",
    ),
    "download": lesson(
        mark("A file could not be downloaded: the address cannot be reached."),
        mark("The network, a proxy or the server fails. The file can be put into ~/.keras/datasets by hand, and "
             "descenso has MNIST with it."),
        "import descenso\n\ndata = descenso.load(\"mnist\")\nprint(data.train.inputs.shape)",
        r"URL fetch failure on",
    ),
    "memory": lesson(
        mark("There is not enough memory for an array."),
        mark("Make batches smaller, read rows from a dataset instead of all at once, or use a smaller model. An array "
             "far larger than the data is a mistaken shape: every number of rows and columns multiplies."),
        "data = tf.data.Dataset.from_tensor_slices((x, labels)).batch(20)\nfor batch_x, batch_labels in data:\n"
        "    logits = tf.matmul(batch_x, W) + b",
        r"OOM when allocating tensor|Dst tensor is not initialized|Unable to allocate array with shape",
        r"Unable to allocate [\d.]+ \w+ for an array|std::bad_alloc",
        r"CUDA_ERROR_OUT_OF_MEMORY",
        r"would have more than 2\*\*63 - 1 elements|exceeds 10% of (?:free )?system memory",
        r"failed to allocate .{1,80}memory",
    ),
    "no-gpu": lesson(
        mark("TensorFlow found no graphics card that it can use, and computes on the processor. It is no error."),
        mark("There is none, or NVIDIA's driver, CUDA or cuDNN are missing or of other versions: pip install "
             "'tensorflow[and-cuda]' brings the libraries, on Linux. descenso needs none."),
        'print(tf.config.list_physical_devices("GPU"))',
        r"Could not find cuda drivers|failed call to cuInit|Cannot dlopen some GPU libraries|unknown device\.",
        r"Could not load dynamic library '\w*(?:cu|nv)\w+|Could not find TensorRT|DNN library is not found",
        r"cuDNN failed to initialize|Could not create cudnn handle|Unable to register cu\w+ factory",
    ),
    "onednn": lesson(
        mark("A note, no error: oneDNN, Intel's library, computes some operations, and rounds in another order."),
        mark("Last digits may differ between machines. TF_ENABLE_ONEDNN_OPTS=0 turns it off, before TensorFlow is "
             "imported; some operations are then slower."),
        'import os\n\nos.environ["TF_ENABLE_ONEDNN_OPTS"] = "0"  # before import tensorflow',
        r"oneDNN custom operations are on",
    ),
    "processor": lesson(
        mark("A note, no error: it lists instructions of the processor that TensorFlow uses, or could use."),
        mark("Only a TensorFlow that was built on this machine uses all of them. TF_CPP_MIN_LOG_LEVEL=2 hides such "
             "notes."),
        'import os\n\nos.environ["TF_CPP_MIN_LOG_LEVEL"] = "2"  # before import tensorflow',
        r"binary is optimized to use available CPU instructions|binary is optimized with oneAPI",
        r"instructions that this TensorFlow binary was not compiled to use",
    ),
    "too-late": lesson(
        mark("This setting can be made only before TensorFlow computes anything."),
        mark("The first operation, even tf.constant, starts the devices. Put it right after the import; in a notebook, "
             "restart."),
        "print(tf.config.get_visible_devices())",
        r"cannot be modified after (?:being )?initializ|must be called at program startup",
    ),
    "deprecated": lesson(
        mark("A note, no error: the function still works, and a later version may not have it."),
        mark("The lines that follow say what to call instead."),
        "W.assign(tf.zeros([784, 10]))",
        r"is deprecated and will be removed in a future version",
    ),
    "installation": lesson(
        mark("TensorFlow, or a library that it needs, is not installed for this Python, or their versions do not fit."),
        mark("TensorFlow has no packages for the newest or for 32-bit Pythons. A fresh environment with TensorFlow "
             "alone shows whether another package is the cause."),
        "import sys\n\nprint(sys.version, sys.executable, tf.__version__, np.__version__)",
        r"No module named '?(?:tensorflow|keras|numpy)'?$",
        r"(?:version that satisfies the requirement|No matching distribution found for) tensorflow",
        r"cannot import name 'builder' from 'google\.protobuf",
        r"DLL load failed while importing|numpy\.dtype size changed|cannot be run in NumPy 2",
        r"Descriptors cannot (?:not )?be created",
    ),
})  # fmt: skip
