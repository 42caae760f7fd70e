"""Datasets: file formats, checks, scaling, and the order of batches."""
