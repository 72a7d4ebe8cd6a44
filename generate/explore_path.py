"""A film from pose to pose by way of poses that the dancer takes.

Reads the run's frames, VAE and latents, and pose files; writes the video --out and beside it the path as a
file (.json). Costs seconds.

The same as `dancenet explore path`; its --help is the manual.
"""

import sys

from dancenet.cli import main

if __name__ == "__main__":
    main(["explore", "path", *sys.argv[1:]])
