"""Scripts in the style of TensorFlow 1 tutorials."""

IMPORTS = """\
import numpy as np
import tensorflow as tf
from tensorflow.examples.tutorials.mnist import input_data

mnist = input_data.read_data_sets("MNIST/", one_hot=True)
"""

SOFTMAX = (
    IMPORTS
    + """\
rate = 0.01
epochs = 100
batch = 100

images = tf.placeholder(tf.float32, [None, 784])
classes = tf.placeholder(tf.float32, [None, 10])
W = tf.Variable(tf.zeros([784, 10]))
b = tf.Variable(tf.zeros([10]))
probabilities = tf.nn.softmax(tf.matmul(images, W) + b)
cost = tf.reduce_mean(-tf.reduce_sum(classes * tf.log(probabilities), reduction_indices=1))
grad_W, grad_b = tf.gradients(xs=[W, b], ys=cost)
step_W = W.assign(W - rate * grad_W)
step_b = b.assign(b - rate * grad_b)
init = tf.global_variables_initializer()

costs = []
with tf.Session() as sess:
    sess.run(init)
    for epoch in range(epochs):
        mean = 0.0
        steps = int(mnist.train.num_examples / batch)
        for i in range(steps):
            xs, ys = mnist.train.next_batch(batch)
            _, _, c = sess.run([step_W, step_b, cost], feed_dict={images: xs, classes: ys})
            mean += c / steps
        costs.append(mean)
        print("[{}] cost: {}".format(epoch, mean))
    hit = tf.equal(tf.argmax(probabilities, 1), tf.argmax(classes, 1))
    accuracy = tf.reduce_mean(tf.cast(hit, tf.float32))
    print("Accuracy:", accuracy.eval({images: mnist.test.images, classes: mnist.test.labels}))
"""
)
SOFTMAX_COMMAND = (
    "descenso train mnist --validation-size 5000 --model softmax --rule sgd --learning-rate 0.01 --epochs 100 "
    "--batch-size 100 --loss naive --engine graph --dtype float32"
)

TAPE = """\
import tensorflow as tf

rate, epochs, batch = 0.01, 100, 100
(x, y), (x_test, y_test) = tf.keras.datasets.mnist.load_data()
x = tf.reshape(x / 255.0, shape=(60000, -1))
y = tf.cast(tf.one_hot(y, depth=10), "float64")
rows = tf.data.Dataset.from_tensor_slices((x, y))
rows = rows.shuffle(10000).batch(batch)
W = tf.zeros([784, 10], tf.double)
b = tf.zeros([10], tf.double)
for epoch in range(epochs):
    for xs, ys in rows:
        with tf.GradientTape() as tape:
            tape.watch(W)
            tape.watch(b)
            p = tf.nn.softmax(tf.matmul(xs, W) + b)
            cost = tf.reduce_mean(-tf.reduce_sum(ys * tf.math.log(p), axis=1))
        grad_W, grad_b = tape.gradient(cost, [W, b])
        W = W - rate * grad_W
        b = b - rate * grad_b
"""
TAPE_COMMAND = (
    "descenso train mnist --model softmax --rule sgd --learning-rate 0.01 --epochs 100 --batch-size 100 "
    "--order buffer:10000 --loss naive --engine eager --dtype float64"
)

DICTIONARIES = (
    IMPORTS
    + """\
n_hidden_1, n_hidden_2 = 256, 128
x = tf.placeholder("float", [None, 784])
y = tf.placeholder("float", [None, 10])
weights = {
    "h1": tf.Variable(tf.random_normal([784, n_hidden_1])),
    "h2": tf.Variable(tf.random_normal([n_hidden_1, n_hidden_2])),
    "out": tf.Variable(tf.random_normal([n_hidden_2, 10])),
}
biases = {name: None for name in ("nothing",)}
biases = {
    "b1": tf.Variable(tf.random_normal([n_hidden_1])),
    "b2": tf.Variable(tf.random_normal([n_hidden_2])),
    "out": tf.Variable(tf.random_normal([10])),
}


def network(x, weights, biases):
    first = tf.nn.relu(tf.add(tf.matmul(x, weights["h1"]), biases["b1"]))
    second = tf.nn.relu(tf.add(tf.matmul(first, weights["h2"]), biases["b2"]))
    return tf.matmul(second, weights["out"]) + biases["out"]


logits = network(x, weights, biases)
cost = tf.reduce_mean(tf.nn.softmax_cross_entropy_with_logits_v2(logits=logits, labels=y))
optimizer = tf.train.AdamOptimizer(learning_rate=0.001).minimize(cost)
with tf.Session() as sess:
    sess.run(tf.initialize_all_variables())
    for epoch in range(15):
        for i in range(mnist.train.num_examples // 50):
            xs, ys = mnist.train.next_batch(50)
            sess.run([optimizer, cost], {x: xs, y: ys})
"""
)

FUNCTIONS = (
    IMPORTS
    + """\
def weights(shape):
    start = tf.truncated_normal(shape, stddev=0.1)
    return tf.Variable(start)


def biases(shape):
    return tf.Variable(tf.constant(0.1, shape=shape))


def layer(inputs, size_in, size_out, activation=None):
    outputs = tf.nn.xw_plus_b(inputs, weights([size_in, size_out]), biases([size_out]))
    if activation is None:
        return outputs
    else:
        return activation(outputs)


def main(_):
    x = tf.placeholder(tf.float32, [None, 784])
    labels = tf.placeholder(tf.int64, [None])
    hidden = tf.sigmoid(tf.matmul(x, weights([784, 300])) + biases([300]))
    logits = tf.nn.xw_plus_b(hidden, weights([300, 10]), biases([10]))
    cost = tf.reduce_mean(tf.nn.sparse_softmax_cross_entropy_with_logits(labels=labels, logits=logits))
    train = tf.train.MomentumOptimizer(0.05, 0.9, use_nesterov=True).minimize(cost)
    with tf.Session() as sess:
        for _ in range(1000):
            xs, ys = mnist.train.next_batch(100)
            sess.run(train, feed_dict={x: xs, labels: ys})


if __name__ == "__main__":
    tf.app.run()
"""
)

SUMMED = (
    IMPORTS.replace("one_hot=True", "one_hot=True, validation_size=0")
    + """\
x = tf.placeholder(tf.float32, [None, 784])
W = tf.Variable(tf.random_uniform([784, 10]))
b = tf.Variable(tf.zeros([10]))
y = tf.nn.softmax(tf.matmul(x, W) + b)
wanted = tf.placeholder(tf.float32, [None, 10])
cost = -tf.reduce_sum(wanted * tf.log(y))
train = tf.train.GradientDescentOptimizer(0.0001).minimize(cost)
sess = tf.InteractiveSession()
for i in range(1200):
    batch = mnist.train.next_batch(100)
    train.run(feed_dict={x: batch[0], wanted: batch[1]})
"""
)

CONVOLUTION = (
    IMPORTS
    + """\
x = tf.placeholder(tf.float32, [None, 28, 28, 1])
h = tf.layers.flatten(tf.layers.conv2d(x, 32, 5, activation=tf.nn.relu))
logits = tf.layers.dense(h, 10)
cost = tf.losses.sparse_softmax_cross_entropy(labels, logits)
train = tf.train.AdamOptimizer().minimize(cost)
"""
)
