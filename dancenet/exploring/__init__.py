"""A run's latent space: poses, ways through it, directions, moves, and its map."""
