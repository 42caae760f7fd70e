"""Programs in the style of TensorFlow 1's tutorials, each of a few steps; at the end each prints "ended"."""

DATA = """\
from __future__ import absolute_import, division, print_function
import numpy as np
import tensorflow as tf
from tensorflow.examples.tutorials.mnist import input_data

mnist = input_data.read_data_sets("MNIST_data/", one_hot=True, seed=7)
tf.set_random_seed(3)
x = tf.placeholder(tf.float32, [None, 784])
y = tf.placeholder(tf.float32, [None, 10])
"""

STEPS = """\
costs = []
with tf.Session() as sess:
    sess.run(tf.global_variables_initializer())
    for step in range(30):
        batch = mnist.train.next_batch(50)
        costs.append(sess.run([cost, train], feed_dict={x: batch[0], y: batch[1]})[0])
assert np.mean(costs[-5:]) < 0.9 * costs[0], costs
print("ended")
"""

LAYERS = """\
image = tf.reshape(x, [-1, 28, 28, 1])
hidden = tf.layers.conv2d(image, filters=4, kernel_size=[5, 5], padding="same", activation=tf.nn.relu)
hidden = tf.layers.max_pooling2d(inputs=hidden, pool_size=[2, 2], strides=2)
hidden = tf.layers.batch_normalization(tf.layers.flatten(hidden), training=True)
hidden = tf.layers.dropout(tf.layers.dense(hidden, 32, tf.nn.relu, name="fc1"), rate=0.2, training=True)
logits = tf.layers.dense(hidden, units=10)
names = [variable.name for variable in tf.trainable_variables()]
assert names[0] == "conv2d/kernel:0" and "fc1/kernel:0" in names and "dense/bias:0" in names, names
cost = tf.losses.softmax_cross_entropy(onehot_labels=y, logits=logits)
with tf.control_dependencies(tf.get_collection(tf.GraphKeys.UPDATE_OPS)):
    train = tf.train.AdamOptimizer(0.01).minimize(cost)
"""

SAVER = """\
with tf.name_scope("model"):
    W = tf.get_variable("W", shape=[784, 10], initializer=tf.zeros_initializer())
    b = tf.get_variable("b", shape=[10], initializer=tf.constant_initializer(0.1))
logits = tf.nn.xw_plus_b(x, W, b)
cost = tf.reduce_mean(tf.nn.softmax_cross_entropy_with_logits_v2(logits=logits, labels=y))
count = tf.Variable(0, trainable=False, name="global_step")
rate = tf.train.exponential_decay(0.5, count, 10, 0.96, staircase=True)
train = tf.train.GradientDescentOptimizer(rate).minimize(cost, global_step=count)
accuracy = tf.reduce_mean(tf.to_float(tf.equal(tf.argmax(logits, 1), tf.argmax(y, 1))))
tf.summary.scalar("cost", cost)
tf.summary.histogram("weights", W)
merged = tf.summary.merge_all()
saver = tf.train.Saver()
config = tf.ConfigProto(allow_soft_placement=True)
config.gpu_options.allow_growth = True
with tf.Session(config=config) as sess:
    writer = tf.summary.FileWriter("logs", sess.graph)
    sess.run(tf.global_variables_initializer())
    for step in range(60):
        xs, ys = mnist.train.next_batch(100)
        _, text = sess.run([train, merged], {x: xs, y: ys})
        writer.add_summary(text, step)
    path = saver.save(sess, "saved/model.ckpt", global_step=step)
    before = accuracy.eval({x: mnist.test.images, y: mnist.test.labels})
writer.close()
with tf.Session() as sess:
    saver.restore(sess, tf.train.latest_checkpoint("saved"))
    after = sess.run(accuracy, {x: mnist.test.images, y: mnist.test.labels})
assert before == after > 0.8, (before, after)
print(path)
print("ended")
"""

FLAGS = """\
import argparse
import sys
import tensorflow as tf
import helper

flags = tf.app.flags
FLAGS = flags.FLAGS
flags.DEFINE_float("rate", 0.5, "Learning rate.")
flags.DEFINE_integer("steps", 10, "Steps.")


def main(_):
    X = tf.placeholder("float")
    w = tf.Variable(5.0, name="w")
    train = tf.train.MomentumOptimizer(FLAGS.rate, 0.1).minimize(helper.square(w * X))
    sess = tf.InteractiveSession()
    tf.initialize_all_variables().run()
    for _ in range(FLAGS.steps):
        train.run(feed_dict={X: 1.0})
    print("w", abs(w.eval()) < 0.1, FLAGS.steps, __file__, sys.argv[1:])
    print("ended")


if __name__ == "__main__":
    tf.app.run()
"""
HELPER = """\
import tensorflow as tf


def square(value):
    assert tf.placeholder
    return tf.multiply(value, tf.cast(value, tf.float32))
"""

