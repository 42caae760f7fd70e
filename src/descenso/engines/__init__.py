"""The ways to run gradient descent. An engine owns the gradient and the loop, nothing else."""
