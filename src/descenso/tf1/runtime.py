"""Lessons on missing gradients, numbers that are not finite, and tensors of graphs."""

from descenso.text import mark
from descenso.tf1.lesson import COST, CROSS_ENTROPY, GRADIENTS, PRED, Lesson, named

RUNTIME = named({
    "none-gradient": Lesson(
        mark("A gradient is None: no path of recorded operations leads from that variable to the cost."),
        mark("The tape had not recorded: the cost was computed outside of it, by NumPy, through whole numbers or "
             "argmax, or from a tensor that nobody watched. A tf.Variable is watched by itself."),
        "W = tf.Variable(tf.zeros([784, 10]))\nwith tf.GradientTape() as tape:\n"
        "    pred = tf.nn.softmax(tf.matmul(x, W))\n"
        f"    {COST}\ngrad_W = tape.gradient(cost, W)",
        (
            r"unsupported operand type\(s\) for [-+*/]+: (?:'\w+' and 'NoneType'|'NoneType' and '\w+')",
            r"No gradients provided for any variable|Gradients do not exist for variables",
            r"Attempt to convert a value \(None\) with an unsupported type|Argument `fetch` = None has invalid type",
        ),
    ),
    "tape-used": Lesson(
        mark("A tape computes gradients once, unless it is persistent."),
        mark("It frees its memory after the first call. Compute all gradients in that call."),
        f"with tf.GradientTape() as tape:\n    cost = tf.reduce_mean(tf.square(tf.matmul(x, W) + b))\n{GRADIENTS}",
        (r"non-persistent GradientTape can only be used to compute one set",),
    ),
    "tensor-assign": Lesson(
        mark("A tensor never changes; a variable does."),
        mark("A value that is trained or assigned to must be a tf.Variable. From a tensor, a new tensor can be "
             "computed."),
        "W = tf.Variable(tf.zeros([784, 10]))\nW.assign_sub(0.01 * tf.ones([784, 10]))\nW[0, 0].assign(1.0)",
        (r"Tensor' object (?:has no attribute 'assign|does not support item assignment)",),
    ),
    "retracing": Lesson(
        mark("A @tf.function is traced repeatedly ({a} of {b} calls): each trace takes longer than many steps."),
        mark("It is traced for each new shape, and for each new Python number. Pass tensors, of one shape, and make "
             "the function once, outside of the loop."),
        "@tf.function(reduce_retracing=True)\ndef double(x):\n    return 2 * x\n\nfor number in range(3):\n"
        "    double(tf.constant(float(number)))",
        (r"(?P<a>\d+) out of the last (?P<b>\d+) calls to .* triggered tf\.function retracing",),
    ),
    "not-finite": Lesson(
        mark("A number is no longer finite: NaN, or infinite."),
        mark("Mostly log(0): softmax rounds a small probability to 0, and 0·log 0 is NaN. Or the learning rate "
             "is too high and the weights diverged; or the data holds a NaN. Compute the cross entropy from the "
             "logits, where nothing rounds to 0."),
        f"logits = tf.matmul(x, W) + b\n{CROSS_ENTROPY}",
        (
            r"Tensor had (?:-?Inf|NaN)|Detected Infinity or NaN in output|Invalid loss, terminating training",
            r"(?:invalid value|overflow|divide by zero) encountered in",
            r"\b(?:cost|loss)\b\W{0,4}nan\b",
        ),
    ),
    "other-graph": Lesson(
        mark("A session was given an operation of another graph, or its graph holds none."),
        mark("Under TensorFlow 2 operations run at once and enter no graph, or they were made before "
             "tf.Graph().as_default(). Without a session there is nothing to mix up."),
        f"{PRED}\nprint(pred.numpy())",
        (
            r"The Session graph is empty|is not an element of this graph|must be from the same graph as",
            r"Tensor\.(?:graph|op|name) is undefined when eager execution is enabled",
        ),
    ),
    "not-fed": Lesson(
        mark("The placeholder {a} was not fed, and something that was run needs it."),
        mark("feed_dict must name every placeholder that the fetched operation depends on; the keys are the "
             "placeholders themselves. A function takes arguments instead, and Python says which is missing."),
        "def predict(x):\n    return tf.nn.softmax(tf.matmul(x, W) + b)\n\npred = predict(x)",
        (r"You must feed a value for placeholder tensor '(?P<a>[^']+)'",),
    ),
    "feed": Lesson(
        mark("feed_dict takes placeholders as keys and NumPy arrays as values; one of yours is something else."),
        mark("A tensor is not fed: it is part of the graph already, and can be used in the placeholder's stead."),
        "batch_x = x.numpy()\npred = tf.nn.softmax(tf.matmul(batch_x, W) + b)",
        (r"The value of a feed cannot be a tf\.Tensor object", r"Cannot interpret feed_dict key as Tensor"),
    ),
    "uninitialized": Lesson(
        mark("The variable {a} has no value in this session."),
        mark("In a graph a variable is only described until its initial value is run, in the same session. In "
             "TensorFlow 2 it has its value at once."),
        "W = tf.Variable(tf.zeros([784, 10]))\nprint(tf.reduce_sum(W).numpy())",
        (
            r"Could not find variable (?P<a>\S+?)\. This could mean",
            r"Attempting to use uninitialized value (?P<a>\S+)",
        ),
    ),
    "symbolic-bool": Lesson(
        mark("Python code needs the value of a graph tensor, for an if, a while or a for, before it has one."),
        mark("An if, a while or a for runs while the graph is made, before any numbers are there. @tf.function "
             "rewrites them as operations; tf.where and tf.cond are those operations."),
        "@tf.function\ndef positive_part(x):\n    return tf.where(x > 0, x, 0.0)\n\nprint(positive_part(x))",
        (r"(?:Using a|Iterating over a) (?:symbolic )?`tf\.Tensor` (?:as a Python `bool` )?is not allowed",),
    ),
    "symbolic-numpy": Lesson(
        mark("A tensor of a graph has no value for NumPy: it will have one when the graph runs."),
        mark("Within a @tf.function only operations of TensorFlow are recorded. Take .numpy() of what the function "
             "returns, outside of it."),
        "@tf.function\ndef cost_of(x):\n    return tf.reduce_mean(tf.square(x))\n\nprint(cost_of(x).numpy())",
        (
            r"'(?:Symbolic)?Tensor' object has no attribute 'numpy'",
            r"Cannot convert a symbolic tf\.Tensor \(.*\) to a numpy array",
            r"numpy\(\) is only available when eager execution is enabled",
        ),
    ),
    "eval": Lesson(
        mark("A tensor is no longer evaluated in a session: .numpy() gives the value that it has."),
        mark("eval ran the part of the graph that led to the tensor. Eagerly, it has been run when the tensor is "
             "made."),
        "print(tf.reduce_mean(x).numpy())",
        (r"(?:eval|This operation) is not supported when eager execution is enabled",),
        {"().eval": ".numpy()"},
    ),
    "variable-in-function": Lesson(
        mark("A @tf.function created a tf.Variable, or an optimizer that creates some, in one of its calls."),
        mark("Its Python code runs once per trace, and every trace must use the same variable. Create it once, "
             "outside."),
        "W = tf.Variable(tf.zeros([784, 10]))\noptimizer = tf.keras.optimizers.Adam()\noptimizer.build([W])\n\n"
        "@tf.function\ndef step(x):\n    with tf.GradientTape() as tape:\n"
        "        cost = tf.reduce_mean(tf.square(tf.matmul(x, W)))\n"
        "    optimizer.apply_gradients([(tape.gradient(cost, W), W)])\n\nstep(x)",
        (r"tf\.function(?: only supports singleton tf\.Variables|-decorated function tried to create variables)",),
    ),
    "leaked": Lesson(
        mark("A tensor of a @tf.function's graph was kept in a list or a global, and used outside."),
        mark("It is a symbol in the graph, not an array. Return from the function the values that are needed "
             "outside."),
        "@tf.function\ndef double(x):\n    return 2 * x\n\nkept = [double(x)]",
        (r"is out of scope and cannot be used here",),
    ),
    "branches": Lesson(
        mark("An if in a @tf.function gives a value in one branch and none in the other."),
        mark("Both branches become part of the graph, so both must set the same names, to the same types, or both "
             "return."),
        "@tf.function\ndef positive_part(x):\n    if tf.reduce_sum(x) > 0:\n        y = x\n    else:\n"
        "        y = tf.zeros_like(x)\n    return y\n\nprint(positive_part(x))",
        (r"must also be initialized in the \w+ branch", r"the \w+ branch must also have a return statement"),
    ),
    "keras-tensor": Lesson(
        mark("A Keras input is no array: TensorFlow's functions do not take it."),
        mark("It describes a shape and a type while a model is built. Use keras.ops, or a layer that calls the "
             "function."),
        "inputs = tf.keras.Input((784,))\noutputs = tf.keras.ops.sum(inputs, axis=1)\n"
        "model = tf.keras.Model(inputs, outputs)\nprint(model(x).shape)",
        (r"A KerasTensor cannot be used as input to a TensorFlow function",),
    ),
})  # fmt: skip
