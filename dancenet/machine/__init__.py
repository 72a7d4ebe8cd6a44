"""What computes: processors, GPUs, several of them, several machines; compiled functions and steps."""
