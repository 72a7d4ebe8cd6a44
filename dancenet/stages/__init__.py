"""The trained stages after the VAE, and what is measured at their ends."""
