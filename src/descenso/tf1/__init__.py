"""Explain TensorFlow's error messages, and translate TensorFlow 1 scripts. Imports no TensorFlow."""
