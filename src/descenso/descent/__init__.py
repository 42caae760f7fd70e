"""The mathematics of a descent, as pure functions on tensors."""
