"""A dance that passes through keyframes on time.

Reads the run in --run and the keyframes in --keys;
writes --out and beside it its latents (.latents.npz) and how it was made (.json).
Costs about twice the time that the dance lasts.

The same as `dancenet generate between`; its --help is the manual.
"""

import sys

from dancenet.cli import main

if __name__ == "__main__":
    main(["generate", "between", *sys.argv[1:]])
