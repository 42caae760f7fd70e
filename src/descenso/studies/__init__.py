"""Questions that are answered by running descents."""
