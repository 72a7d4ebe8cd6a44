"""From one phrase into another, or both at once.

Reads the run in --run and the phrases in --phrases;
writes --out and beside it its latents (.latents.npz) and how it was made (.json).
Costs about as long as they last.

The same as `dancenet generate blend`; its --help is the manual.
"""

import sys

from dancenet.cli import main

if __name__ == "__main__":
    main(["generate", "blend", *sys.argv[1:]])
