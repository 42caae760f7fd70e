"""Run directories: what is kept of a descent, written so that nothing is lost. No TensorFlow here."""
