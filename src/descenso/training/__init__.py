"""The epoch loop, what it records, and how it may end. It knows engines by their protocol only."""
