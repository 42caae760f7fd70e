"""Mistakes that people make with today's TensorFlow and Keras, by the lesson on what is raised; and messages as logged.

They run as those of `snippets` do, with `names()`.
"""

import keras
import numpy as np
import tensorflow as tf

import snippets

NOTE = "I0000 00:00:1735689600.000000    4711 "
LOGGED = {  # by processes on other machines, or at the import of TensorFlow
    "memory": [
        "ResourceExhaustedError: {{function_node __wrapped__Fill}} OOM when allocating tensor with "
        "shape[64,512,112,112] "
        "and type float on /job:localhost/replica:0/task:0/device:GPU:0 by allocator GPU_0_bfc [Op:Fill] name: ",
        "W external/local_xla/xla/tsl/framework/cpu_allocator_impl.cc:83] Allocation of 188160000 exceeds 10% of free "
        "system memory.",
    ],
    "no-gpu": [
        f"{NOTE}cudart_stub.cc:31] Could not find cuda drivers on your machine, GPU will not be used.",
        "E0000 cuda_platform.cc:52] failed call to cuInit: INTERNAL: CUDA error: Failed call to cuInit",
        "W gpu_device.cc:2344] Cannot dlopen some GPU libraries. Please make sure the missing libraries "
        "mentioned above",
        "W dso_loader.cc:64] Could not load dynamic library 'libcudart.so.11.0'; dlerror: libcudart.so.11.0: "
        "cannot open",
        "E cuda_dnn.cc:9342] Unable to register cuDNN factory: Attempting to register factory for plugin cuDNN",
        "UnknownError: Failed to get convolution algorithm. This is probably because cuDNN failed to initialize",
    ],
    "onednn": [f"{NOTE}port.cc:153] oneDNN custom operations are on. You may see slightly different numerical results"],
    "processor": [
        f"{NOTE}cpu_feature_guard.cc:227] This TensorFlow binary is optimized to use available CPU instructions in "
        "performance-critical operations.",
        "I cpu_feature_guard.cc:140] Your CPU supports instructions that this TensorFlow binary was not "
        "compiled to use: "
        "AVX2 FMA",
    ],
    "installation": [
        "ModuleNotFoundError: No module named 'tensorflow'",
        "ERROR: Could not find a version that satisfies the requirement tensorflow (from versions: none)",
        "ImportError: DLL load failed while importing _pywrap_tensorflow_internal: A dynamic link library (DLL) failed",
        "ValueError: numpy.dtype size changed, may indicate binary incompatibility. Expected 96 from C header, got 88",
    ],
    "deprecated": [
        "WARNING:tensorflow:From a.py:1: Variable.load (from tensorflow.python.ops.variables) is deprecated "
        "and will be "
        "removed in a future version.\nInstructions for updating:\nPrefer Variable.assign",
    ],
}
OLD = {  # wordings of Keras 2 and of earlier versions of TensorFlow
    "one-hot": [
        "ValueError: Shapes (None, 1) and (None, 3) are incompatible",
    ],
    "label-range": [
        "InvalidArgumentError: Graph execution error: Received a label value of 10 "
        "which is outside the valid range of [0, 10).",
    ],
    "installation": [
        "ERROR: No matching distribution found for tensorflow==1.15",
        "ImportError: cannot import name 'builder' from 'google.protobuf.internal'",
        "TypeError: Descriptors cannot be created directly.",
    ],
    "keras-name": [
        "ImportError: cannot import name 'to_categorical' from 'keras.utils.np_utils' (keras/utils/np_utils.py)",
    ],
    "memory": [
        "InternalError: Failed copying input tensor from CPU:0 to GPU:0 in order to run _EagerConst: "
        "Dst tensor is not initialized.",
    ],
    "monitor": [
        "KeyError: 'val_accuracy'",
    ],
    "axis-length": [
        "ValueError: as_list() is not defined on an unknown TensorShape.",
        "ValueError: The channel dimension of the inputs should be defined. Found `None`.",
    ],
    "input-shape": [
        "ValueError: Input 0 of layer dense is incompatible with the layer: expected axis -1 of input shape to have "
        "value 784 but received input with shape [None, 28]",
        "ValueError: Error when checking input: expected dense_1_input to have shape (784,) but got array with shape "
        "(28,)",
    ],
    "layer-rank": [
        "ValueError: Error when checking input: expected conv2d_1_input to have 4 dimensions, but got array with shape "
        "(60000, 28, 28)",
        "ValueError: Input 0 is incompatible with layer lstm_2: expected ndim=3, found ndim=2",
    ],
    "classes": [
        "ValueError: Error when checking target: expected dense_2 to have shape (10,) but got array with shape (1,)",
    ],
    "channels": [
        "UnimplementedError: Fused conv implementation does not support grouped convolutions for now.",
        "ValueError: number of input channels does not match corresponding dimension of filter, 3 != 1",
        "ValueError: Depth of input (1) is not a multiple of input depth of filter (3)",
    ],
    "rows-differ": [
        "ValueError: Input arrays should have the same number of samples as target arrays. Found 60000 input samples "
        "and 10000 target samples.",
    ],
    "labels-rows": [
        "InvalidArgumentError: logits and labels must have the same first dimension, got logits shape [32,10] and "
        "labels shape [320]",
    ],
    "one-label-each": ["ValueError: logits and labels must have the same shape ((32, 5) vs (32, 1))"],
    "lists": [
        "ValueError: Failed to find data adapter that can handle input: (<class 'list'> containing values of types "
        "{\"<class 'float'>\"}), <class 'NoneType'>",
    ],
    "out-of-data": ["WARNING:tensorflow:Your dataset iterator ran out of data; interrupting training."],
    "identifier": [
        "ValueError: Unknown optimizer: adamm. Please ensure this object is passed to the `custom_objects` argument.",
        "ValueError: Unknown loss function: cross. Please ensure this object is passed to the "
        "`custom_objects` argument.",
    ],
    "keras-argument": ["TypeError: ('Keyword argument not understood:', 'init')"],
    "optimizer-argument": [
        "WARNING:absl:`lr` is deprecated, please use `learning_rate` instead, or use the legacy optimizer",
        "TypeError: Adam.__init__() got an unexpected keyword argument 'lr'",
    ],
    "not-compiled": [
        "RuntimeError: You must compile your model before training/testing. Use `model.compile(optimizer, loss)`.",
        "ValueError: No loss found. You may have forgotten to provide a `loss` argument in the `compile()` method.",
    ],
    "not-built": [
        "ValueError: Unable to load weights saved in HDF5 format into a subclassed Model "
        "which has not created its variables yet.",
        "ValueError: This model has not yet been built. Build the model first by calling `build()` or by calling it.",
        "ValueError: You are trying to load a weight file containing 3 layers into a model with 0 layers.",
    ],
    "weights-differ": [
        "ValueError: You are trying to load a weight file containing 3 layers into a model with 2 layers."
    ],
    "config": ["NotImplementedError: Layer Mine has arguments in `__init__` and therefore must override `get_config`."],
    "functional": ["ValueError: Graph disconnected: cannot obtain value for tensor Tensor at layer input_1."],
    "dataset-in-fit": ["ValueError: The `batch_size` argument must not be specified for the given input type."],
    "batch-shapes": [
        "InvalidArgumentError: Cannot batch tensors with different shapes in component 0. First element had shape [1] "
        "and element 1 had shape [2].",
    ],
    "symbolic-bool": ["TypeError: Tensor objects are only iterable when eager execution is enabled."],
    "numpy-name": ["AttributeError: `np.float_` was removed in the NumPy 2.0 release. Use `np.float64` instead."],
}
MISTAKES = {
    "input-shape": [
        "net()(ones((2, 5)))",
        "i=keras.Input((4,)); keras.Model(i, L.Dense(3)(i))(ones((2, 5)))",
        "net(L.Dense(3)).compile('sgd', 'mse')\n"
        "net().predict(ones((4,)), verbose=0)",
    ],
    "layer-rank": [
        "L.Conv2D(2, 3)(ones((2, 8, 8)))",
        "L.LSTM(3)(ones((2, 4)))",
        "Seq([keras.Input((5, 4)), L.LSTM(3), L.LSTM(3)])",
        "with tf.summary.create_file_writer('lg').as_default(): tf.summary.image('a', tf.ones((2, "
        "2)), step=0)",
    ],
    "too-small": [
        "net(L.Conv2D(2, 5), inp=(3, 3, 1))",
        "net(L.MaxPooling2D(4), inp=(3, 3, 1))",
        "tf.function(lambda: tf.nn.conv2d(tf.ones((1, 2, 2, 1)), tf.ones((3, 3, 1, 4)), 1, 'VALID'), "
        "autograph=False)()",
        "keras.applications.VGG16(input_shape=(10, 10, 3), weights=None)",
    ],
    "channels": [
        "tf.nn.conv2d(ones((1, 5, 5, 3), 'f4'), ones((3, 3, 2, 4), 'f4'), 1, 'SAME')",
    ],
    "image-rank": [
        "tf.nn.max_pool2d(ones((5, 5, 3), 'f4'), 2, 2, 'VALID')",
        "L.TimeDistributed(L.Dense(3))(ones((2, 3)))",
        "keras.applications.VGG16(weights=None, include_top=False, input_shape=(8, 8))",
        "tf.image.resize(tf.ones((3, 3)), (2, 2))",
    ],
    "merge-shapes": [
        "L.Concatenate()([ones((2, 3, 4)), ones((2, 4, 4))])",
        "L.Add()([ones((2, 3)), ones((2, 4))])",
        "tf.concat([tf.ones((2, 3)), tf.ones((2, 4))], 0)",
        "tf.function(lambda: tf.concat([tf.ones((2, 3)), tf.ones((2, 4))], 0), autograph=False)()",
        "tf.stack([tf.ones((2,)), tf.ones((3,))])",
    ],
    "reshape": [
        "net(L.Reshape((5,)))",
        "tf.reshape(tf.ones((6,)), [4, -1])",
        "tf.constant([1.,2.], shape=(3,))",
    ],
    "axis-length": [
        "Seq([keras.Input((None, None)), L.Flatten(), L.Dense(3)])",
        "f=tf.function(lambda a: tf.zeros(a.shape), autograph=False, "
        "input_signature=[tf.TensorSpec([None])]); "
        "f(x[0])",
    ],
    "input-count": [
        "L.Dense(3)([ones((2, 3)), ones((2, 3))])",
        "a, b=keras.Input((3,)), keras.Input((4,)); "
        "keras.Model([a, b], L.Dense(2)(L.Concatenate()([a, b])))(ones((2, 3)))",
    ],
    "shape-argument": [
        "keras.Input(4)",
        "keras.Input('4')",
    ],
    "input-shape-argument": [
        "L.Dense(3, input_shape=(4,))",
    ],
    "not-built": [
        "Seq([L.Dense(3)]).count_params()",
        "Seq([L.Dense(3)]).output",
        "Seq([L.Dense(3)]).layers[0].output",
        "L.Dense(3).kernel",
        "Seq([L.Dense(3)]).save_weights('u.weights.h5')",
    ],
    "no-layer": [
        "net().get_layer('x')",
        "net().get_layer(index=7)",
    ],
    "not-compiled": [
        "net().fit(ones((4, 4)), ones((4, 3)))",
        "m=net(); m.compile('sgd', run_eagerly=True); m.fit(ones((4, 4)), ones((4, 3)), verbose=0)",
    ],
    "none-value": [
        "m=net(); m.compile('sgd', 'mse', run_eagerly=True); m.fit(ones((4, 4)), verbose=0)",
        "tf.TensorShape([None, 3]).num_elements()+1",
        "with tf.GradientTape() as t:\n"
        "    c=tf.reduce_sum(x)\n"
        "g=t.gradient(c, [W, b])\n"
        "g[0].numpy()",
        "with tf.GradientTape() as t:\n"
        "    c=tf.reduce_sum(x)\n"
        "g=t.gradient(c, [W, b])\n"
        "g[0].shape",
        "f=tf.function(lambda a: a.shape[0]*2, autograph=False, "
        "input_signature=[tf.TensorSpec([None])]); "
        "f(x[0])",
    ],
    "rows-differ": [
        "fitted(y=ones((3, 3)))",
        "keras.losses.SparseCategoricalCrossentropy()(ones((3,)), tf.ones((4, 5))/5)",
        "Data.from_tensor_slices((ones((4, 4)), ones((3,))))",
    ],
    "lists": [
        "fitted(x=[[1.,2, 3, 4]]*4, y=[[1.,2, 3]]*4)",
        "fitted(x=[[1, 2, 3, 4]]*4, y=[1]*4)",
    ],
    "out-of-data": [
        "fitted(x=ones((0, 4)), y=ones((0, 3)))",
        "fitted(x=pairs.batch(2), y=None, steps_per_epoch=5, shuffle=False)",
        "i=iter(Data.range(1)); i.get_next(); i.get_next()",
    ],
    "objects": [
        "fitted(x=np.array([[1, 2, 3, 'a']]*4, dtype=object))",
        "tf.constant([1, 'a'])",
        "tf.constant(np.array([1, 'a'], dtype=object))",
        "tf.constant({'a':1})",
        "tf.constant(object())",
    ],
    "text": [
        "fitted(x=np.array([['1', '2', '3', 'a']]*4))",
        "keras.utils.to_categorical(['a', 'b'])",
        "L.Dense(3)(np.array([['a']]))",
        "L.IntegerLookup(vocabulary=[1])(np.array(['a']))",
        "tf.zeros('3')",
    ],
    "dataset-in-fit": [
        "fitted(x=pairs.batch(2), y=None, validation_split=0.2)",
    ],
    "keras-argument": [
        "fitted(workers=4)",
        "fitted(compile=dict(lr=0.1))",
        "L.Dense(3, init='uniform')",
        "L.Conv2D(3, 3, border_mode='same')",
        "L.Conv2D(3, 3, subsample=2)",
    ],
    "keras-2": [
        "net().predict_classes(ones((4, 4)))",
        "net().predict_proba(ones((4, 4)))",
        "net().fit_generator(None)",
        "net().evaluate_generator(None)",
        "net().predict_generator(None)",
        "keras.optimizers.legacy.Adam()",
        "keras.optimizers.adam()",
        "keras.models.model_from_yaml('')",
        "class M(keras.layers.Layer):\n"
        "    def call(self, x): return x\n"
        "M().add_update(1)",
        "class M(keras.layers.Layer):\n"
        "    def call(self, x): return x\n"
        "M().add_metric(1)",
        "class M(keras.Model):\n"
        "    def call(self, x): return x\n"
        "M().run_eagerly=True; M().reset_states()",
        "net().reset_states()",
        "keras.backend.get_session()",
        "keras.backend.set_session(1)",
        "keras.backend.learning_phase()",
        "keras.backend.set_learning_phase(0)",
    ],
    "identifier": [
        "fitted(optimizer='adamm')",
        "fitted(optimizer=keras.optimizers.Adam)",
        "fitted(optimizer=0.01)",
        "fitted(loss='cross_entropy')",
        "fitted(loss='mean_square_error')",
    ],
    "compile-lists": [
        "fitted(compile=dict(metrics='accuracy'))",
        "fitted(L.Dense(3), y=ones((4, 3)), compile=dict(metrics=[keras.metrics.MeanSquaredError()], "
        "loss_weights=[1, 2]))",
    ],
    "layer-argument": [
        "L.Dense(output_dim=3)",
        "L.Dense(-1)",
        "L.Dropout(1.5)",
        "L.Dropout(p=0.5)",
        "L.Conv2D(3)",
    ],
    "config": [
        "L.Bidirectional(L.Dense(3))",
        "class Mine(keras.layers.Layer):\n"
        "    def __init__(self, n, f):\n"
        "        super().__init__(); self.f=f\n"
        "    def call(self, x): return x\n"
        "net(Mine(3, lambda: 1)).save('i.keras')",
        "class Mine(keras.layers.Layer):\n"
        "    def __init__(self, n):\n"
        "        super().__init__()\n"
        "    def call(self, x): return x\n"
        "Mine(3).get_config()\n"
        "Mine.from_config({'name':'a'})",
        "class Mine(keras.layers.Layer):\n"
        "    def __init__(self, n):\n"
        "        super().__init__()\n"
        "    def get_config(self): return {}\n"
        "    def call(self, x): return x\n"
        "net(Mine(3)).save('j.keras'); keras.models.load_model('j.keras', custom_objects={'Mine':Mine})",
        "keras.layers.Dense.from_config({'units':3, 'batch_input_shape':[None, 4]})",
    ],
    "index": [
        "L.Embedding(10, 2)(np.array([[11]]))",
        "keras.utils.to_categorical([0, 1, 3], 3)",
        "tf.constant([1, 2, 3])[5]",
        "tf.constant([1, 2, 3])[[0, 1]]",
        "tf.constant(1.)[0]",
    ],
    "optimizer-argument": [
        "keras.optimizers.Adam(lr=0.1)",
        "keras.optimizers.Adam(learning_rate=0.1, decay=1e-4)",
        "keras.optimizers.Adam(epsilon=1e-7, amsgrad=True, beta1=0.9)",
        "keras.optimizers.Adam().lr",
        "keras.optimizers.Adam().get_weights()",
    ],
    "rate-argument": [
        "keras.optimizers.Adam('fast')",
        "keras.optimizers.Adam(keras.optimizers.schedules.ExponentialDecay(.1, "
        "10,.9)).learning_rate = 0.1",
        "fitted(callbacks=[keras.callbacks.LearningRateScheduler(lambda e: 'x')])",
    ],
    "optimizer-variables": [
        "o=keras.optimizers.Adam(); "
        "V=tf.Variable(1.); "
        "o.apply_gradients([(V*0, W if False else V)]); "
        "U=tf.Variable([1.]); "
        "o.apply_gradients([(U*0, U)])",
        "keras.optimizers.Adam().apply_gradients([W*0], [W])",
        "keras.optimizers.Adam().apply([W*0, W*0])",
    ],
    "shapes": [
        "keras.optimizers.SGD().apply_gradients([(tf.ones([3]), tf.Variable(tf.ones([2])))])",
        "fitted(loss='mse', y=ones((4, 5)))",
        "i=keras.Input((3,)); i+ones((4,))",
        "tf.where([True, False], tf.ones((3,)), tf.zeros((3,)))",
        "tf.boolean_mask(tf.ones((3,)), [True, False])",
    ],
    "monitor": [
        "fitted(callbacks=[keras.callbacks.EarlyStopping(monitor='val_loss')])",
        "fitted(callbacks=[keras.callbacks.EarlyStopping(monitor='val_acc')], validation_split=0.5)",
        "fitted(callbacks=[keras.callbacks.ReduceLROnPlateau(monitor='val_loss')])",
        "fitted(callbacks=[keras.callbacks.ModelCheckpoint('a.keras', save_best_only=True)])",
        "fitted(callbacks=[keras.callbacks.ModelCheckpoint('a.keras', monitor='val_accuracy', "
        "save_best_only=True)])",
    ],
    "file-ending": [
        "keras.callbacks.ModelCheckpoint('a')",
        "keras.callbacks.ModelCheckpoint('a.h5', save_weights_only=True)",
        "net().save('model')",
        "net().save('model', save_format='tf')",
        "net().save_weights('w.h5')",
    ],
    "callbacks": [
        "fitted(callbacks=[lambda e: 1])",
        "fitted(callbacks=keras.callbacks.EarlyStopping)",
    ],
    "not-finite": [
        "fitted(callbacks=[keras.callbacks.TerminateOnNaN()], x=np.full((4, 4), np.nan))",
        "tf.debugging.assert_all_finite(tf.constant([np.nan]), 'bad')",
    ],
    "file-missing": [
        "net().load_weights('nothing.weights.h5')",
        "keras.models.load_model('nothing.keras')",
        "open('a.keras', 'w').write('x'); keras.models.load_model('a.keras')",
        "L.TFSMLayer('nothing')",
        "tf.train.Checkpoint(W=W).restore('nothing')",
    ],
    "file-format": [
        "net().load_weights('nothing')",
        "import os; os.makedirs('saved', exist_ok=True); keras.models.load_model('saved')",
        "open('a.h5', 'w').write('x'); keras.models.load_model('a.h5')",
        "import h5py; h5py.File('c.h5', 'w').close(); keras.models.load_model('c.h5')",
        "m=tf.Module(); tf.saved_model.save(m, 'sm2'); keras.models.load_model('sm2')",
    ],
    "weights-differ": [
        "net().save_weights('w.weights.h5'); net(L.Dense(5)).load_weights('w.weights.h5')",
        "net().save('d.h5'); net(L.Dense(5)).load_weights('d.h5')",
        "net().save('d.h5'); net(L.Dense(3), L.Dense(5)).load_weights('d.h5')",
        "net().save('d.h5'); net(L.Dense(3, use_bias=False)).load_weights('d.h5')",
        "m=net(); m.set_weights([ones((4, 3))])",
    ],
    "own-object": [
        "Mine=type('Mine', (keras.layers.Layer,), {'call':lambda self, x: x}); "
        "net(Mine()).save('e.h5'); "
        "keras.models.load_model('e.h5')",
        "def mine(y, p): return keras.ops.mean(y-p)\n"
        "m=net(); m.compile('sgd', mine); m.save('g.keras'); keras.models.load_model('g.keras')",
        "m=net(); m.compile('sgd', 'mse'); m.save('h.h5'); keras.models.load_model('h.h5')",
        'keras.models.model_from_json(\'{"class_name": "Model", "config": {}}\')',
        "keras.models.model_from_json(net().to_json().replace('Sequential', 'Sequentiel'))",
    ],
    "lambda": [
        "net(L.Lambda(lambda x: x*2)).save('f.keras'); keras.models.load_model('f.keras')",
    ],
    "checkpoint": [
        "p=tf.train.Checkpoint(W=W).save('ck'); tf.train.Checkpoint(V=W).restore(p).assert_consumed()",
        "p=tf.train.Checkpoint(W=W).save('ck'); tf.train.load_variable(p, 'V')",
        "p=tf.train.Checkpoint(W=W).save('ck'); "
        "tf.train.Checkpoint(W=tf.Variable(tf.zeros((784, 10), tf.float64))).restore(p)",
        "tf.train.Checkpoint(W=3.0)",
        "tf.train.Checkpoint(1)",
    ],
    "signature": [
        "m=tf.Module(); "
        "m.f=tf.function(lambda a: a); "
        "tf.saved_model.save(m, 'sm'); "
        "tf.saved_model.load('sm').f(tf.constant(1.))",
        "m=tf.Module(); "
        "m.f=tf.function(lambda a: a, input_signature=[tf.TensorSpec([2])]); "
        "tf.saved_model.save(m, 'sm', m.f); "
        "tf.saved_model.load('sm').f(tf.ones([3]))",
        "f=tf.function(lambda a: a, autograph=False); f()",
        "f=tf.function(lambda a: a, autograph=False, input_signature=[tf.TensorSpec([2])]); f(1, 2)",
    ],
    "autograph": [
        "m=tf.Module(); "
        "m.f=tf.function(lambda a: a, input_signature=[tf.TensorSpec([2])]); "
        "tf.saved_model.save(m, 'sm', m.f); "
        "tf.saved_model.load('sm').signatures['serving_default'](tf.ones([2]))",
        "tf.function(lambda: [i for i in Data.range(3)], autograph=False)()",
    ],
    "saved-model": [
        "m=tf.Module(); tf.saved_model.save(m, 'sm2'); tf.saved_model.load('sm2').predict",
        "m=tf.Module(); tf.saved_model.save(m, 'sm2'); tf.saved_model.load('sm2')(1)",
    ],
    "one-hot": [
        "keras.losses.BinaryCrossentropy()(ones((4,)), ones((4, 3)))",
        "keras.losses.BinaryCrossentropy()(ones((4, 1)), ones((4, 3)))",
    ],
    "classes": [
        "fitted(L.Dense(5), loss='categorical_crossentropy', y=ones((4, 3)))",
    ],
    "softmax-of-one-output": [
        "fitted(L.Dense(1), loss='categorical_crossentropy', y=ones((4, 1)))",
    ],
    "not-one-hot": [
        "fitted(L.Dense(5), loss='sparse_categorical_crossentropy', y=ones((4, 5)))",
    ],
    "label-range": [
        "fitted(L.Dense(5), loss='sparse_categorical_crossentropy', y=np.full((4,), 7))",
    ],
    "output-rank": [
        "fitted(L.Conv2D(5, 3), loss='sparse_categorical_crossentropy', x=ones((4, 8, 8, 1)), "
        "y=ones((4,)), inp=(8, 8, 1))",
    ],
    "from-logits": [
        "fitted(L.Dense(5, activation='softmax'), "
        "loss=keras.losses.SparseCategoricalCrossentropy(from_logits=True), y=ones((4,)))",
    ],
    "one-label-each": [
        "tf.nn.sigmoid_cross_entropy_with_logits(labels=tf.ones((4,)), logits=tf.ones((4, 3)))",
    ],
    "float64": [
        "tf.nn.sigmoid_cross_entropy_with_logits(tf.ones((4,)), logits=tf.ones((4,), tf.float64))",
        "tf.Variable(1.).assign(tf.constant(1.,tf.float64))",
    ],
    "labels-rows": [
        "tf.nn.sparse_softmax_cross_entropy_with_logits(labels=tf.ones((3,), tf.int32), "
        "logits=tf.ones((4, 5)))",
    ],
    "label-column": [
        "tf.nn.sparse_softmax_cross_entropy_with_logits(labels=tf.ones((4, 1), tf.int32), "
        "logits=tf.ones((4, 5)))",
    ],
    "none-gradient": [
        "m=net(); "
        "m.compile('sgd', lambda y, p: y*1., run_eagerly=True); "
        "m.fit(ones((4, 4)), ones((4, 3)), verbose=0)",
    ],
    "no-trainable-weights": [
        "m=net(); "
        "m.trainable=False; "
        "m.compile('sgd', 'mse', run_eagerly=True); "
        "m.fit(ones((4, 4)), ones((4, 3)), verbose=0)",
    ],
    "own-layer": [
        "class M(keras.Model):\n"
        "    def __init__(self):\n"
        "        self.d=1\n"
        "    def call(self, x): return x\n"
        "M()(ones((2, 3)))",
        "class M(keras.layers.Layer):\n"
        "    pass\n"
        "M()(ones((2, 3)))",
        "class M(keras.Model):\n"
        "    pass\n"
        "M()(ones((2, 3)))",
        "class M(keras.layers.Layer):\n"
        "    def call(self, x): pass\n"
        "Seq([keras.Input((3,)), M()])",
        "class M(keras.layers.Layer):\n"
        "    def call(self, x): pass\n"
        "i=keras.Input((3,)); keras.Model(i, L.Dense(2)(M()(i)))",
    ],
    "sequential": [
        "net().add(ones(3))",
        "Seq(L.Dense(3))",
        "Seq([L.Dense(3, name='a'), L.Dense(3, name='a')])",
        "i=keras.Input((3,)); keras.Model(i, L.Dense(3, name='a')(L.Dense(3, name='a')(i)))",
        "L.Dense(3, name='a/b')",
    ],
    "layer-input": [
        "L.Dense(3)(L.Dense(3))",
    ],
    "functional": [
        "i=keras.Input((3,)); keras.Model(i, i2 if False else keras.Input((3,)))",
        "keras.Model(ones((2, 3)), ones((2, 3)))",
    ],
    "keras-tensor": [
        "i=keras.Input((3,)); keras.Model(inputs=i, outputs=tf.nn.relu(i))",
        "i=keras.Input((3,)); np.array(i)",
        "i=keras.Input((3,)); i.numpy()",
        "i=keras.Input((3,)); bool(i)",
        "i=keras.Input((3,)); len(i)",
    ],
    "tensor-method": [
        "i=keras.Input((3,)); i.get_shape()",
        "tf.constant([1, 2]).append(3)",
        "tf.constant([1, 2]).reshape(2, 1)",
        "tf.constant([1, 2]).astype('f4')",
        "tf.constant([1, 2]).T",
    ],
    "keras-name": [
        "i=keras.Input((3,)); keras.backend.mean(i)",
        "keras.backend.placeholder((2,))",
        "keras.backend.function([], [])",
        "keras.backend.variable(1.)",
        "from keras.layers import MaxoutDense",
    ],
    "download": [
        "keras.utils.get_file('x', 'http://127.0.0.1:9/x')",
    ],
    "vocabulary": [
        "L.TextVectorization()(np.array(['a b']))",
    ],
    "index-type": [
        "tf.constant([1, 2, 3])[1.5]",
    ],
    "integers": [
        "tf.concat([tf.ones((2, 3)), tf.ones((2, 3), tf.int32)], 0)",
    ],
    "axis": [
        "tf.squeeze(tf.ones((2, 3)), 0)",
        "tf.expand_dims(tf.ones((2, 3)), 5)",
        "tf.transpose(tf.ones((2, 3)), [0, 1, 2])",
        "tf.split(tf.ones((5,)), 2)",
        "tf.reduce_sum(tf.ones((2, 3)), axis=3)",
    ],
    "type-of-operation": [
        "tf.reshape(tf.ones((6,)), (2.5, 3))",
        "tf.nn.dropout(tf.constant([1, 2]), 0.5)",
    ],
    "whole-number": [
        "tf.one_hot([1], 3.0)",
        "tf.constant([1.5], tf.int32)",
        "tf.Variable([1, 2]).assign([1.5, 2.5])",
    ],
    "sparse": [
        "import scipy.sparse; tf.constant(scipy.sparse.eye(3))",
        "tf.sparse.to_dense(tf.SparseTensor([[1, 0], [0, 0]], [1, 2], [2, 2]))",
        "tf.matmul(tf.sparse.from_dense([[1.]]), [[1.]])",
        "tf.sparse.from_dense([[1.]])+1",
        "tf.sparse.sparse_dense_matmul(tf.sparse.from_dense([[1.]]), [[1.], [2.]])",
    ],
    "records": [
        "tf.io.parse_single_example(b'x', {'a':tf.io.FixedLenFeature([], tf.int64)})",
        "e=tf.train.Example().SerializeToString(); "
        "tf.io.parse_single_example(e, {'a':tf.io.FixedLenFeature([], tf.int64)})",
    ],
    "one-number": [
        "if tf.constant([1, 2])>1: pass",
        "int(tf.constant([1, 2]))",
    ],
    "unhashable": [
        "{tf.constant(1): 1}",
    ],
    "numpy-name": [
        "np.int",
        "np.float",
        "np.object",
    ],
    "tensor-assign": [
        "W[0]=1",
        "W+=tf.ones((10, 784))",
        "f=tf.function(lambda: tf.constant(1.).assign(1), autograph=False); f()",
    ],
    "tape-values": [
        "with tf.GradientTape() as t:\n"
        "    t.watch(ones(2))",
        "with tf.GradientTape() as t:\n"
        "    t.watch(tf.constant([1, 2]))\n"
        "    c=tf.reduce_sum(tf.constant([1, 2]))\n"
        "t.gradient(c, W)",
        "with tf.GradientTape() as t:\n"
        "    c=tf.reduce_sum(W).numpy()\n"
        "t.gradient(c, W)",
        "with tf.GradientTape() as t:\n"
        "    c=tf.reduce_sum(W)\n"
        "t.gradient(None, W)",
    ],
    "tape-inside": [
        "t=tf.GradientTape(persistent=True)\n"
        "with t:\n"
        "    c=tf.reduce_sum(W*W)\n"
        "    t.gradient(c, W)",
    ],
    "symbolic-bool": [
        "f=tf.function(lambda a: int(a), autograph=False); f(tf.ones(()))",
        "f=tf.function(lambda a: range(a), autograph=False); f(tf.constant(3))",
        "f=tf.function(lambda a: len(a), autograph=False); f(tf.constant(3))",
        "f=tf.function(lambda a: float(a), autograph=False); f(tf.ones(()))",
        "f=tf.function(lambda a: [i for i in a], autograph=False); f(x)",
    ],
    "symbolic-numpy": [
        "f=tf.function(lambda a: np.mean(a), autograph=False); f(x)",
        "tf.vectorized_map(lambda a: a.numpy(), tf.ones(3))",
        "Data.range(3).map(lambda a: a.numpy())",
    ],
    "branches": [
        "tf.function(lambda c: tf.cond(c, lambda: 1, lambda: 1.5), "
        "autograph=False)(tf.constant(True))",
    ],
    "loop-shape": [
        "tf.function(lambda i: tf.while_loop(lambda i: tf.constant(True), lambda i: tf.concat([i, "
        "i], 0), [i], maximum_iterations=2), autograph=False)(tf.ones(1))",
    ],
    "ragged": [
        "Data.from_tensor_slices([[1, 2], [3]])",
        "tf.constant(tf.ragged.constant([[1], [2, 3]]))",
        "tf.ragged.constant([1, [2]])",
    ],
    "batch-shapes": [
        "list(Data.range(3).map(lambda i: tf.ones(i)).batch(2))",
        "Data.range(3).padded_batch(2, padded_shapes=[3])",
        "list(Data.range(3).map(lambda i: tf.ones(i)).padded_batch(2, padded_shapes=[1]))",
    ],
    "generator": [
        "list(Data.from_generator(lambda: iter([[1, 2], [1]]), output_signature=tf.TensorSpec([2], "
        "tf.int32)))",
        "Data.from_generator(iter([1]), tf.int32)",
    ],
    "map-result": [
        "Data.range(3).map(lambda a: None)",
        "Data.range(3).map(lambda a: {1})",
        "Data.range(3).filter(lambda a: a)",
    ],
    "dataset": [
        "Data.range(3)[0]",
        "Data.range(3).shape",
        "Data.range(3).numpy()",
        "next(Data.range(3))",
    ],
    "dataset-length": [
        "len(Data.range(3).filter(lambda a: a>1))",
        "len(Data.range(3).repeat())",
    ],
    "too-late": [
        "tf.config.set_visible_devices([], 'CPU')",
        "tf.config.threading.set_intra_op_parallelism_threads(3)",
    ],
    "memory": [
        "tf.zeros([2**62, 8])",
        "np.zeros([2**46])",
    ],
}  # fmt: skip
UNKNOWN = [  # by Python, or too seldom for a lesson
    "L.Dense(3).get_weights()[0]",
    "fitted(epochs='3')",
    "L.MultiHeadAttention(2, 2)(ones((2, 3, 4)))",
    "net().export('x', format='tensorflow')",
    "keras.metrics.F1Score()(ones((4,)), ones((4,)))",
    "fitted(L.Dense(3), class_weight='balanced')",
    "L.StringLookup(vocabulary=['a', 'a'])",
    "tf.unstack(tf.ones((5,)), num=3)",
    "tf.one_hot([1])",
    "tf.linalg.inv(tf.zeros((2, 2)))",
    "tf.clip_by_global_norm(W, 1.)",
    "tf.map_fn(lambda a: tf.cast(a, tf.int32), tf.ones(3))",
    "Data.from_tensor_slices(1)",
    "Data.range(3).concatenate(Data.from_tensors(1.))",
    "tf.debugging.assert_equal(1, 2)",
    "tf.executing_eagerly_()",
    "tf.summary.scalar('a', [1, 2], step=0)",
    "keras.config.set_floatx('f32')",
    "keras.utils.set_random_seed(-1)",
]  # fmt: skip


def net(*layers, inp=4):
    """A model of `layers`, or of one with three units, that reads `inp` columns, or inputs of that shape."""
    shape = (inp,) if isinstance(inp, int) else inp
    return keras.Sequential([keras.Input(shape), *(layers or [keras.layers.Dense(3)])])


X, Y = np.ones((4, 4)), np.ones((4, 3))


def fitted(*layers, loss="mse", x=X, y=Y, inp=4, optimizer="sgd", compile=None, **settings):
    """Compile and fit such a model."""
    model = net(*layers, inp=inp)
    model.compile(optimizer, loss, run_eagerly=True, **(compile or {}))
    model.fit(x, y, verbose=0, **settings)


def names():
    """What the mistakes find, beside the names of the snippets."""
    pairs = tf.data.Dataset.from_tensor_slices((np.ones((4, 4)), np.ones((4, 3))))
    return {
        **snippets.names(), "keras": keras, "L": keras.layers, "Seq": keras.Sequential, "Data": tf.data.Dataset,
        "ones": np.ones, "net": net, "fitted": fitted, "pairs": pairs,
    }  # fmt: skip
