"""A trained run at work: models loaded, the choreographer rolled out, in time with music."""
