"""What TensorFlow 1 code, and TensorFlow's messages, want of who wrote them. Nothing here imports TensorFlow."""
