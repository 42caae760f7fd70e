"""The tutorial's two programs as published, and compiled."""
