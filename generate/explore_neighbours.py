"""The moments of the film whose poses are nearest to a pose.

Reads the run's frames, VAE and latents, and pose files; prints moments, and writes a picture with --out.
Costs seconds.

The same as `dancenet explore neighbours`; its --help is the manual.
"""

import sys

from dancenet.cli import main

if __name__ == "__main__":
    main(["explore", "neighbours", *sys.argv[1:]])
