"""Draw figures and write reports of data and runs. Imports no TensorFlow."""
