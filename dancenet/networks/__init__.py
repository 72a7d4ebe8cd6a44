"""Layers and small networks that VAE and choreographer are made of, and the optimiser (Muon)."""
