"""What training is fed with: batches of frames and where the dancer stands in them, made ahead by threads."""
