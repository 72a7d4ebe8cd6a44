"""Figures that say how good pictures and dances are; one file per family."""
