"""Pictures of data and runs. They read; they never train. No TensorFlow here."""
