"""Gradients computed in several ways and compared."""
