"""A seamless loop of so many seconds or beats.

Reads the run in --run;
writes --out and beside it its latents (.latents.npz) and how it was made (.json).
Costs seconds.

The same as `dancenet generate loop`; its --help is the manual.
"""

import sys

from dancenet.cli import main

if __name__ == "__main__":
    main(["generate", "loop", *sys.argv[1:]])
