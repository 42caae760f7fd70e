"""Lessons on messages: shapes and types that do not match, gradients, numbers that are not finite, and graphs.

Special cases come first. The patterns, like those of `calls`, are for the messages of TensorFlow 2.21. Where a later
version words one otherwise, its wording is added and the old one stays.
"""

from descenso.text import mark
from descenso.tf1.lesson import COST, CROSS_ENTROPY, GRADIENTS, PRED, SPARSE, lesson, named

SHAPE = r"\[[\d,?]*\]"
TUPLE = r"\([\dNone, ]*\)"
FLOAT = r"(?:b?float\d*|double|half)"
ANY = r"(?!string)\w+"
TYPES = (
    r"was expected to be an? (?P<a>{0}) tensor but is an? (?P<b>{0}) tensor",
    r"has type (?P<b>{0}) that does not match type (?P<a>{0}) of argument",
    r"Tensor conversion requested dtype (?P<a>{0}) for Tensor with dtype (?P<b>{0})",
    r"`x` and `y` must have the same dtype, got (?:tf\.)?(?P<a>{0}) != (?:tf\.)?(?P<b>{0})",
)

MESSAGES = named({
    "one-hot": lesson(
        mark("Labels of shape {a} for predictions of shape {b}: class numbers, where one-hot labels are expected."),
        mark("−Σ y·log(pred) runs over the classes: y needs a column for each, with 1 at the class of the row."),
        f"y = tf.one_hot(labels, 10)\n{COST}",
        r"Incompatible shapes: (?P<a>\[(?P<n>\d+)\]) vs\. (?P<b>\[(?P=n),\d+\])",
        r"Incompatible shapes: (?P<b>\[(?P<n>\d+),\d+\]) vs\. (?P<a>\[(?P=n)\])",
        r"(?:Mul|Sub|AddV2)\[.{0,400} with input shapes: (?P<a>\[(?P<n>\d+)\]), (?P<b>\[(?P=n),\d+\])",
        r"must have the same (?:shape|rank)[^.]*\. Received: target\.shape=(?P<a>\((?P<n>\w+),(?: 1)?\)), "
        r"output\.shape=(?P<b>\((?P=n), \d+\))",
        r"must be broadcastable: logits_size=(?P<b>\[(?P<n>\d+),\d+\]) labels_size=(?P<a>\[1,(?P=n)\])",
        r"Shapes (?P<a>\((?P<n>\w+),(?: 1)?\)) and (?P<b>\((?P=n), \d+\)) are incompatible",
    ),
    "not-one-hot": lesson(
        mark("Labels of shape {a} for predictions of shape {b}: one-hot, where class numbers are expected."),
        mark("The sparse cross entropy takes one whole number a row. For rows of 0 and 1, use the one without sparse."),
        f"labels = tf.argmax(y, axis=1)\n{SPARSE}",
        r"`labels\.shape\.rank` must equal `logits\.shape\.rank - 1`\. Received: labels\.shape=(?P<a>\(\w+, "
        r"(?!1\))\d+\)) "
        r"of rank \d+ and logits\.shape=(?P<b>\(\w+, \d+\))",
        r"must have rank \(ndim\) `target\.ndim - 1`\. Received: target\.shape=(?P<a>\(\w+, (?!1\))\d+\)), "
        r"output\.shape=(?P<b>\(\w+, \d+\))",
    ),
    "labels": lesson(
        mark("descenso reads class numbers, one whole number a row; these labels are {a}."),
        mark("It takes the cost of the class itself: labels need neither rows of 0 and 1 nor the type of the inputs."),
        "labels = np.argmax(y, axis=1)  # (rows, classes) to (rows,)\nlabels = labels.astype('int32')",
        r"(?:labels of|etiquetas de) (?:shape|type|forma|tipo) (?P<a>[\w×]+) (?:beside|junto a)",
        r"(?:labels such as|etiquetas como) (?P<a>[\d.,e+-]+); ",
        r"(?:of type|de tipo) (?P<a>\w+); (?:labels are whole|las etiquetas son) ",
        r"(?:labels of shape|etiquetas de forma) (?P<a>\([\d, ]*\) (?:and|y) \w+); (?:each row needs|cada fila)",
    ),
    "classes": lesson(
        mark("Labels and predictions do not have the same classes: labels are {a}, predictions {b}."),
        mark("Both need a column for each class; one_hot's depth and the last layer's width are that number."),
        "classes = 10\ny = tf.one_hot(labels, classes)\nW = tf.Variable(tf.zeros([784, classes]))\n"
        f"logits = tf.matmul(x, W)\n{CROSS_ENTROPY}",
        rf"logits and labels must be broadcastable: logits_size=(?P<b>{SHAPE}) labels_size=(?P<a>{SHAPE})",
        rf"must have the same (?:shape|rank)[^.]*\. Received: target\.shape=(?P<a>{TUPLE}), "
        rf"output\.shape=(?P<b>{TUPLE})",
        r"Shapes (?P<a>\((?P<n>\w+), \d+\)) and (?P<b>\((?P=n), \d+\)) are incompatible",
        r"Error when checking target: expected \w+ to have shape (?P<b>\([\d, ]*\)) but got array with shape "
        r"(?P<a>\([\d, ]*\))",
    ),
    "matmul": lesson(
        mark("The product of {a} and {b} does not exist: the first's last number must be the second's first."),
        mark("The order is wrong, or one must be transposed, or images reshaped: [100,28,28] becomes [100,784]."),
        "rows = tf.reshape(x, [-1, 784])  # (rows, 784)\nlogits = tf.matmul(rows, W) + b  # (rows, 784) by (784, 10)",
        rf"Matrix size-incompatible: In\[0\]: (?P<a>{SHAPE}), In\[1\]: (?P<b>{SHAPE})",
        rf"= (?:Batch)?MatMul\w*\[.{{0,400}} with input shapes: (?P<a>{SHAPE}), (?P<b>{SHAPE})",
    ),
    "rank": lesson(
        mark("A product of matrices was given something that is no matrix: it has fewer than two axes."),
        mark("One row of 784 numbers is a vector. As a batch of one it is a matrix of one row."),
        "row = x[0]  # (784,)\nlogits = tf.matmul(tf.reshape(row, [1, 784]), W) + b  # (1, 10)",
        r"In\[\d\] ndims must be >= 2|In\[0\] and In\[1\] has different ndims",  # with oneDNN, and without
    ),
    "shapes": lesson(
        mark("The arrays do not fit together: yours are {a} and {b}."),
        mark("Number by number, two arrays need equal shapes; counted from the right, an axis may also be 1, or not "
             "be there, and is then repeated. A bias is as long as its layer is wide."),
        "b = tf.Variable(tf.zeros([10]))\nlogits = tf.matmul(x, W) + b  # (100, 10) + (10,)",
        rf"Incompatible shapes: (?P<a>{SHAPE}) vs\. (?P<b>{SHAPE})",
        rf"as many biases as the last dimension of the input tensor: (?P<b>{SHAPE}) vs\. (?P<a>{SHAPE})",
        rf"Dimensions must be equal, but are .{{0,400}} with input shapes: (?P<a>{SHAPE}), (?P<b>{SHAPE})",
        rf"variable shape (?P<a>{TUPLE}), and the assigned value shape (?P<b>{TUPLE}) are incompatible",
        rf"update variable with shape (?P<a>{SHAPE}) using a Tensor with shape (?P<b>{SHAPE})",
        rf"condition {SHAPE}, then (?P<a>{SHAPE}), and else (?P<b>{SHAPE}) must be broadcastable",
        rf"operands could not be broadcast together with shapes (?P<a>{TUPLE}) (?P<b>{TUPLE})",
        r"cannot be broadcasted to .{1,80}Input shapes are: (?P<a>\[.*?\]) and (?P<b>\[.*?\])",
        rf"Shapes (?P<a>{TUPLE}) and (?P<b>{TUPLE}) are incompatible",
    ),
    "input-shape": lesson(
        mark("The model reads inputs of shape {a}, and was given {b}."),
        mark("The first axis counts rows; the others are the model's. Reshape images of 28×28 to rows of 784."),
        "images = tf.zeros([100, 28, 28])\nrows = tf.reshape(images, [-1, 784])  # (100, 784)",
        rf"Cannot feed value of shape (?P<b>{TUPLE}) for Tensor .*, which has shape (?P<a>{TUPLE})",
        rf"Expected shape (?P<a>{TUPLE}), but input has incompatible shape (?P<b>{TUPLE})",
        r"expected axis -1 of input shape to have value (?P<a>\d+),? but received input with shape "
        r"(?P<b>[\[(][\dNone, ]*[\])])",
        rf"expected shape=(?P<a>{TUPLE}), found shape=(?P<b>{TUPLE})",
        r"Error when checking input: expected \w+ to have shape (?P<a>\([\d, ]*\)) but got array with shape "
        r"(?P<b>\([\d, ]*\))",
    ),
    "reshape": lesson(
        mark("An array of size {a} does not fill a shape of {b}."),
        mark("Reshaping loses and adds no number. One axis may be −1: TensorFlow then works it out."),
        "images = tf.zeros([100, 28, 28])\nrows = tf.reshape(images, [-1, 28 * 28])  # (100, 784)",
        r"Input to reshape is a tensor with (?P<a>\d+) values, but the requested shape (?:has|requires a multiple of) "
        r"(?P<b>\d+)",
        rf"total size of the tensor must be unchanged\. Received: input_shape=(?P<a>{TUPLE}), "
        rf"target_shape=(?P<b>{TUPLE})",
        r"has (?P<a>\d+) elements, but got `shape` \(.*?\) with (?P<b>\d+) elements",
        r"cannot reshape array of size (?P<a>\d+) into shape (?P<b>\([\w,]*\))",
    ),
    "ragged": lesson(
        mark("A list whose rows are not equally long is no array."),
        mark("A row has lost a number, or holds a list where the others have numbers."),
        "rows = [[1.0, 2.0], [3.0]]\nlengths = {len(row) for row in rows}\nprint(lengths)\n"
        "rows = tf.ragged.constant(rows).to_tensor(default_value=0.0)",
        r"Can't convert non-rectangular Python sequence to Tensor|setting an array element with a sequence",
        r"Failed to convert a NumPy array to a Tensor \(Unsupported object type (?:list|numpy\.ndarray)",
        r"all scalar values must have the same nesting depth|RaggedTensor' has no len\(\)",
    ),
    "float64": lesson(
        mark("One array is {a} and the other {b}: TensorFlow mixes no precisions."),
        mark("Dividing integers in NumPy gives float64, but tf.zeros and tf.one_hot give float32. TensorFlow "
             "does not convert implicitly: cast one of the two, best where the data is read."),
        f"x = tf.cast(x, tf.float32)\ny = tf.cast(y, x.dtype)\n{COST}",
        *(pattern.format(FLOAT) for pattern in TYPES),
    ),
    "integers": lesson(
        mark("One array is {a} and the other {b}: TensorFlow does not convert integers to floats implicitly."),
        mark("Pixels and labels are stored as integers. Cast and scale the pixels; make class numbers one-hot."),
        'pixels = np.zeros([100, 784], "uint8")\nx = tf.cast(pixels, tf.float32) / 255\ny = tf.one_hot(labels, 10)',
        *(pattern.format(ANY) for pattern in TYPES),
        r"Could not find device for node: .*(?P<b>MatMul)\[T=DT_(?P<a>\w+)",
    ),
    "label-type": lesson(
        mark("The sparse cross entropy expects class numbers, as int32 or int64, and got {a}."),
        mark("Labels became floats, as in a table. For one-hot labels, use the cross entropy that is not sparse."),
        f"labels = tf.cast(labels, tf.int32)\n{SPARSE}",
        r"Value for attr 'Tlabels' of (?P<a>\w+) is not in the list",
    ),
    "label-range": lesson(
        mark("A label is {a}, and there are classes for [0, {b}) only."),
        mark("Classes count from 0: ten are 0 to 9. Subtract 1 if labels begin at 1; else widen the last layer."),
        "labels = labels - tf.reduce_min(labels)\nclasses = int(tf.reduce_max(labels)) + 1",
        r"Received a label value of (?P<a>-?\d+) which is outside the valid range of \[0, (?P<b>\d+)\)",
    ),
    "none-gradient": lesson(
        mark("A gradient is None: no path of recorded operations leads from that variable to the cost."),
        mark("The tape had not recorded: the cost was computed outside of it, by NumPy, through whole numbers or "
             "argmax, or from a tensor that nobody watched. A tf.Variable is watched by itself."),
        "W = tf.Variable(tf.zeros([784, 10]))\nwith tf.GradientTape() as tape:\n"
        f"    pred = tf.nn.softmax(tf.matmul(x, W))\n    {COST}\ngrad_W = tape.gradient(cost, W)",
        r"unsupported operand type\(s\) for [-+*/]+: (?:'(?!int')\w+' and 'NoneType'|'NoneType' and '(?!int')\w+')",
        r"No gradients provided for any variable|Gradients do not exist for variables",
        r"Argument `fetch` = None has invalid type",
    ),
    "tape-used": lesson(
        mark("A tape computes gradients once, unless it is persistent."),
        mark("It frees its memory after the first call. Compute all gradients in that call."),
        f"with tf.GradientTape() as tape:\n    cost = tf.reduce_mean(tf.square(tf.matmul(x, W) + b))\n{GRADIENTS}",
        r"non-persistent GradientTape can only be used to compute one set",
    ),
    "keras-tensor": lesson(
        mark("A Keras input is no array: TensorFlow's functions do not take it."),
        mark("It describes shape and type while a model is built. Use keras.ops, or a layer that calls the function."),
        "inputs = tf.keras.Input((784,))\noutputs = tf.keras.ops.sum(inputs, axis=1)\n"
        "model = tf.keras.Model(inputs, outputs)\nprint(model(x).shape)",
        r"A KerasTensor cannot be used as input to a TensorFlow function|A KerasTensor is symbolic",
        r"A symbolic KerasTensor cannot be used|Iterating over a symbolic KerasTensor|'KerasTensor' has no len\(\)",
        r"'KerasTensor' object (?:has no attribute 'numpy'|does not support item assignment)",
    ),
    "tensor-assign": lesson(
        mark("A tensor never changes; a variable does."),
        mark("What is trained or assigned to must be a tf.Variable. From a tensor, a new tensor can be computed."),
        "W = tf.Variable(tf.zeros([784, 10]))\nW.assign_sub(0.01 * tf.ones([784, 10]))\nW[0, 0].assign(1.0)",
        r"Tensor' object (?:has no attribute 'assign|does not support item assignment)",
        r"Variable' object does not support item assignment|`variable \+= value` with `tf\.Variable`s is not supported",
    ),
    "retracing": lesson(
        mark("A @tf.function is traced repeatedly ({a} of {b} calls): each trace takes longer than many steps."),
        mark("Each new shape or Python number is a new trace. Pass tensors of one shape; make the function once."),
        "@tf.function(reduce_retracing=True)\ndef double(x):\n    return 2 * x\n\nfor number in range(3):\n"
        "    double(tf.constant(float(number)))",
        r"(?P<a>\d+) out of the last (?P<b>\d+) calls to .* triggered tf\.function retracing",
    ),
    "not-finite": lesson(
        mark("A number is no longer finite: NaN, or infinite."),
        mark("Mostly log(0): softmax rounds a small probability to 0, and 0·log 0 is NaN. Or the rate is too high "
             "and the weights diverged, or the data holds a NaN. The cross entropy of logits rounds nothing to 0."),
        f"logits = tf.matmul(x, W) + b\n{CROSS_ENTROPY}",
        r"Tensor had (?:-?Inf|NaN)|Detected Infinity or NaN in output|Invalid loss, terminating training",
        r"(?:invalid value|overflow|divide by zero) encountered in|\b(?:cost|loss)\b\W{0,4}nan\b",
    ),
    "other-graph": lesson(
        mark("A session was given an operation of another graph, or its graph holds none."),
        mark("Under TensorFlow 2 operations run at once and enter no graph, or they were made before "
             "tf.Graph().as_default(). Without a session there is nothing to mix up."),
        f"{PRED}\nprint(pred.numpy())",
        r"The Session graph is empty|is not an element of this graph|must be from the same graph as",
        r"Tensor\.(?:graph|op|name) is undefined when eager execution is enabled",
    ),
    "not-fed": lesson(
        mark("The placeholder {a} was not fed, and something that was run needs it."),
        mark("feed_dict must name every placeholder that the fetched operation depends on; the keys are the "
             "placeholders themselves. A function takes arguments instead, and Python says which is missing."),
        "def predict(x):\n    return tf.nn.softmax(tf.matmul(x, W) + b)\n\npred = predict(x)",
        r"You must feed a value for placeholder tensor '(?P<a>[^']+)'",
    ),
    "feed": lesson(
        mark("feed_dict takes placeholders as keys and NumPy arrays as values; one of yours is something else."),
        mark("A tensor is not fed: it is part of the graph already, and can be used in the placeholder's stead."),
        "batch_x = x.numpy()\npred = tf.nn.softmax(tf.matmul(batch_x, W) + b)",
        r"The value of a feed cannot be a tf\.Tensor object|Cannot interpret feed_dict key as Tensor",
    ),
    "uninitialized": lesson(
        mark("The variable {a} has no value in this session."),
        mark("In a graph it is only described until its initial value is run. In TensorFlow 2 it has it at once."),
        "W = tf.Variable(tf.zeros([784, 10]))\nprint(tf.reduce_sum(W).numpy())",
        r"Could not find variable (?P<a>\S+?)\. This could mean",
        r"Attempting to use uninitialized value (?P<a>\S+)",
    ),
    "symbolic-bool": lesson(
        mark("Python code needs the value of a graph tensor, for an if, a for or a number, before it has one."),
        mark("An if, a while or a for runs while the graph is made, before any numbers are there. @tf.function "
             "rewrites them as operations; tf.where and tf.cond are those operations."),
        "@tf.function\ndef positive_part(x):\n    return tf.where(x > 0, x, 0.0)\n\nprint(positive_part(x))",
        r"(?:Using a|Iterating over a) (?:symbolic )?`tf\.Tensor` (?:as a Python `bool` )?is not allowed",
        r"'SymbolicTensor' object cannot be interpreted as an integer|number, not 'SymbolicTensor'",
        r"len is not well defined for a symbolic|Tensor objects are only iterable when eager execution is enabled",
    ),
    "symbolic-numpy": lesson(
        mark("A tensor of a graph has no value for NumPy: it will have one when the graph runs."),
        mark("In a @tf.function only TensorFlow's operations are recorded. Take .numpy() of its result, outside."),
        "@tf.function\ndef cost_of(x):\n    return tf.reduce_mean(tf.square(x))\n\nprint(cost_of(x).numpy())",
        r"'(?:Symbolic)?Tensor' object has no attribute 'numpy'",
        r"Cannot convert a symbolic tf\.Tensor \(.*\) to a numpy array",
        r"numpy\(\) is only available when eager execution is enabled",
    ),
    "dimension": lesson(
        mark("The length of an axis is a whole number, or None: it needs no .value."),
        mark("In TensorFlow 1, shapes held Dimension objects, whose value was the number."),
        "columns = x.shape[1]\nprint(columns)",
        r"'(?:int|NoneType)' object has no attribute 'value'",
    ),
    "eval": lesson(
        mark("A tensor is no longer evaluated in a session: .numpy() gives the value that it has."),
        mark("eval ran the part of the graph that led to the tensor. Eagerly, it runs when the tensor is made."),
        "print(tf.reduce_mean(x).numpy())",
        r"(?:eval|This operation) is not supported when eager execution is enabled",
        calls={"().eval": ".numpy()"},
    ),
    "variable-in-function": lesson(
        mark("A @tf.function created a tf.Variable, or an optimizer that creates some, in one of its calls."),
        mark("Its Python code runs once per trace, and all traces must use one variable. Create it once, outside."),
        "W = tf.Variable(tf.zeros([784, 10]))\noptimizer = tf.keras.optimizers.Adam()\noptimizer.build([W])\n\n"
        "@tf.function\ndef step(x):\n    with tf.GradientTape() as tape:\n"
        "        cost = tf.reduce_mean(tf.square(tf.matmul(x, W)))\n"
        "    optimizer.apply_gradients([(tape.gradient(cost, W), W)])\n\nstep(x)",
        r"tf\.function(?: only supports singleton tf\.Variables|-decorated function tried to create variables)",
    ),
    "leaked": lesson(
        mark("A tensor of a @tf.function's graph was kept in a list or a global, and used outside."),
        mark("It is a symbol in the graph, not an array. Return the values that are needed outside."),
        "@tf.function\ndef double(x):\n    return 2 * x\n\nkept = [double(x)]",
        r"is out of scope and cannot be used here",
    ),
    "branches": lesson(
        mark("An if in a @tf.function gives a value in one branch and none in the other."),
        mark("Both branches become part of the graph: both must set the same names, of the same types, or return."),
        "@tf.function\ndef positive_part(x):\n    if tf.reduce_sum(x) > 0:\n        y = x\n    else:\n"
        "        y = tf.zeros_like(x)\n    return y\n\nprint(positive_part(x))",
        r"must also be initialized in the \w+ branch|the \w+ branch must also have a return statement",
        r"true_fn and false_fn arguments to tf\.cond must have the same",
    ),
})  # fmt: skip
