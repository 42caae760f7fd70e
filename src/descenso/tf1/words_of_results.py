"""Words of data, of models and of results, as `tf1/words.py` has those of training."""

from descenso.text import mark
from descenso.tf1.lesson import Word

OF_DATA = (
    Word(
        mark("dataset"), ("conjunto de datos", "data", "datos", "datasets", "mnist", "fila", "row", "rows", "filas",
                          "example", "ejemplo", "sample", "muestra", "input", "inputs", "entrada", "entradas",
                          "pixel", "pixels", "píxel", "píxeles"),
        mark("Inputs and their labels, a row for each example: an image, or a row of a table. MNIST has 60,000 "
             "training rows and 10,000 test rows, images of 28 × 28 pixels."),
        "",
        "print(x.shape, y.shape)  # rows first",
        "descenso data mnist",
    ),
    Word(
        mark("label"), ("etiqueta", "etiquetas", "labels", "class", "clase", "classes", "clases", "target", "objetivo"),
        mark("The right answer for a row, such as the digit 7. Rows with the same label are a class. A classifier "
             "gives a probability for each class."),
        "",
        "print(np.argmax(y, axis=1)[:5])",
        "descenso data mnist",
    ),
    Word(
        mark("test rows"), ("filas de prueba", "test", "prueba", "training rows", "filas de entrenamiento", "test data",
                            "validation rows", "filas de validación", "test set", "datos de prueba", "test_fraction"),
        mark("Rows that training never sees, by which the result is judged. Training rows are learned from; validation "
             "rows decide when to stop. Nothing may be chosen by the test rows, or they no longer tell how the model "
             "does on new rows."),
        "",
        "train, test = np.split(np.arange(10), [8])\nprint(train, test)",
        "descenso train --validation-size 5000 --epochs 3",
    ),
    Word(
        mark("confusion matrix"), ("matriz de confusión", "confusion", "confusión"),
        mark("A table with a row for each true class and a column for each predicted one: how often each was taken for "
             "which. What is right stands on its diagonal."),
        "",
        "true, predicted = np.array([0, 1, 1]), np.array([0, 1, 0])\nmatrix = np.zeros((2, 2), int)\n"
        "np.add.at(matrix, (true, predicted), 1)\nprint(matrix)",
        "descenso evaluate runs/mnist-softmax-001",
    ),
    Word(
        mark("probability"), ("probabilidad", "probabilities", "probabilidades", "confidence", "confianza",
                              "calibration", "calibración", "error de calibración", "calibration error"),
        mark("What softmax gives for each class; those of a row have a sum of 1. The largest is called the confidence. "
             "A model is calibrated if of its predictions with a confidence of 0.8, eight in ten are right."),
        "Σ_k p_k = 1",
        "p = tf.nn.softmax(tf.matmul(x, W) + b)\nprint(tf.reduce_sum(p, axis=1)[:3].numpy())",
        "descenso evaluate runs/mnist-softmax-001",
    ),
    Word(
        mark("augmentation"), ("aumento de datos", "data augmentation", "augment", "aumentar"),
        mark("Small random changes of the training images in each epoch (shifts, turns, scaling) that leave their "
             "label as it is, so that a model sees more of what it will meet."),
        "",
        "image = np.eye(3, dtype=int)\nprint(np.roll(image, 1, axis=1))",
        "descenso train --model cnn --augment 0.5 --epochs 1",
    ),
)  # fmt: skip
OF_MODELS = (
    Word(
        mark("model"), ("modelo", "modelos", "models", "network", "red", "neural network", "red neuronal"),
        mark("A function from inputs to logits, with weights that training finds: softmax regression, a network of "
             "dense layers (mlp), one of convolutions (cnn), or a Keras model."),
        "z = f(x; W)",
        "def model(x):\n    return tf.matmul(x, W) + b\n\nprint(model(x).shape)",
        "descenso models",
    ),
    Word(
        mark("layer"), ("capa", "capas", "layers", "dense", "capa densa", "hidden layer", "capa oculta", "mlp",
                        "hidden", "multilayer perceptron", "perceptrón multicapa", "perceptron", "perceptrón",
                        "neuron", "neurona", "unit", "units", "unidades"),
        mark("A step of a model: a dense layer multiplies its input by a matrix, adds a bias, and applies an "
             "activation. Each column of the matrix is a unit. Layers between input and logits are called hidden; a "
             "model of dense layers is an mlp, a multilayer perceptron."),
        "h = max(0, xW₁ + b₁),   z = hW₂ + b₂",
        "h = tf.nn.relu(tf.matmul(x, W))\nprint(h.shape)",
        "descenso train --model mlp --hidden 128 --epochs 1",
    ),
    Word(
        mark("activation"), ("activación", "función de activación", "activation function", "relu", "tanh", "sigmoid",
                             "sigmoide", "gelu"),
        mark("A function applied to each number between two layers. Without one, two layers would be a single matrix. "
             "relu gives max(0, z); where a unit is never positive, its gradient is 0, and it learns no more."),
        "relu(z) = max(0, z)",
        "print(tf.nn.relu([-1.0, 0.0, 2.0]).numpy())",
        "descenso train --model mlp --activation tanh --epochs 1",
    ),
    Word(
        mark("convolution"), ("convolución", "convoluciones", "cnn", "conv2d", "filter", "filters", "filtro", "filtros",
                              "red convolucional", "pooling", "kernel"),
        mark("A layer that moves a small matrix of weights, a filter, over an image, and so has few weights and finds "
             "a shape wherever it lies. A network of them is a cnn; pooling takes the largest of neighbouring "
             "results."),
        "z_ij = Σ_ab w_ab x_(i+a)(j+b)",
        "image, filter = tf.ones((1, 5, 5, 1)), tf.ones((3, 3, 1, 1))\n"
        "print(tf.nn.conv2d(image, filter, strides=1, padding='VALID').shape)",
        "descenso train --model cnn --epochs 1",
    ),
    Word(
        mark("dropout"), ("tf.nn.dropout", "abandono", "drop"),
        mark("Zeroes a random share of a layer's outputs in each step of training, and scales the rest up, so that no "
             "unit relies on another one. In evaluation nothing is zeroed. It helps against overfitting."),
        "h ← h · m / (1 − p)",
        "print(tf.nn.dropout(tf.ones(8), rate=0.5, seed=0).numpy())",
        "descenso train --model mlp --dropout 0.2 --epochs 1",
    ),
    Word(
        mark("batch normalisation"), ("normalización por lotes", "batch normalization", "batchnorm", "batch norm"),
        mark("A layer that brings each column of a batch to mean 0 and standard deviation 1, and then scales and "
             "shifts it by weights. In evaluation it takes averages of training, which it keeps as state. descenso's "
             "models do without; Keras models may have it."),
        "h ← γ (h − μ) / σ + β",
        "h = np.array([[1.0], [3.0]])\nprint((h - h.mean(axis=0)) / h.std(axis=0))",
        "",
    ),
    Word(
        mark("weight decay"), ("decaimiento de los pesos", "regularization", "regularización", "l2", "regularisation",
                               "weight_decay"),
        mark("Makes all weights a little smaller in each step, so that only those stay large that lower the cost. It "
             "helps against overfitting, as a penalty on the squares of the weights (L2) does."),
        "W ← W − η (∂C/∂W + λ W)",
        "print((W - 0.01 * 0.1 * W).shape)",
        "descenso train --weight-decay 0.0005 --epochs 1",
    ),
    Word(
        mark("gradient clipping"), ("recorte del gradiente", "recorte de gradiente", "clipping", "clip_norm",
                                    "clip_value", "clipnorm"),
        mark("Shortens a gradient that is too long before the step: to a largest norm over all weights, or each number "
             "to a largest value. It keeps single batches from throwing the weights far off."),
        "g ← g · min(1, c / |g|)",
        "print(tf.clip_by_norm(tf.constant([3.0, 4.0]), 1.0).numpy())",
        "descenso train --clip-norm 1 --epochs 1",
    ),
    Word(
        mark("average of the weights"), ("promedio de los pesos", "average", "promedio", "moving average",
                                         "media móvil", "exponential moving average", "ema"),
        mark("An exponential moving average of the weights over the steps, by which the model is evaluated in their "
             "place: it is less noisy than the last weights."),
        "A ← d A + (1 − d) W",
        "average = 0.0\nfor value in (1.0, 1.0, 1.0):\n    average = 0.9 * average + 0.1 * value\nprint(average)",
        "descenso train --average 0.99 --epochs 1",
    ),
)  # fmt: skip
OF_RUNS = (
    Word(
        mark("run"), ("ejecución", "ejecuciones", "runs", "training run", "entrenamiento", "training", "entrenar",
                      "train"),
        mark("A training run goes from the first step to the last; a run is one that is saved, with its settings, "
             "history, weights and pictures, in a folder of its own below runs/."),
        "",
        "print(*(f'runs/mnist-softmax-{number:03}' for number in (1, 2)))",
        "descenso runs",
    ),
    Word(
        mark("checkpoint"), ("punto de control", "checkpoints", "puntos de control", "resume", "reanudar"),
        mark("The state of a training run, saved so that it can be resumed: weights, state of the rule, step. A "
             "resumed run takes the very steps that it would have taken without the stop."),
        "",
        "state = {'W': W.numpy(), 'step': 600}\nprint(sorted(state))",
        "descenso resume runs/mnist-softmax-001 --epochs 200",
    ),
    Word(
        mark("fingerprint"), ("huella", "hash", "sha-256"),
        mark("A SHA-256 sum of the weights: two runs with equal fingerprints have the same weights, to the last bit."),
        "",
        "import hashlib\n\nprint(hashlib.sha256(np.zeros(3).tobytes()).hexdigest()[:8])",
        "descenso train --deterministic --epochs 1",
    ),
    Word(
        mark("to diverge"), ("divergir", "diverge", "diverged", "divergence", "divergencia", "divergió"),
        mark("To reach a cost that is not finite: each step goes further beyond the lowest place than the one before. "
             "Mostly the learning rate is too high; training ends there."),
        "|1 − η · C″| > 1",
        "w = 1.0\nfor step in range(5):\n    w = w - 1.5 * 2 * w\n    print(w)",
        "descenso train --learning-rate 1e6 --loss naive --epochs 3",
    ),
    Word(
        mark("early stopping"), ("parada temprana", "patience", "paciencia", "early_stopping"),
        mark("Ending training when the cost of the validation rows no longer falls, and keeping the weights that had "
             "the lowest. What comes later is mostly overfitting."),
        "",
        "costs = [0.9, 0.6, 0.5, 0.7, 0.8]\nprint('best epoch:', int(np.argmin(costs)))",
        "descenso train --model mlp --validation-size 5000 --patience 3",
    ),
    Word(
        mark("gradient check"), ("comprobación del gradiente", "gradcheck", "component", "componente", "components",
                                 "finite differences", "diferencias finitas"),
        mark("Comparing a gradient with what it stands for: the change of the cost when one weight, a component, is "
             "changed a little. In float64 both agree to about nine digits; a wrong formula does not."),
        "∂C/∂w ≈ (C(w + ε) − C(w − ε)) / 2ε",
        "w, e = 3.0, 1e-5\nprint(((w + e) ** 2 - (w - e) ** 2) / (2 * e))  # 2 w",
        "descenso gradcheck",
    ),
    Word(
        mark("contender"), ("contendiente", "compare", "comparar", "comparison", "comparación", "path", "camino"),
        mark("One of the training runs that descenso compare compares. They differ in one thing, and begin with the "
             "same weights and rows; engines must then follow the same path of costs and weights."),
        "",
        "print(np.allclose([0.5, 0.4], [0.5, 0.4 + 1e-12]))",
        "descenso compare --engines eager,compiled --epochs 1",
    ),
    Word(
        mark("export"), ("exportar", "exportación", "onnx", "savedmodel", "litert", "tflite", "npz", "format",
                              "formato"),
        mark("Writing a trained model for another library, with the scaling of its inputs and softmax included, so "
             "that it reads rows as they are stored and returns probabilities."),
        "",
        "import io\n\nfile = io.BytesIO()\nnp.savez(file, W=W, b=b)\nprint(len(file.getvalue()) > W.shape[0])",
        "descenso export runs/mnist-softmax-001 --to keras",
    ),
    Word(
        mark("doctor"), ("finding", "hallazgo", "fix", "solución", "check"),
        mark("Looks for common mistakes in data and training: unscaled inputs, sorted rows, test rows among the "
             "training rows, dead units. Each finding has what was seen, why it matters, and the line that mends it, "
             "the fix."),
        "",
        "print(np.abs(x).max())  # inputs far beyond 1 are not scaled",
        "descenso doctor mnist",
    ),
    Word(
        mark("option"), ("opción", "opciones", "options", "flag", "command", "comando", "comandos", "default",
                         "por defecto", "setting", "ajuste"),
        mark("What is typed after a command, --epochs 3; in Python, a keyword argument, epochs=3. What is not given "
             "has its default."),
        "",
        "def train(epochs=100):\n    print(epochs)\n\ntrain(epochs=3)",
        "descenso rules",
    ),
    Word(
        mark("sweep"), ("barrido", "barridos", "sweeps", "lane", "lanes", "carril", "carriles", "grid search",
                        "búsqueda en rejilla", "hyperparameter search"),
        mark("Training runs that differ in a setting or two, such as the learning rate, and take the same batches side "
             "by side. Each of them is a lane. Of softmax regression, the lanes' weights stand beside each other, and "
             "one matrix product serves all."),
        "z₁ | z₂ | … = x · (W₁ | W₂ | …)",
        "lanes = tf.concat([W, W + 1, W + 2], axis=1)\nprint(tf.matmul(x, lanes).shape)  # (100, 3 × 10)",
        "descenso sweep --learning-rates 1e-3..1:16 --epochs 3",
    ),
    Word(
        mark("halving"), ("mitades", "successive halving", "división por mitades", "rung", "rungs", "peldaño",
                          "peldaños"),
        mark("Dropping the worse half of the settings of a sweep after a few epochs, then half of the rest, and so on; "
             "the others continue. The epochs after which that happens are the rungs. A setting that is slow at first "
             "may be dropped although it would have been the best in the end: --audit trains the dropped ones, "
             "too, and says how often."),
        "",
        "costs = np.array([0.5, 0.3, 0.9, 0.4])\nkept = np.argsort(costs)[: len(costs) // 2]\nprint(kept)  # [1 3]",
        "descenso sweep --learning-rates 1e-3..1:8 --epochs 4 --halving",
    ),
)  # fmt: skip
