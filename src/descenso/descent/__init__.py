"""The mathematics of gradient descent, as pure functions on tensors."""
