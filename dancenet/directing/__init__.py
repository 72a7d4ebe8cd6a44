"""Directing: the choreographer's verbs, scores made of them, and both written as files."""
