"""Any image to its latents: a pose file.

Reads an image and the run's frames, VAE and latents; writes the pose file --out and beside it a picture.
Costs seconds.

The same as `dancenet explore invert`; its --help is the manual.
"""

import sys

from dancenet.cli import main

if __name__ == "__main__":
    main(["explore", "invert", *sys.argv[1:]])
