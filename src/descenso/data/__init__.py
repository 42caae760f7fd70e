"""What is learned from: datasets, their formats, their checks, and the order in which rows are seen."""
