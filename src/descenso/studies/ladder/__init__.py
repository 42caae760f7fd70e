"""The cost of eager execution, itemised by ablation."""
