"""What a choreographer is measured against: baselines, trivial dancers, what really came next."""
