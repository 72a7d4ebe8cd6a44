"""Directing: the verbs with which a choreographer works on dances that a trained run makes."""
