"""Pictures, videos and sound as files."""
