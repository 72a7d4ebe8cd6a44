"""Any video through a run's VAE: real on the left, decoded on the right.

Reads the run's frame options and VAE and the video in --video; writes the video --out and its figures
(.json). Costs about as long as the video lasts.

The same as `dancenet generate reconstruct`; its --help is the manual.
"""

import sys

from dancenet.cli import main

if __name__ == "__main__":
    main(["generate", "reconstruct", *sys.argv[1:]])
