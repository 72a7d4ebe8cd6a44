"""The layers, small networks and the optimiser that VAE and choreographer are made of."""
