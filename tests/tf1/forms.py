"""Further forms of TensorFlow 1's tutorials, on small random arrays, which run as modules of one program.

Each begins after `HEAD` in an empty graph and ends with `ended`, a truth value: whether it did what it was written for.
"""

HEAD = """\
from __future__ import division, print_function
import numpy as np
import tensorflow as tf

tf.reset_default_graph()
tf.set_random_seed(1)
rng = np.random.RandomState(0)
rows = rng.rand(60, 6).astype(np.float32)
target = (rows.dot(rng.rand(6, 1)) * 2 - 1).astype(np.float32)
kinds = np.eye(3, dtype=np.float32)[np.arange(60) % 3]
rows[np.arange(60), np.arange(60) % 3] += 2
"""
TRAIN = """
with tf.Session() as sess:
    sess.run(tf.global_variables_initializer())
    costs = [sess.run([cost, train], feed_dict=feed)[0] for step in range(40)]
ended = costs[-1] < 0.8 * costs[0]
"""
INPUTS = """
x = tf.placeholder(tf.float32, [None, 6], name="x")
y = tf.placeholder("float", [None, 3])
feed = {x: rows, y: kinds}
"""
FORMS = {
    "operations": """
a, b = tf.constant(2), tf.constant(3)
c, d = tf.placeholder(tf.int16), tf.placeholder(tf.int16)
total, product = tf.add(c, d), tf.multiply(c, d)
with tf.Session() as sess:
    values = sess.run([a + b, a * b])
    fed = [sess.run(each, feed_dict={c: 2, d: 3}) for each in (total, product)]
ended = values == fed == [5, 6]
""",
    "linear regression": """
X, Y = tf.placeholder("float"), tf.placeholder("float")
W, b = tf.Variable(rng.randn(), name="weight"), tf.Variable(rng.randn(), name="bias")
pred = tf.add(tf.multiply(X, W), b)
cost = tf.reduce_sum(tf.pow(pred - Y, 2)) / (2 * 60)
optimizer = tf.train.GradientDescentOptimizer(2.0).minimize(cost)
xs = rows[:, 3]
with tf.Session() as sess:
    sess.run(tf.global_variables_initializer())
    first = sess.run(cost, feed_dict={X: xs, Y: 3 * xs + 1})
    for epoch in range(20):
        for one in xs:
            sess.run(optimizer, feed_dict={X: one, Y: 3 * one + 1})
    ended = sess.run(cost, feed_dict={X: xs, Y: 3 * xs + 1}) < first / 10
""",
    "logistic regression": INPUTS + """
W, b = tf.Variable(tf.zeros([6, 3])), tf.Variable(tf.zeros([3]))
pred = tf.nn.softmax(tf.matmul(x, W) + b)
cost = tf.reduce_mean(-tf.reduce_sum(y * tf.log(pred), reduction_indices=1))
train = tf.train.GradientDescentOptimizer(0.5).minimize(cost)
correct = tf.equal(tf.argmax(pred, 1), tf.argmax(y, 1))
accuracy = tf.reduce_mean(tf.cast(correct, tf.float32))
sess = tf.InteractiveSession()
tf.initialize_all_variables().run()
for step in range(100):
    train.run(feed_dict=feed)
ended = accuracy.eval(feed_dict=feed) > 0.9
sess.close()
""",
    "nearest neighbour": """
known, one = tf.placeholder("float", [None, 6]), tf.placeholder("float", [6])
distance = tf.reduce_sum(tf.abs(tf.add(known, tf.negative(one))), reduction_indices=1)
nearest = tf.arg_min(distance, 0)
with tf.Session() as sess:
    ended = [sess.run(nearest, feed_dict={known: rows, one: rows[k] + 1e-4}) for k in (0, 7)] == [0, 7]
""",
    "k-means by hand": """
points, centres = tf.constant(rows), tf.Variable(rows[:3])
far = tf.reduce_sum(tf.squared_difference(tf.expand_dims(points, 0), tf.expand_dims(centres, 1)), 2)
group = tf.argmin(far, 0)
means = tf.stack([tf.reduce_mean(tf.boolean_mask(points, tf.equal(group, k)), 0) for k in range(3)])
update = tf.assign(centres, means)
inertia = tf.reduce_sum(tf.reduce_min(far, 0))
with tf.Session() as sess:
    sess.run(tf.global_variables_initializer())
    first = sess.run(inertia)
    for step in range(5):
        sess.run(update)
    ended = sess.run(inertia) < first
""",
    "perceptron of dictionaries": INPUTS + """
weights = {"h1": tf.Variable(tf.random_normal([6, 16])), "out": tf.Variable(tf.random_normal([16, 3]))}
biases = {"b1": tf.Variable(tf.random_normal([16])), "out": tf.Variable(tf.random_normal([3]))}
def net(x):
    hidden = tf.nn.relu(tf.add(tf.matmul(x, weights["h1"]), biases["b1"]))
    return tf.matmul(hidden, weights["out"]) + biases["out"]
cost = tf.reduce_mean(tf.nn.softmax_cross_entropy_with_logits(logits=net(x), labels=y))
train = tf.train.AdamOptimizer(learning_rate=0.05).minimize(cost)
""" + TRAIN,
    "convolution by tf.nn": """
x, y, keep_prob = tf.placeholder(tf.float32, [None, 64]), tf.placeholder(tf.int64, [None]), tf.placeholder(tf.float32)
W1 = tf.Variable(tf.truncated_normal([3, 3, 1, 4], stddev=0.1))
W2 = tf.Variable(tf.truncated_normal([4 * 4 * 4, 2], stddev=0.1))
images = tf.reshape(x, [-1, 8, 8, 1])
hidden = tf.nn.relu(tf.nn.bias_add(tf.nn.conv2d(images, W1, strides=[1, 1, 1, 1], padding="SAME"), tf.zeros([4])))
pooled = tf.nn.max_pool(hidden, ksize=[1, 2, 2, 1], strides=[1, 2, 2, 1], padding="SAME")
flat = tf.nn.dropout(tf.reshape(pooled, [-1, W2.get_shape().as_list()[0]]), keep_prob)
cost = tf.reduce_mean(tf.nn.sparse_softmax_cross_entropy_with_logits(logits=tf.matmul(flat, W2), labels=y))
train = tf.train.AdamOptimizer(0.02).minimize(cost)
pictures = rng.rand(40, 64) * (1 + np.arange(40) % 2)[:, None]
feed = {x: pictures, y: np.arange(40) % 2, keep_prob: 0.9}
""" + TRAIN,
    "autoencoder": """
X = tf.placeholder("float", [None, 6])
weights = [tf.Variable(tf.random_normal(shape)) for shape in ([6, 3], [3, 6])]
code = tf.nn.sigmoid(tf.matmul(X, weights[0]))
decoded = tf.nn.sigmoid(tf.matmul(code, weights[1]))
cost = tf.reduce_mean(tf.pow(X - decoded, 2))
train = tf.train.RMSPropOptimizer(0.05).minimize(cost)
feed = {X: rows / 3}
""" + TRAIN.replace("0.8", "0.95"),
    "variational autoencoder": """
X = tf.placeholder(tf.float32, [None, 6])
def glorot(shape):
    return tf.random_normal(shape=shape, stddev=1.0 / tf.sqrt(shape[0] / 2.0))
M, S, D = (tf.Variable(glorot(shape)) for shape in ([6, 2], [6, 2], [2, 6]))
mean, deviation = tf.matmul(X, M), tf.matmul(X, S)
noise = tf.random_normal(tf.shape(deviation), dtype=tf.float32, mean=0.0, stddev=1.0)
decoded = tf.nn.sigmoid(tf.matmul(mean + tf.exp(deviation / 2) * noise, D))
likelihood = X * tf.log(1e-10 + decoded) + (1 - X) * tf.log(1e-10 + 1 - decoded)
divergence = -0.5 * tf.reduce_sum(1 + deviation - tf.square(mean) - tf.exp(deviation), 1)
cost = tf.reduce_mean(divergence - tf.reduce_sum(likelihood, 1))
train = tf.train.AdamOptimizer(0.05).minimize(cost)
feed = {X: rows / 3}
""" + TRAIN.replace("0.8", "0.95"),
    "two players": """
real = tf.placeholder(tf.float32, [None, 1])
noise = tf.placeholder(tf.float32, [None, 1])
def judge(samples):
    with tf.variable_scope("judge", reuse=tf.AUTO_REUSE):
        return tf.matmul(samples, tf.get_variable("w", [1, 1])) + tf.get_variable("b", [1])
with tf.variable_scope("maker"):
    made = noise * tf.get_variable("w", [1], initializer=tf.zeros_initializer()) + tf.get_variable("b", [1])
judge_cost = -tf.reduce_mean(tf.log(tf.sigmoid(judge(real))) + tf.log(1.0 - tf.sigmoid(judge(made))))
maker_cost = -tf.reduce_mean(tf.log(tf.sigmoid(judge(made))))
parts = [tf.get_collection(tf.GraphKeys.TRAINABLE_VARIABLES, scope=each) for each in ("judge", "maker")]
steps = [tf.train.AdamOptimizer(0.05).minimize(each, var_list=part)
         for each, part in zip((judge_cost, maker_cost), parts)]
with tf.Session() as sess:
    sess.run(tf.global_variables_initializer())
    feed = {real: rng.randn(50, 1) + 3, noise: rng.randn(50, 1)}
    first = sess.run(made, feed).mean()
    for step in range(100):
        sess.run(steps, feed)
    ended = abs(sess.run(made, feed).mean() - 3) < abs(first - 3)
""",
    "words as vectors": """
centre, context = tf.placeholder(tf.int32, [None]), tf.placeholder(tf.int32, [None, 1])
with tf.device("/cpu:0"):
    vectors = tf.Variable(tf.random_uniform([20, 8], -1.0, 1.0))
    embedded = tf.nn.embedding_lookup(vectors, centre)
weights, biases = tf.Variable(tf.truncated_normal([20, 8], stddev=0.3)), tf.Variable(tf.zeros([20]))
cost = tf.reduce_mean(tf.nn.nce_loss(weights=weights, biases=biases, inputs=embedded, labels=context, num_sampled=4,
                                     num_classes=20))
train = tf.train.GradientDescentOptimizer(0.5).minimize(cost)
norm = tf.sqrt(tf.reduce_sum(tf.square(vectors), 1, keep_dims=True))
feed = {centre: np.arange(40) % 20, context: (np.arange(40)[:, None] + 1) % 20}
""" + TRAIN,
    "save and restore": INPUTS + """
W = tf.Variable(tf.random_normal([6, 3]), name="W")
cost = tf.reduce_mean(tf.nn.softmax_cross_entropy_with_logits(labels=y, logits=tf.matmul(x, W)))
train = tf.train.MomentumOptimizer(0.1, 0.9).minimize(cost)
saver = tf.train.Saver(max_to_keep=2)
with tf.Session() as sess:
    sess.run(tf.global_variables_initializer())
    for step in range(5):
        sess.run(train, feed_dict=feed)
    path = saver.save(sess, "./forms-model", global_step=step)
    kept = sess.run(W)
with tf.Session() as sess:
    sess.run(tf.global_variables_initializer())
    saver.restore(sess, tf.train.latest_checkpoint("."))
    ended = path == "./forms-model-4" and (sess.run(W) == kept).all()
""",
    "summaries": INPUTS + """
with tf.name_scope("layer"):
    W = tf.Variable(tf.zeros([6, 3]))
    logits = tf.matmul(x, W)
cost = tf.reduce_mean(tf.nn.softmax_cross_entropy_with_logits(labels=y, logits=logits))
tf.summary.scalar("loss", cost)
tf.summary.histogram(W.op.name.replace(":", "_"), W)
merged = tf.summary.merge_all()
train = tf.train.AdagradOptimizer(0.5).minimize(cost)
with tf.Session() as sess:
    writer = tf.summary.FileWriter("./forms-logs", graph=tf.get_default_graph())
    sess.run(tf.global_variables_initializer())
    for step in range(3):
        _, summary = sess.run([train, merged], feed_dict=feed)
        writer.add_summary(summary, step)
    writer.close()
ended = len(tf.gfile.ListDirectory("./forms-logs")) == 1
""",
    "iterator with placeholders": """
given, labels = tf.placeholder(tf.float32, [None, 6]), tf.placeholder(tf.float32, [None, 3])
dataset = tf.data.Dataset.from_tensor_slices((given, labels)).repeat().batch(20).prefetch(1)
iterator = dataset.make_initializable_iterator()
X, Y = iterator.get_next()
W = tf.Variable(tf.zeros([6, 3]))
cost = tf.reduce_mean(tf.nn.softmax_cross_entropy_with_logits_v2(labels=Y, logits=tf.matmul(X, W)))
train = tf.train.GradientDescentOptimizer(0.5).minimize(cost)
with tf.Session() as sess:
    sess.run(iterator.initializer, feed_dict={given: rows, labels: kinds})
    sess.run(tf.global_variables_initializer())
    costs = [sess.run([cost, train])[0] for step in range(40)]
ended = costs[-1] < 0.8 * costs[0]
""",
    "iterator of two datasets": """
first = tf.data.Dataset.range(3)
second = tf.data.Dataset.range(10, 12)
iterator = tf.data.Iterator.from_structure(first.output_types, first.output_shapes)
value = iterator.get_next()
starts = [iterator.make_initializer(each) for each in (first, second)]
seen = []
with tf.Session() as sess:
    for start in starts:
        sess.run(start)
        while True:
            try:
                seen.append(int(sess.run(value)))
            except tf.errors.OutOfRangeError:
                break
ended = seen == [0, 1, 2, 10, 11]
""",
    "collections": INPUTS + """
def layer(inputs, units, name):
    with tf.variable_scope(name):
        W = tf.get_variable("W", [inputs.get_shape()[1].value, units], initializer=tf.random_normal_initializer())
        tf.add_to_collection("losses", tf.multiply(tf.nn.l2_loss(W), 0.01))
        return tf.matmul(inputs, W)
logits = layer(tf.nn.tanh(layer(x, 8, "one")), 3, "two")
mean = tf.reduce_mean(tf.nn.softmax_cross_entropy_with_logits(labels=y, logits=logits))
tf.add_to_collection("losses", mean)
cost = tf.add_n(tf.get_collection("losses"), name="total")
train = tf.train.AdamOptimizer(0.05).minimize(cost)
""" + TRAIN,
    "decay and counter": INPUTS + """
step_number = tf.Variable(0, trainable=False)
rate = tf.train.exponential_decay(0.5, step_number, 10, 0.5, staircase=True)
W = tf.Variable(tf.zeros([6, 3]))
cost = tf.reduce_mean(tf.nn.softmax_cross_entropy_with_logits(labels=y, logits=tf.matmul(x, W)))
train = tf.train.GradientDescentOptimizer(rate).minimize(cost, global_step=step_number)
with tf.Session() as sess:
    sess.run(tf.global_variables_initializer())
    for step in range(20):
        sess.run(train, feed)
    ended = sess.run([step_number, rate]) == [20, 0.125]
""",
    "loops and conditions": """
n = tf.placeholder(tf.int32, [])
_, total = tf.while_loop(lambda i, s: i < n, lambda i, s: (i + 1, s + i), [tf.constant(0), tf.constant(0)])
kind = tf.cond(n > 3, lambda: tf.constant("many"), lambda: tf.constant("few"))
with tf.Session() as sess:
    ended = sess.run([total, kind], {n: 5}) == [10, b"many"] and sess.run(kind, {n: 2}) == b"few"
""",
    "queues": """
queue = tf.FIFOQueue(capacity=10, dtypes=[tf.float32], shapes=[[]])
fill = queue.enqueue_many([[1.0, 2.0, 3.0]])
tf.train.add_queue_runner(tf.train.QueueRunner(queue, [fill]))
taken = queue.dequeue()
with tf.Session() as sess:
    coord = tf.train.Coordinator()
    threads = tf.train.start_queue_runners(sess=sess, coord=coord)
    values = [float(sess.run(taken)) for _ in range(4)]
    coord.request_stop()
    sess.run(queue.close(cancel_pending_enqueues=True))
    coord.join(threads)
ended = values == [1.0, 2.0, 3.0, 1.0]
""",
    "averaged towers": INPUTS + """
optimizer = tf.train.GradientDescentOptimizer(0.5)
towers = []
for place in range(2):
    with tf.device("/cpu:0"), tf.variable_scope("model", reuse=place > 0):
        logits = tf.matmul(x[place * 30:(place + 1) * 30], tf.get_variable("W", [6, 3]))
        part = tf.reduce_mean(tf.nn.softmax_cross_entropy_with_logits(
            logits=logits, labels=y[place * 30:(place + 1) * 30]))
        towers.append(optimizer.compute_gradients(part))
averaged = [(tf.reduce_mean(tf.concat([tf.expand_dims(g, 0) for g, _ in pairs], axis=0), 0), pairs[0][1])
            for pairs in zip(*towers)]
cost, train = part, optimizer.apply_gradients(averaged)
""" + TRAIN.replace("tf.Session()", "tf.Session(config=tf.ConfigProto(allow_soft_placement=True))"),
    "monitored session": INPUTS + """
W = tf.get_variable("W", shape=[6, 3], initializer=tf.zeros_initializer)
cost = tf.losses.softmax_cross_entropy(y, tf.matmul(x, W))
step_number = tf.train.get_or_create_global_step()
train = tf.train.GradientDescentOptimizer(0.5).minimize(cost, global_step=step_number)
hooks = [tf.train.StopAtStepHook(last_step=7)]
turns = 0
with tf.train.MonitoredTrainingSession(hooks=hooks) as sess:
    while not sess.should_stop():
        sess.run(train, feed_dict=feed)
        turns += 1
ended = turns == 7
""",
    "recurrence by hand": """
series = tf.placeholder(tf.float32, [None, 5, 2])
labels = tf.placeholder(tf.float32, [None, 1])
U, V = tf.Variable(tf.random_normal([2, 4])), tf.Variable(tf.random_normal([4, 4], stddev=0.3))
out = tf.Variable(tf.random_normal([4, 1]))
state = tf.zeros([tf.shape(series)[0], 4])
for inputs in tf.unstack(series, 5, 1):
    state = tf.tanh(tf.matmul(inputs, U) + tf.matmul(state, V))
cost = tf.reduce_mean(tf.square(tf.matmul(state, out) - labels))
optimizer = tf.train.AdamOptimizer(0.05)
gradients, variables = zip(*optimizer.compute_gradients(cost))
gradients, _ = tf.clip_by_global_norm(gradients, 1.0)
train = optimizer.apply_gradients(zip(gradients, variables))
numbers = rng.randn(30, 5, 2)
feed = {series: numbers, labels: numbers[:, -1, :1]}
""" + TRAIN,
    "averages of weights": INPUTS + """
W = tf.Variable(tf.zeros([6, 3]))
cost = tf.reduce_mean(tf.nn.softmax_cross_entropy_with_logits(labels=y, logits=tf.matmul(x, W)))
averages = tf.train.ExponentialMovingAverage(0.9)
step = tf.train.GradientDescentOptimizer(0.5).minimize(cost)
with tf.control_dependencies([step]):
    train = averages.apply([W])
with tf.Session() as sess:
    sess.run(tf.global_variables_initializer())
    for _ in range(10):
        sess.run(train, feed)
    kept, last = sess.run([averages.average(W), W])
ended = 0 < abs(kept).sum() < abs(last).sum()
""",
}  # fmt: skip


def write(folder):
    """Write the forms as modules, and the program that imports each; return the program's name."""
    for number, text in enumerate(FORMS.values()):
        (folder / f"form_{number}.py").write_text(HEAD + text)
    imports = "\n".join(f"import form_{number}" for number in range(len(FORMS)))
    names = ", ".join(f"form_{number}" for number in range(len(FORMS)))
    (folder / "main.py").write_text(f"{imports}\n\nprint([bool(form.ended) for form in ({names})])\n")
    return "main.py"
