"""What training is fed with: batches of frames, noise, and threads that make them ahead."""
