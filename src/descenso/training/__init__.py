"""Training runs: plan, loop, control, checkpoints, evaluation, and the session that saves them."""
