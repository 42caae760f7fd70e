"""Lessons on messages on values, indices, functions and datasets.

The last patterns of a lesson are wordings of earlier versions.
"""

from descenso.text import mark
from descenso.tf1.lesson import lesson, named

DATASET = r"_?(?:Batch|Map|Prefetch|Shuffle|TensorSlice|Range|Repeat|Take|Zip|ParallelMap|Cache|Filter)Dataset(?:V\d)?"

OF_VALUES = named({
    "text": lesson(
        mark("Words stand where numbers are expected."),
        mark("A column of a table holds text, or a number could not be read. Give each word a number, or read the "
             "column as one."),
        'kinds = np.array(["cat", "dog", "cat"])\nnames, numbers = np.unique(kinds, return_inverse=True)\n'
        'heights = np.array(["1.5", "2"]).astype("float32")',
        r"was expected to be an? string tensor|but is an? string tensor|dtype='string' is not a valid dtype",
        r"Invalid dtype: str\d*|Value for attr '\w+' of string is not in the list",
        r"could not convert string to float|invalid literal for int\(\) with base 10",
        r"Cast string to \w+ is not supported",
        r"StringToNumberOp could not correctly convert string|Cannot convert '.{0,80}' to EagerTensor of dtype",
    ),
    "objects": lesson(
        mark("The array holds Python objects, not numbers of one type: its type is object."),
        mark("A table with text or None in it, rows of different lengths, dates, or a dictionary become such an array. "
             "Convert each column to numbers, and fill what is missing."),
        'mixed = np.array([[1, 2.5], [3, None]], dtype=object)\nnumbers = np.array(mixed, dtype="float32")\n'
        "numbers = np.nan_to_num(numbers)",
        r"Invalid dtype: object|Unsupported object type (?!list|numpy\.ndarray)\w+|Unsupported numpy type: NPY_\w+",
        r"Can't convert Python sequence with mixed types to Tensor",
        r"with an unsupported type \(<class '(?!NoneType|[\w.]*sparse|[\w.]*Sparse)[\w.]+'>\) to a Tensor",
    ),
    "none-value": lesson(
        mark("None stands where a number or an array is expected."),
        mark("fit was given no labels, a loss or a function returns nothing, a gradient is None, or the length of an "
             "axis is: in a function it may be unknown, and tf.shape(x)[0] is the one at run time."),
        "rows = tf.shape(x)[0]\nzeros = tf.zeros([rows, 10])",
        r"Attempt to convert a value \(None\) with an unsupported type",
        r"unsupported operand type\(s\) for [-+*/]+: (?:'int' and 'NoneType'|'NoneType' and 'int')",
        r"None values not supported|'NoneType' object has no attribute '(?:numpy|shape|dtype)'",
    ),
    "sparse": lesson(
        mark("A sparse tensor or matrix was given to an operation that reads dense ones, or is not in order."),
        mark("tf.sparse has operations of its own, whose indices must be sorted by rows. If memory allows, make it "
             "dense."),
        "sparse = tf.sparse.from_dense([[1.0, 0.0], [0.0, 2.0]])\n"
        "sparse = tf.sparse.reorder(sparse)\nproduct = tf.sparse.sparse_dense_matmul(sparse, tf.ones([2, 1]))\n"
        "dense = tf.sparse.to_dense(sparse)",
        r"unsupported type \(<class '(?:scipy\.sparse|tensorflow[\w.]*\.SparseTensor)|'SparseTensor' and",
        r"and 'SparseTensor'",
        r"'SparseTensor' object has no attribute|Many sparse ops require sorted indices",
        r"inner dimension does not match: .{1,80}Did you forget a transpose",
    ),
    "whole-number": lesson(
        mark("{a} cannot be converted to {b}, a whole number."),
        mark("Either a tensor of whole numbers meets a fraction, and is cast to float32 first; or a size or a depth "
             "was computed by /, which gives a fraction, and // does not."),
        "half = tf.cast(tf.constant([1, 2]), tf.float32) * 0.5\nsteps = len(labels) // 20",
        r"Cannot convert (?P<a>\[?[-\d., e]+\]?) to EagerTensor of dtype (?P<b>u?int\d+)",
    ),
    "type-of-operation": lesson(
        mark("This operation does not compute with numbers of the type {a}."),
        mark("Roots, softmax, means and layers need floats; one_hot, gather and shapes need whole numbers. Cast "
             "before."),
        "floats = tf.cast(tf.constant([1, 4]), tf.float32)\nroots = tf.sqrt(floats)",
        r"Value for attr '(?!Tlabels)\w+' of (?P<a>(?!string)\w+) is not in the list of allowed values",
        r"must be a floating point tensor .{0,60}x_dtype=<dtype: '(?P<a>\w+)'>",
    ),
    "index": lesson(
        mark("An index lies outside of the array, or there are more indices than axes."),
        mark("Counting begins at 0: of 10, the last is 9. An Embedding's first number, and the classes of "
             "to_categorical, must be the largest number plus 1."),
        "words = np.array([[3, 11]])\nvectors = tf.keras.layers.Embedding(int(words.max()) + 1, 8)(words)",
        r"is not in \[0, \d+\)|slice index -?\d+ of dimension \d+ out of bounds|does not index into (?:param )?shape",
        r"index -?\d+ is out of bounds for axis|Index out of range using input dim|Attempting to slice scalar",
        r"is out of bounds: need 0 <= index|Expected size\[\d+\] in \[",
    ),
    "index-type": lesson(
        mark("A tensor cannot be indexed by this: by whole numbers and slices only."),
        mark("For a list of rows there is tf.gather, for a condition tf.boolean_mask."),
        "rows = tf.gather(x, [0, 5])\nfirst = x[:, 0]",
        r"Only integers, slices .{1,200} are valid indices",
    ),
    "axis": lesson(
        mark("The array has no axis of this number, or another number of axes or length than was said."),
        mark("Axes count from 0, or from −1 backwards: an array of two axes has 0 and 1. squeeze takes away axes of "
             "length 1 alone."),
        "print(x.shape)\nmeans = tf.reduce_mean(x, axis=1)",
        r"Invalid reduction dimension|Expected dimension in the range|Tried to expand dim index",
        r"transpose expects a vector of size|Can not squeeze dim|axis -?\d+ is out of bounds for array of dimension",
        r"Expected multiples argument to be a vector of length|dimension of paddings must be the rank",
        r"Number of ways to split should evenly divide",
    ),
    "tensor-method": lesson(
        mark("A tensor has no {name}: it has fewer methods than NumPy's arrays or PyTorch's tensors."),
        mark("TensorFlow has functions: tf.reshape, tf.cast for astype, tf.transpose for T, tf.reduce_mean, tf.concat "
             "for append. numpy() makes an array, which has the methods."),
        "rows = tf.reshape(x, [-1, 28, 28])\nfloats = tf.cast(x, tf.float64)\nmean = x.numpy().mean()",
        r"(?:EagerTensor|Symbolic(?:Tensor)?|'Tensor|KerasTensor)'? object has no attribute "
        r"'(?P<name>(?!numpy|assign)\w+)'",
    ),
    "one-number": lesson(
        mark("A single number or truth value is needed, and the array has several."),
        mark("An if asks for one answer: use tf.reduce_all or tf.reduce_any; for a choice number by number, tf.where."),
        "if tf.reduce_all(x >= 0):\n    print(float(tf.reduce_mean(x)))\npositive = tf.where(x > 0, x, 0.0)",
        r"truth value of an array with more than one element is ambiguous",
        r"only (?:0-dimensional|size-1|length-1) arrays can be converted",
    ),
    "unhashable": lesson(
        mark("A tensor or variable cannot be the key of a dictionary, nor be in a set."),
        mark("== compares them number by number. ref() gives a key that stands for the object."),
        "rates = {W.ref(): 0.01, b.ref(): 0.1}\nprint(rates[W.ref()])",
        r"(?:Tensor|Variable) is unhashable",
    ),
    "numpy-name": lesson(
        mark("NumPy no longer has np.{name}."),
        mark("np.int, np.float and np.bool were Python's own types, and NumPy 2 removed further names: np.float_ is "
             "np.float64. The code, or a library that is older than NumPy, needs the new name."),
        'whole = np.zeros(3, dtype=int)\nfloats = np.zeros(3, dtype="float64")',
        r"module 'numpy' has no attribute '(?P<name>\w+)'",
        r"`np\.(?P<name>\w+)` was (?:removed in the NumPy 2|a deprecated alias)",
    ),
    "signature": lesson(
        mark("A tf.function or a loaded model was called with other arguments than it was made or saved for."),
        mark("input_signature fixes number, shapes and types; None stands for any length. A function is saved with "
             "the signatures it was called with."),
        "@tf.function(input_signature=[tf.TensorSpec([None, 784], tf.float32)])\ndef predict(rows):\n"
        "    return tf.nn.softmax(tf.matmul(rows, W) + b)\n\npred = predict(x)",
        r"Binding inputs to tf\.function failed|Found zero restored functions",
        r"Python inputs incompatible with input_signature|Could not find matching (?:concrete )?function to call",
    ),
    "tape-values": lesson(
        mark("A tape was asked about something that is no tensor or variable of floats."),
        mark("Gradients are of floats: a cost after numpy() is one no more, a NumPy array is watched only as a tensor, "
             "and whole numbers have no gradient."),
        "point = tf.constant(np.ones(3), tf.float32)\nwith tf.GradientTape() as tape:\n    tape.watch(point)\n"
        "    cost = tf.reduce_sum(point**2)\nprint(tape.gradient(cost, point))",
        r"not tf\.Tensor or tf\.Variable or ExtensionType|object has no attribute '_id'",
        r"The dtype of the (?:watched|source|target) tensor must be floating|Argument `target` should be a list",
    ),
    "tape-inside": lesson(
        mark("A note, no error: gradient was called inside the tape, which then records it, too."),
        mark("That takes time and memory, and is needed for second derivatives only. Call it after the with."),
        "with tf.GradientTape() as tape:\n    cost = tf.reduce_mean(tf.square(tf.matmul(x, W)))\n"
        "grad_W = tape.gradient(cost, W)",
        r"on a persistent tape inside its context is significantly less efficient",
    ),
    "loop-shape": lesson(
        mark("A tensor in a loop of a graph has shape {a} before and {b} after a turn."),
        mark("A loop is one piece of graph: shapes stay. Write into a TensorArray, or name what varies by "
             "shape_invariants."),
        "sums = tf.TensorArray(tf.float32, size=3)\nfor place in range(3):\n"
        "    sums = sums.write(place, tf.reduce_sum(x[place]))\nprint(sums.stack())",
        r"enters the loop with shape (?P<a>\([\w, ]*\)), but has shape (?P<b>\([\w, ]*\)) after one iteration",
    ),
    "autograph": lesson(
        mark("AutoGraph did not rewrite the function: its if, for and while run once, as Python."),
        mark("Its source must be in a file, and not in a lambda or an input line; autograph=False turns it off. "
             "A function without Python conditions on tensors needs no rewriting."),
        "@tf.function\ndef total(numbers):\n    result = 0.0\n    for number in numbers:\n        result += number\n"
        "    return result\n\nprint(total(tf.constant([1.0, 2.0])))",
        r"AutoGraph could not transform|idiom is used within tf\.function with AutoGraph disabled",
        r"only supports Python-style iteration in eager mode",
    ),
    "dataset": lesson(
        mark("A tf.data.Dataset is no array: it has no index, no shape and no numpy()."),
        mark("It gives its rows one by one: in a for, or as arrays by as_numpy_iterator. element_spec has shapes "
             "and types."),
        "data = tf.data.Dataset.from_tensor_slices((x, labels)).batch(20)\nprint(data.element_spec)\n"
        "first_x, first_labels = next(iter(data))",
        rf"'{DATASET}' object (?:is not subscriptable|is not an iterator|is not callable|has no attribute)",
    ),
    "dataset-length": lesson(
        mark("How many rows the dataset has is not known, or it never ends."),
        mark("After filter or from_generator nobody has counted; after repeat there is no end. Say how many steps an "
             "epoch has, or take some."),
        "data = tf.data.Dataset.range(10).filter(lambda number: number > 3)\nprint(sum(1 for number in data))\n"
        "data = data.repeat().take(20)",
        r"The dataset (?:length is unknown|is infinite)|must specify the `steps_per_epoch` argument",
    ),
    "batch-shapes": lesson(
        mark("Rows of one batch do not have the same shape."),
        mark("Pictures are resized to one size, sequences padded to one length."),
        "data = tf.data.Dataset.range(1, 4).map(lambda number: tf.ones([number]))\n"
        "for batch in data.padded_batch(3):\n    print(batch.shape)",
        r"Cannot add tensor to the batch|Cannot batch tensors with different shapes",
        r"pad to a smaller size than the input",
        r"padded shape \S+ is not compatible",
    ),
    "generator": lesson(
        mark("The generator gives something else than output_signature says, or is no function."),
        mark("from_generator takes the function, not its result, and each element must have the shape and the type "
             "that were said."),
        "def pairs():\n    for place in range(3):\n        yield x[place], labels[place]\n\n"
        "spec = tf.TensorSpec([784], tf.float32), tf.TensorSpec([], tf.int64)\n"
        "data = tf.data.Dataset.from_generator(pairs, output_signature=spec)",
        r"`?generator`? yielded an element|`generator` must be a Python callable",
    ),
    "map-result": lesson(
        mark("The function that was given to map or filter returns nothing, or nothing of TensorFlow."),
        mark("map's function returns tensors, filter's one truth value. print returns None."),
        "data = tf.data.Dataset.range(3).map(lambda number: number * 2)\n"
        "data = data.filter(lambda number: number > 0)",
        r"Unsupported return value from function passed to Dataset\.map",
        r"attr 'output_(?:types|shapes)' of 0 must be at least",
        r"`predicate` must return a `tf\.bool` scalar",
    ),
})  # fmt: skip
