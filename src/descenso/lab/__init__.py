"""The lab: a page in the browser on which training is watched and steered, served by this machine alone."""
