"""A new dance by a trained run.

Reads the run in --run; writes the video --out and beside it its latents (.latents.npz) and how it was made
(.json). Costs less time than the dance lasts, after some seconds of start-up.

The same as `dancenet generate dance`; its --help is the manual.
"""

import sys

from dancenet.cli import main

if __name__ == "__main__":
    main(["generate", "dance", *sys.argv[1:]])
