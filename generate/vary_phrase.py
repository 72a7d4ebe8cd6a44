"""The same phrase, danced differently.

Reads the run in --run and the phrase in --phrase;
writes --out and beside it its latents (.latents.npz) and how it was made (.json).
Costs about as long as the phrase lasts.

The same as `dancenet generate vary`; its --help is the manual.
"""

import sys

from dancenet.cli import main

if __name__ == "__main__":
    main(["generate", "vary", *sys.argv[1:]])