ITERATORS = """\
import numpy as np
import tensorflow as tf
slim = None
rows = np.random.RandomState(0).rand(64, 3).astype("float32")
wanted = rows.dot([[1.0], [-2.0], [0.5]]).astype("float32")
data = tf.data.Dataset.from_tensor_slices((rows, wanted)).repeat(40).shuffle(64, seed=1).batch(16)
features, targets = data.make_one_shot_iterator().get_next()
W = tf.Variable(tf.random_normal([3, 1], seed=2))
cost = tf.reduce_mean(tf.pow(tf.matmul(features, W) - targets, 2))
train = tf.train.AdagradOptimizer(0.5).minimize(cost)
sess = tf.Session()
sess.run(tf.global_variables_initializer())
steps = 0
while True:
    try:
        _, last = sess.run([train, cost])
        steps += 1
    except tf.errors.OutOfRangeError:
        break
width = W.get_shape()[0].value
print(steps, width, last < 0.05)
print("ended")
"""

EAGER_1 = """\
import tensorflow as tf
tf.enable_eager_execution()
w = tf.Variable(3.0)
optimizer = tf.train.GradientDescentOptimizer(0.1)
for _ in range(20):
    with tf.GradientTape() as tape:
        cost = tf.square(w - 1.0)
    optimizer.apply_gradients(zip(tape.gradient(cost, [w]), [w]))
print(w.numpy() < 1.1)
print("ended")
"""

EXPLICIT = """\
import tensorflow.compat.v1 as tf
tf.disable_v2_behavior()
a = tf.placeholder(tf.float32, [None, 2])
with tf.Session() as sess:
    print(sess.run(tf.layers.flatten(a * 2), {a: [[1.0, 2.0]]}).tolist())
print("ended")
"""

KERAS = """\
import numpy as np
import tensorflow as tf
from tensorflow import keras
from tensorflow.keras.datasets import mnist as digits

(a, b), _ = digits.load_data()
(c, d), _ = keras.datasets.mnist.load_data()
assert a.shape == (60000, 28, 28) and a.dtype == np.uint8 and (a == c).all() and b.dtype == np.uint8, b.dtype


@tf.function
def double(value):
    if value > 0:
        value = value * 2
    return value


assert tf.executing_eagerly() and double(tf.constant(2)).numpy() == 4
print("ended")
"""

CONTRIB = """\
from tensorflow.contrib.layers import flatten
from tensorflow.contrib import layers
start = tf.contrib.layers.xavier_initializer(seed=1)
image = tf.reshape(x, [-1, 28, 28, 1])
hidden = layers.max_pool2d(layers.conv2d(image, 4, [5, 5], weights_initializer=start), 2)
hidden = layers.dropout(flatten(hidden), keep_prob=0.9)
hidden = layers.fully_connected(hidden, 32, weights_regularizer=layers.l2_regularizer(1e-4))
logits = layers.fully_connected(hidden, 10, activation_fn=None, scope="out")
names = [variable.name for variable in tf.trainable_variables()]
wanted = ["Conv/weights:0", "Conv/biases:0", "fully_connected/weights:0", "fully_connected/biases:0"]
assert names == [*wanted, "out/weights:0", "out/biases:0"], names
cost = tf.losses.softmax_cross_entropy(y, logits) + tf.losses.get_regularization_loss()
train = tf.train.AdamOptimizer(0.01).minimize(cost)
"""

KERAS_1 = """\
import tensorflow as tf
tf.set_random_seed(1)
(x, y), _ = tf.keras.datasets.mnist.load_data()
model = tf.keras.models.Sequential([tf.keras.layers.Flatten(), tf.keras.layers.Dense(10, activation=tf.nn.softmax)])
model.compile(optimizer="adam", loss="sparse_categorical_crossentropy", metrics=["accuracy"])
model.fit(x[:1000] / 255.0, y[:1000], epochs=1, verbose=0)
assert model.predict(x[:3], verbose=0).shape == (3, 10)
print("ended")
"""

MODULES = """\
import network
print(network.train())
print("ended")
"""
NETWORK = """\
import tensorflow as tf


def train():
    with tf.Session() as sess:
        return sess.run(tf.placeholder_with_default(2.0, []) * 2.0)
"""

PROGRAMS = {
    "modules": MODULES,
    "keras-1": KERAS_1,
    "contrib": DATA + CONTRIB + STEPS,
    "layers": DATA + LAYERS + STEPS,
    "saver": DATA + SAVER,
    "flags": FLAGS,
    "iterators": ITERATORS,
    "eager-1": EAGER_1,
    "explicit": EXPLICIT,
    "keras": KERAS,
}
