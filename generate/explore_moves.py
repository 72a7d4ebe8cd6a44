"""The dancer's vocabulary: moves, what follows what, how usual a dance is.

Reads the run's frames, VAE and latents, and dances; writes explore/moves in the run or --out. Costs seconds.

The same as `dancenet explore moves`; its --help is the manual.
"""

import sys

from dancenet.cli import main

if __name__ == "__main__":
    main(["explore", "moves", *sys.argv[1:]])
