"""Each of the strongest dimensions swept, one strip each.

Reads the run's frames, VAE and latents; writes one picture, explore/traverse.png in the run or --out.
Costs seconds.

The same as `dancenet explore traverse`; its --help is the manual.
"""

import sys

from dancenet.cli import main

if __name__ == "__main__":
    main(["explore", "traverse", *sys.argv[1:]])
