"""The choreographer rolled out, in time with music; the model that comes with dancenet."""
