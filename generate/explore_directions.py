"""Directions that change any pose, principal ones or named ones.

Reads the run's frames, VAE and latents; writes directions/ in the run. Costs seconds.

The same as `dancenet explore directions`; its --help is the manual.
"""

import sys

from dancenet.cli import main

if __name__ == "__main__":
    main(["explore", "directions", *sys.argv[1:]])
