"""Sweeps: many training runs over the same batches, as one program where that is faster."""
