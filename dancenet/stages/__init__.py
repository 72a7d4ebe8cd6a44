"""Stages 3 to 6, and what they read off takes and dances; stage 2 is in `training.py`."""
