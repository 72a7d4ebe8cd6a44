"""How a stage is trained: the loop, its checkpoints, its batch, and what every stage does alike."""
