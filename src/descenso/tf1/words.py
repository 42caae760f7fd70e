"""Words of the lesson: what each means, its equation, and lines that show it."""

from descenso.text import mark
from descenso.tf1.lesson import Word
from descenso.tf1.words_of_results import OF_DATA, OF_MODELS, OF_RUNS
from descenso.tf1.words_of_tensorflow import OF_TENSORFLOW

LOGITS = "z = np.array([2.0, 1.0, 0.1])\n"

WORDS = (
    Word(
        mark("gradient descent"), ("descenso de gradiente", "descent", "descenso", "sgd"),
        mark("A way to find a low cost: compute the gradient, take a step against it, and repeat. With a batch of the "
             "rows in each step, in place of all of them, it is called stochastic."),
        "W ← W − η · ∂C/∂W",
        "for step in range(3):\n    with tf.GradientTape() as tape:\n        tape.watch(W)\n"
        "        p = tf.nn.softmax(tf.matmul(x, W) + b)\n"
        "        cost = -tf.reduce_mean(tf.reduce_sum(y * tf.math.log(p), axis=1))\n"
        "    W = W - 0.01 * tape.gradient(cost, W)\n    print(cost.numpy())",
        "descenso train --epochs 3",
    ),
    Word(
        mark("gradient"), ("gradiente", "gradientes", "derivative", "derivada"),
        mark("The derivatives of the cost with respect to every weight: how much the cost grows when that weight grows "
             "a little. It points to where the cost grows fastest, so a step goes the other way. Of softmax and "
             "cross-entropy, it is the error of each class times the input."),
        "∂C/∂W = xᵀ (softmax(xW + b) − y) / n,   ∂C/∂b = Σ_i (softmax(x_i W + b) − y_i) / n",
        "p = tf.nn.softmax(tf.matmul(x, W) + b)\n"
        "print((tf.matmul(x, p - y, transpose_a=True) / len(x)).shape)  # (784, 10)",
        "descenso gradcheck",
    ),
    Word(
        mark("backpropagation"), ("retropropagación", "propagación hacia atrás", "backprop", "chain rule",
                                  "regla de la cadena"),
        mark("The chain rule, applied from the cost back to the weights, layer by layer. Each layer gets the gradient "
             "of what it returned, and gives that of its weights and of what it was given. GradientTape and "
             "tf.gradients do this for any operations."),
        "∂C/∂h = ∂C/∂z · W₂ᵀ,   ∂C/∂W₁ = xᵀ (∂C/∂h · h′)",
        "with tf.GradientTape() as tape:\n    tape.watch(x)\n    cost = tf.reduce_sum(tf.square(tf.nn.relu(x)))\n"
        "print(tape.gradient(cost, x).shape)",
        "descenso gradcheck --model mlp",
    ),
    Word(
        mark("GradientTape"), ("tf.GradientTape", "tape", "cinta", "cinta de gradientes"),
        mark("A record of the operations that run inside `with tf.GradientTape()`, from which TensorFlow computes "
             "gradients afterwards. It watches every tf.Variable by itself, and a tensor only after tape.watch. What "
             "runs outside of it, or in NumPy, is not recorded, and its gradient is None."),
        "",
        "with tf.GradientTape() as tape:\n    tape.watch(W)\n    cost = tf.reduce_sum(W * W)\n"
        "print(tape.gradient(cost, W))  # 2 W",
        "descenso explain none-gradient",
    ),
    Word(
        mark("weights"), ("pesos", "weight", "peso", "parameters", "parámetros", "bias", "biases", "sesgo", "sesgos"),
        mark("The numbers that training changes. Softmax regression has W, one weight for each pixel and class, and b, "
             "one bias for each class, which does not depend on the input."),
        "z = xW + b,   W: 784 × 10,   b: 10",
        "print(W.shape, b.shape)",
        "descenso plot runs/*",
    ),
    Word(
        mark("logits"), ("logit", "scores", "puntuaciones"),
        mark("What the last layer computes, before softmax: one number a class, of any size and sign. Only their "
             "differences count. Losses that take logits (from_logits=True) are exact where probabilities round to 0."),
        "z = xW + b",
        "print((tf.matmul(x, W) + b).shape)  # (100, 10)",
        "",
    ),
    Word(
        mark("softmax"), ("tf.nn.softmax", "función softmax", "softmax regression", "regresión softmax"),
        mark("Turns logits into probabilities: all positive, with a sum of 1, the largest for the largest logit. "
             "Subtracting the largest logit first changes nothing, and keeps the powers from overflowing. Softmax "
             "regression is a model of one layer that ends in it."),
        "p_k = exp(z_k) / Σ_j exp(z_j)",
        LOGITS + "p = np.exp(z - z.max())\nprint(p / p.sum())",
        "descenso train --model softmax",
    ),
    Word(
        mark("cross-entropy"), ("entropía cruzada", "crossentropy", "cross entropy", "entropía"),
        mark("The cost of a classifier: minus the logarithm of the probability that it gives to the right class. 0 for "
             "sure and right; ln C for C equal probabilities (2.302585 for ten); without bound for sure and wrong. "
             "Computed from logits, it never takes the logarithm of 0."),
        "C = −(1/n) Σ_i Σ_k y_ik log p_ik,   log p_k = z_k − log Σ_j exp(z_j)",
        LOGITS + "log_p = z - z.max() - np.log(np.exp(z - z.max()).sum())\nprint(-log_p[0])",
        "descenso train --loss naive --learning-rate 50",
    ),
    Word(
        mark("cost"), ("coste", "costo", "nat", "nats", "loss", "pérdida", "pérdidas", "función de pérdidas",
                       "función de coste"),
        mark("The number that training makes small; also called loss. Here it is the mean cross-entropy of the rows of "
             "a batch, in nats; the cost of an epoch is the mean over its steps, each before its update."),
        "C = (1/n) Σ_i c_i",
        "p = tf.nn.softmax(tf.matmul(x, W) + b)\n"
        "print(-tf.reduce_mean(tf.reduce_sum(y * tf.math.log(p), axis=1)).numpy())",
        "descenso plot runs/*",
    ),
    Word(
        mark("NaN"), ("not a number", "nan", "inf", "infinite", "infinito", "nans"),
        mark("Not a number: the result of 0/0, ∞ − ∞ or 0·∞, and of every sum it is part of. In training it mostly "
             "comes from log(0), where softmax rounded a probability to 0, or from a learning rate so high that the "
             "weights overflow. From then on all weights are NaN."),
        "0 · log 0 = 0 · (−∞) = NaN",
        "p = tf.nn.softmax([[0.0, -200.0]])\nprint(p * tf.math.log(p))  # [0, nan]",
        "descenso explain not-finite",
    ),
    Word(
        mark("learning rate"), ("tasa de aprendizaje", "ritmo de aprendizaje", "lr", "rate", "tasa", "eta"),
        mark("How far a step goes along the gradient. Too low, and training takes forever; too high, and the cost "
             "swings, grows, or becomes NaN. A schedule changes it as training goes."),
        "W ← W − η · ∂C/∂W",
        "for rate in (0.1, 0.9, 1.1):\n    w = 1.0\n"
        "    for step in range(10):\n        w = w - rate * 2 * w\n    print(rate, w)",
        "descenso compare --learning-rates 0.01,0.1,1",
    ),
    Word(
        mark("schedule"), ("planificación", "planificación de la tasa de aprendizaje", "programa",
                            "learning rate schedule", "schedules", "planificaciones"),
        mark("A rule by which the learning rate changes with the steps: constant, falling, or rising first and falling "
             "then. In descenso it is a share of the learning rate, a function of the step alone."),
        "η_t = η · (1 + cos(π t / T)) / 2",
        "t = np.linspace(0, 1, 5)\nprint(0.1 * (1 + np.cos(np.pi * t)) / 2)",
        "descenso schedules",
    ),
    Word(
        mark("rule"), ("regla", "regla de actualización", "update rule", "optimizer", "optimizador",
                        "momentum", "momento", "adam", "rules", "reglas", "sgd with momentum"),
        mark("What makes new weights of old ones and a gradient; Keras calls it an optimizer. Plain gradient descent "
             "(sgd) subtracts a share of the gradient; momentum and Adam also use the gradients before."),
        "v ← μ v + ∂C/∂W,   W ← W − η v",
        "v, W_new = np.zeros(3), np.ones(3)\nfor gradient in (1.0, 1.0, 1.0):\n    v = 0.9 * v + gradient\n"
        "    W_new = W_new - 0.01 * v\nprint(W_new)",
        "descenso rules",
    ),
    Word(
        mark("batch"), ("lote", "lotes", "minibatch", "mini-batch", "minilote", "batch size", "tamaño de lote",
                       "iterator", "iterador", "data loader", "dataloader"),
        mark("The rows of one step, 100 by default. The gradient is their mean. A larger batch gives a less noisy "
             "gradient and fewer steps an epoch, and makes better use of the processor. An iterator, also called a "
             "data loader, gives one batch after another."),
        mark("steps in an epoch = rows / batch size: 60000 / 100 = 600"),
        "for first in range(0, len(x), 50):\n    print(x[first : first + 50].shape)",
        "descenso compare --batch-sizes 10,100,1000 --epochs 1",
    ),
    Word(
        mark("step"), ("paso", "pasos", "steps", "iteration", "iteración", "update", "actualización"),
        mark("One update of the weights, from the gradient of one batch. It is not an epoch: an epoch has as many "
             "steps as there are batches."),
        "W ← W − η · ∂C/∂W",
        "gradient = tf.ones_like(W)\nW = W - 0.01 * gradient\nprint(W.shape)",
        "descenso train --epochs 1",
    ),
    Word(
        mark("epoch"), ("época", "épocas", "epochs"),
        mark("One pass over all training rows, in steps of a batch each; the rows are shuffled anew for each. MNIST's "
             "60,000 rows in batches of 100 are 600 steps."),
        mark("rows = steps × batch size: 60000 = 600 × 100"),
        "order = np.random.default_rng(0).permutation(len(x))\nprint(len(order) // 100, order[:5])",
        "descenso train --epochs 5",
    ),
    Word(
        mark("shuffling"), ("barajar", "shuffle", "to shuffle", "barajado", "permutation", "permutación", "order",
                              "orden"),
        mark("Drawing the order of the rows anew for each epoch. Sorted rows would give batches of one class, and "
             "weights that go to and fro. A shuffle buffer smaller than the data mixes only rows that lie near."),
        "",
        "print(np.random.default_rng(0).permutation(10))",
        "descenso train --order buffer:10000 --epochs 3",
    ),
    Word(
        mark("seed"), ("semilla", "seeds", "semillas", "random seed", "random_state"),
        mark("The number from which random numbers are computed: the same seed, the same order of rows and the same "
             "initial weights. Results that are compared should differ in one thing, not in the seed, too."),
        "",
        "for repeat in range(2):\n    print(np.random.default_rng(0).integers(10, size=3))",
        "descenso train --seed 1 --epochs 3",
    ),
    Word(
        mark("one-hot"), ("tf.one_hot", "onehot", "codificación one-hot", "one-hot encoding"),
        mark("A class number written as a row of zeros with a 1 at its place, so that it can be multiplied with "
             "probabilities class by class. Losses called sparse, and descenso, read class numbers themselves."),
        "3 → 0 0 0 1 0 0 0 0 0 0",
        "print(tf.one_hot([3, 0], depth=10))",
        'descenso explain "Incompatible shapes: [100] vs. [100,10]"',
    ),
    Word(
        mark("dtype"), ("tipo", "tipos", "tipo de dato", "tipo de datos", "type", "float32", "float64", "double",
                        "bfloat16", "tf.cast", "float", "número de coma flotante", "numerical precision",
                        "precisión numérica"),
        mark("The type of an array's numbers. float32 has about 7 correct digits and is usual for training; float64 "
             "has 16; uint8 holds whole numbers from 0 to 255. TensorFlow never converts one into another by itself: "
             "tf.cast does."),
        "",
        "print(tf.cast(tf.constant([0, 255], tf.uint8), tf.float32) / 255)",
        "descenso compare --engines compiled,graph --dtype float64 --epochs 1",
    ),
    Word(
        mark("scaling"), ("escalado", "normalización", "normalization", "normalizar", "normalize", "escalar",
                          "standardization", "estandarización"),
        mark("Bringing inputs to a common range before training: pixels to [0, 1], columns of a table to mean 0 and "
             "standard deviation 1. Without it, large inputs make large gradients, and no learning rate fits all."),
        "x ← x / 255,   x ← (x − μ) / σ",
        "pixels = np.array([0, 128, 255], np.uint8)\nprint(pixels / 255)",
        "descenso data mnist",
    ),
    Word(
        mark("accuracy"), ("exactitud", "acierto", "aciertos", "tasa de aciertos"),
        mark("The share of the rows whose largest probability is at the right class, over all classes. Spanish texts "
             "often say precisión for it; precision is something else, a number of one class."),
        mark("accuracy = right rows / rows"),
        "predicted = tf.argmax(tf.matmul(x, W) + b, axis=1)\n"
        "print(tf.reduce_mean(tf.cast(predicted == tf.argmax(y, axis=1), tf.float32)).numpy())",
        "descenso evaluate runs/mnist-softmax-001",
    ),
    Word(
        mark("precision"), ("precisión", "valor predictivo positivo"),
        mark("The precision of a class is the share of the rows predicted as this class that belong to it. Recall is "
             "its counterpart. The share of right predictions over all classes is the accuracy, which some Spanish "
             "texts call precisión."),
        mark("precision = true positives / (true positives + false positives)"),
        "called, are = np.array([1, 1, 1, 0], bool), np.array([1, 1, 0, 1], bool)\nprint(np.mean(are[called]))",
        "descenso evaluate runs/mnist-softmax-001",
    ),
    Word(
        mark("recall"), ("exhaustividad", "sensibilidad", "sensitivity", "cobertura"),
        mark("The recall of a class is the share of its rows that were predicted as this class. A model that predicts "
             "5 for every row has a recall of 1 for the 5, and a poor precision."),
        mark("recall = true positives / (true positives + false negatives)"),
        "called, are = np.array([1, 1, 1, 0], bool), np.array([1, 1, 0, 1], bool)\nprint(np.mean(called[are]))",
        "descenso evaluate runs/mnist-softmax-001",
    ),
    Word(
        mark("overfitting"), ("sobreajuste", "overfit", "sobreajustado", "validation", "validación"),
        mark("Learning the training rows by heart: their cost falls, and that of other rows grows. It is seen on rows "
             "held out for validation. More data, fewer weights, dropout, weight decay, or an earlier stop help."),
        "",
        "train, validation = [0.9, 0.4, 0.1], [0.9, 0.6, 0.8]\nprint(int(np.argmin(validation)))",
        "descenso train --model mlp --validation-size 5000 --patience 3",
    ),
    Word(
        mark("eager"), ("modo inmediato", "ejecución inmediata", "eager execution", "eager mode", "inmediato"),
        mark("TensorFlow 2's default: each operation runs when Python calls it. Easy to follow and to print, and slow "
             "where operations are small, since each call costs some 10 to 20 µs whatever it computes."),
        "",
        "print(tf.reduce_sum(tf.matmul(x, W) + b).numpy())",
        "descenso compare --explain",
    ),
    Word(
        mark("graph"), ("grafo", "grafos", "graphs", "tf.function", "function", "función", "trace", "tracing", "traza",
                        "trazar"),
        mark("A description of operations that TensorFlow runs as a whole, many at one call of Python. TensorFlow 1 "
             "made it by hand, with placeholders and a session; @tf.function makes it by running (tracing) the Python "
             "code once for each new shape or type of its arguments."),
        "",
        "@tf.function\ndef predict(x):\n    return tf.nn.softmax(tf.matmul(x, W) + b)\n\nprint(predict(x).shape)",
        "descenso compare --engines eager,function --epochs 1",
    ),
    Word(
        mark("XLA"), ("compilador xla", "jit", "jit_compile", "compile", "compilar", "compiled"),
        mark("TensorFlow's compiler: it fuses the operations of a graph into one program for the processor. It takes a "
             "while to compile, needs fixed shapes, and pays off where the same program runs many times."),
        "",
        "@tf.function(jit_compile=True)\ndef logits(x):\n    return tf.matmul(x, W) + b\n\nprint(logits(x).shape)",
        "descenso compare --engines function,compiled --epochs 1",
    ),
    *OF_DATA,
    *OF_MODELS,
    *OF_TENSORFLOW,
    *OF_RUNS,
)  # fmt: skip
