"""Gradient check: one gradient computed in several ways, compared."""
