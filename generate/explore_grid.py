"""A field of poses between two or four poses.

Reads the run's frames, VAE and latents, and pose files; writes one picture, --out. Costs seconds.

The same as `dancenet explore grid`; its --help is the manual.
"""

import sys

from dancenet.cli import main

if __name__ == "__main__":
    main(["explore", "grid", *sys.argv[1:]])
