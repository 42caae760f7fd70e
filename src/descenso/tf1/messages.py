"""Lessons on arrays whose shapes or types do not match; special cases come first.

The patterns, like those of `runtime` and `calls`, are for the messages of TensorFlow 2.21. Where a later version words
one otherwise, its wording is added and the old one stays.
"""

from descenso.text import mark
from descenso.tf1.lesson import COST, CROSS_ENTROPY, SPARSE, Lesson, named

SHAPE = r"\[[\d,?]*\]"
TUPLE = r"\([\dNone, ]*\)"
FLOAT = r"(?:b?float\d*|double|half)"
ANY = r"\w+"
SAME = r"`x` and `y` must have the same dtype, got (?:tf\.)?(?P<a>{0}) != (?:tf\.)?(?P<b>{0})"
TYPES = (
    r"was expected to be an? (?P<a>{0}) tensor but is an? (?P<b>{0}) tensor",
    r"has type (?P<b>{0}) that does not match type (?P<a>{0}) of argument",
    r"Tensor conversion requested dtype (?P<a>{0}) for Tensor with dtype (?P<b>{0})",
    SAME,
)

MESSAGES = named({
    "one-hot": Lesson(
        mark("Labels of shape {a} for predictions of shape {b}: they are class numbers, but one-hot labels are "
             "expected."),
        mark("The sum −Σ y·log(pred) runs over the classes, so that y needs a column for each, 1 at the row's class. "
             "Class numbers have none."),
        f"y = tf.one_hot(labels, 10)\n{COST}",
        (
            r"Incompatible shapes: (?P<a>\[(?P<n>\d+)\]) vs\. (?P<b>\[(?P=n),\d+\])",
            r"Incompatible shapes: (?P<b>\[(?P<n>\d+),\d+\]) vs\. (?P<a>\[(?P=n)\])",
            r"(?:Mul|Sub|AddV2)\[.{0,400} with input shapes: (?P<a>\[(?P<n>\d+)\]), (?P<b>\[(?P=n),\d+\])",
            r"must have the same (?:shape|rank)[^.]*\. Received: target\.shape=(?P<a>\((?P<n>\w+),(?: 1)?\)), "
            r"output\.shape=(?P<b>\((?P=n), \d+\))",
            r"must be broadcastable: logits_size=(?P<b>\[(?P<n>\d+),\d+\]) labels_size=(?P<a>\[1,(?P=n)\])",
        ),
    ),
    "not-one-hot": Lesson(
        mark("Labels of shape {a} for predictions of shape {b}: they are one-hot, but class numbers are "
             "expected."),
        mark("The sparse cross entropy takes one whole number a row. Rows of 0 and 1 go to the one that is not "
             "sparse."),
        f"labels = tf.argmax(y, axis=1)\n{SPARSE}",
        (
            r"`labels\.shape\.rank` must equal `logits\.shape\.rank - 1`\. Received: labels\.shape=(?P<a>\([\d, ]+\)) "
            r"of rank \d+ and logits\.shape=(?P<b>\([\d, ]+\))",
            rf"must have rank \(ndim\) `target\.ndim - 1`\. Received: target\.shape=(?P<a>{TUPLE}), "
            rf"output\.shape=(?P<b>{TUPLE})",
        ),
    ),
    "labels": Lesson(
        mark("descenso reads class numbers, one whole number a row; these labels are {a}."),
        mark("It takes the cost of the class itself, so that no rows of 0 and 1 are needed, and no type has to agree "
             "with that of the inputs."),
        "labels = np.argmax(y, axis=1)  # (rows, classes) to (rows,)\nlabels = labels.astype('int32')",
        (
            r"(?:labels of|etiquetas de) (?:shape|type|forma|tipo) (?P<a>[\w×]+) (?:beside|junto a)",
            r"(?:labels of shape|etiquetas de forma) (?P<a>\([\d, ]*\) (?:and|y) \w+); (?:each row needs|cada fila)",
        ),
    ),
    "classes": Lesson(
        mark("Labels and predictions do not have the same classes: labels are {a}, predictions {b}."),
        mark("Both need a column for each class; one_hot's depth and the last layer's width are that number."),
        "classes = 10\ny = tf.one_hot(labels, classes)\nW = tf.Variable(tf.zeros([784, classes]))\n"
        f"logits = tf.matmul(x, W)\n{CROSS_ENTROPY}",
        (
            rf"logits and labels must be broadcastable: logits_size=(?P<b>{SHAPE}) labels_size=(?P<a>{SHAPE})",
            rf"must have the same (?:shape|rank)[^.]*\. Received: target\.shape=(?P<a>{TUPLE}), "
            rf"output\.shape=(?P<b>{TUPLE})",
        ),
    ),
    "matmul": Lesson(
        mark("The product of {a} and {b} does not exist: the last number of the first must be the first of the "
             "second."),
        mark("Either their order is wrong, or one must be transposed, or images were not reshaped to rows: "
             "[100,28,28] becomes [100,784]."),
        "rows = tf.reshape(x, [-1, 784])  # (rows, 784)\nlogits = tf.matmul(rows, W) + b  # (rows, 784) by (784, 10)",
        (
            rf"Matrix size-incompatible: In\[0\]: (?P<a>{SHAPE}), In\[1\]: (?P<b>{SHAPE})",
            rf"= (?:Batch)?MatMul\w*\[.{{0,400}} with input shapes: (?P<a>{SHAPE}), (?P<b>{SHAPE})",
        ),
    ),
    "rank": Lesson(
        mark("A product of matrices was given something that is no matrix: it has fewer than two axes."),
        mark("One row of 784 numbers is a vector. As a batch of one it is a matrix of one row."),
        "row = x[0]  # (784,)\nlogits = tf.matmul(tf.reshape(row, [1, 784]), W) + b  # (1, 10)",
        (r"In\[\d\] ndims must be >= 2", r"In\[0\] and In\[1\] has different ndims"),  # with oneDNN, and without
    ),
    "shapes": Lesson(
        mark("The arrays do not fit together: yours are {a} and {b}."),
        mark("Number by number, two arrays need equal shapes; counted from the right, an axis may also be 1, or not "
             "be there, and is then repeated. A bias is as long as its layer is wide."),
        "b = tf.Variable(tf.zeros([10]))\nlogits = tf.matmul(x, W) + b  # (100, 10) + (10,)",
        (
            rf"Incompatible shapes: (?P<a>{SHAPE}) vs\. (?P<b>{SHAPE})",
            rf"as many biases as the last dimension of the input tensor: (?P<b>{SHAPE}) vs\. (?P<a>{SHAPE})",
            rf"Dimensions must be equal, but are .{{0,400}} with input shapes: (?P<a>{SHAPE}), (?P<b>{SHAPE})",
            rf"variable shape (?P<a>{TUPLE}), and the assigned value shape (?P<b>{TUPLE}) are incompatible",
        ),
    ),
    "input-shape": Lesson(
        mark("The model reads inputs of shape {a}, and was given {b}."),
        mark("The first axis counts rows and may be any; the others are the model's. Images of 28×28 are rows of 784 "
             "once they are reshaped."),
        "images = tf.zeros([100, 28, 28])\nrows = tf.reshape(images, [-1, 784])  # (100, 784)",
        (
            rf"Cannot feed value of shape (?P<b>{TUPLE}) for Tensor .*, which has shape (?P<a>{TUPLE})",
            rf"Expected shape (?P<a>{TUPLE}), but input has incompatible shape (?P<b>{TUPLE})",
            rf"expected axis -1 of input shape to have value (?P<a>\d+), but received input with shape (?P<b>{TUPLE})",
        ),
    ),
    "reshape": Lesson(
        mark("An array of {a} numbers cannot be brought to a shape of {b}."),
        mark("Reshaping loses and adds no number. One axis may be −1: TensorFlow then works it out."),
        "images = tf.zeros([100, 28, 28])\nrows = tf.reshape(images, [-1, 28 * 28])  # (100, 784)",
        (r"Input to reshape is a tensor with (?P<a>\d+) values, but the requested shape has (?P<b>\d+)",),
    ),
    "ragged": Lesson(
        mark("A list whose rows are not equally long is no array."),
        mark("A row has lost a number, or holds a list where the others have numbers."),
        "rows = [[1.0, 2.0], [3.0]]\nlengths = {len(row) for row in rows}\nprint(lengths)\n"
        "rows = tf.ragged.constant(rows).to_tensor(default_value=0.0)",
        (
            r"Can't convert non-rectangular Python sequence to Tensor|setting an array element with a sequence",
            r"Failed to convert a NumPy array to a Tensor \(Unsupported object type list",
        ),
    ),
    "float64": Lesson(
        mark("One array is {a} and the other {b}: TensorFlow mixes no precisions."),
        mark("Dividing integers in NumPy gives float64, but tf.zeros and tf.one_hot give float32. TensorFlow "
             "does not convert implicitly: cast one of the two, best where the data is read."),
        f"x = tf.cast(x, tf.float32)\ny = tf.cast(y, x.dtype)\n{COST}",
        tuple(pattern.format(FLOAT) for pattern in TYPES),
    ),
    "integers": Lesson(
        mark("One array is {a} and the other {b}: TensorFlow does not convert integers to floats implicitly."),
        mark("Pixels and labels are stored as integers. Cast and scale the pixels; make class numbers one-hot."),
        'pixels = np.zeros([100, 784], "uint8")\nx = tf.cast(pixels, tf.float32) / 255\ny = tf.one_hot(labels, 10)',
        (
            *(pattern.format(ANY) for pattern in TYPES),
            r"Cannot convert (?P<b>[-\d.e]+) to EagerTensor of dtype (?P<a>\w+)",
            r"Could not find device for node: .*(?P<b>MatMul)\[T=DT_(?P<a>\w+)",
        ),
    ),
    "label-type": Lesson(
        mark("The sparse cross entropy expects class numbers, as int32 or int64, and got {a}."),
        mark("Labels were converted to floats, as in a table or by dividing all columns; for one-hot labels, use"
             " the cross entropy that is not sparse."),
        f"labels = tf.cast(labels, tf.int32)\n{SPARSE}",
        (r"Value for attr 'Tlabels' of (?P<a>\w+) is not in the list",),
    ),
    "label-range": Lesson(
        mark("A label is {a}, and there are classes for [0, {b}) only."),
        mark("Classes are counted from 0: ten classes are 0 to 9. Subtract 1 from labels that begin at 1; else "
             "the last layer has too few units."),
        "labels = labels - tf.reduce_min(labels)\nclasses = int(tf.reduce_max(labels)) + 1",
        (r"Received a label value of (?P<a>-?\d+) which is outside the valid range of \[0, (?P<b>\d+)\)",),
    ),
})  # fmt: skip
