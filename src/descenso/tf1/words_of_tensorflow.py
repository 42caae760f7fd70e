"""Words of TensorFlow, of both versions, as `tf1/words.py` has those of training."""

from descenso.text import mark
from descenso.tf1.lesson import Word

OF_TENSORFLOW = (
    Word(
        mark("tensor"), ("tensores", "tensors", "array", "arrays", "matrix", "matriz", "matrices", "vector", "ndarray"),
        mark("Numbers with a shape and a type, as NumPy's arrays; a matrix is one with two axes. In TensorFlow they "
             "are called tensors, and cannot be changed in place. numpy() makes an array of a tensor."),
        "",
        "print(tf.constant([[1.0, 2.0], [3.0, 4.0]]).numpy())",
        "",
    ),
    Word(
        mark("shape"), ("forma", "formas", "shapes", "axis", "eje", "ejes", "axes", "dimension", "dimensión", "reshape",
                        "reduction_indices", "flatten", "aplanar"),
        mark("The lengths of an array along its axes: 100 images of 28 × 28 pixels have the shape (100, 28, 28), and "
             "(100, 784) when each is flattened. axis names the one that an operation goes along; TensorFlow 1 called "
             "it reduction_indices."),
        "",
        "print(np.zeros((100, 28, 28)).reshape(100, 784).shape)",
        'descenso explain "Incompatible shapes: [100] vs. [100,10]"',
    ),
    Word(
        mark("variable"), ("variables", "tf.Variable", "global_variables_initializer", "initializer", "inicializador",
                           "inicializar", "initial weights", "pesos iniciales"),
        mark("A tensor that can be changed, such as the weights. In TensorFlow 1 a session had to run its initializer "
             "first; in TensorFlow 2 it has its value at once."),
        "W ← W − η · ∂C/∂W",
        "weights = tf.Variable(W)\nweights.assign_sub(0.01 * tf.ones_like(W))\nprint(weights.shape)",
        "",
    ),
    Word(
        mark("placeholder"), ("marcador de posición", "placeholders", "feed_dict", "feed"),
        mark("In TensorFlow 1, a name in a graph for rows that come later; feed_dict gives it a value whenever the "
             "session runs. In TensorFlow 2 there are none: rows are the arguments of a function."),
        "",
        "def cost(x, y):  # x and y were placeholders\n"
        "    p = tf.nn.softmax(tf.matmul(x, W) + b)\n"
        "    return -tf.reduce_mean(tf.reduce_sum(y * tf.math.log(p), axis=1))\n\nprint(cost(x, y).numpy())",
        "descenso explain tf.placeholder",
    ),
    Word(
        mark("session"), ("sesión", "sesiones", "sessions", "sess", "sess.run"),
        mark("In TensorFlow 1, what ran a graph: sess.run(what, feed_dict). In TensorFlow 2 operations run when they "
             "are called, and print(tensor) shows the numbers."),
        "",
        "print(tf.reduce_sum(W).numpy())  # was sess.run(tf.reduce_sum(W))",
        "descenso explain tf.Session",
    ),
    Word(
        mark("matrix product"), ("producto de matrices", "producto matricial", "matmul", "tf.matmul",
                                 "matrix multiplication", "multiplicación de matrices"),
        mark("Each row of the first matrix times each column of the second one, added up. 100 rows of 784 pixels times "
             "784 × 10 weights are 100 rows of 10 logits. The inner lengths must agree."),
        "(n × d) (d × k) = n × k",
        "print(tf.matmul(x, W).shape)",
        "",
    ),
    Word(
        mark("mean"), ("media", "reduce_mean", "tf.reduce_mean", "reduce_sum", "tf.reduce_sum", "sum", "suma"),
        mark("reduce_sum adds up the numbers of a tensor, reduce_mean takes their mean: of all, or along an axis, "
             "which is then gone. The cost of a batch is a sum over the classes and a mean over the rows."),
        "C = (1/n) Σ_i c_i",
        "print(tf.reduce_mean([1.0, 2.0, 6.0]).numpy())",
        "",
    ),
    Word(
        mark("argmax"), ("tf.argmax", "prediction", "predicción", "predict", "predecir", "tf.equal"),
        mark("The place of the largest number along an axis. Of the probabilities of a row it is the predicted class."),
        "k = argmax_j p_j",
        "print(tf.argmax([[0.1, 0.7, 0.2]], axis=1).numpy())",
        "descenso predict runs/mnist-softmax-001 examples/digit.png",
    ),
    Word(
        mark("engine"), ("motor", "motores", "engines"),
        mark("A way of having TensorFlow take the steps: graph as TensorFlow 1 did, eager as Python reaches them, "
             "function with one traced step, compiled with a whole epoch as one program. All compute the same "
             "numbers."),
        "",
        "step = tf.function(lambda: tf.reduce_sum(tf.matmul(x, W)))\nprint(step().numpy())",
        "descenso compare --epochs 1",
    ),
    Word(
        mark("worker"), ("trabajador", "trabajadores", "workers", "chief", "jefe"),
        mark("One of the processes that train a run together: each takes its part of every batch, and the gradients of "
             "all parts are added up. The first one, the chief, writes the run."),
        "g = Σ_k g_k,  g_k = Σ_{i in part k} ∇C_i / n",
        "print(tf.distribute.get_strategy().num_replicas_in_sync)",
        "descenso launch --workers 2 -- train --epochs 1",
    ),
    Word(
        mark("all-reduce"), ("reducción", "reducciones", "all_reduce", "allreduce"),
        mark("An operation by which all workers add up arrays, and each gets the sum: once a step, of the gradient."),
        "each worker: Σ_k g_k",
        "print(tf.add_n([tf.ones(3), tf.ones(3)]).numpy())",
        "descenso launch --workers 2 -- train --epochs 1",
    ),
)  # fmt: skip
