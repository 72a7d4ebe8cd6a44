"""All poses of a run in the plane, as a picture, as a page, and for TensorBoard's projector.

Reads the run's frames, VAE and latents; writes explore/map in the run or --out. Costs about a minute.

The same as `dancenet explore map`; its --help is the manual.
"""

import sys

from dancenet.cli import main

if __name__ == "__main__":
    main(["explore", "map", *sys.argv[1:]])
