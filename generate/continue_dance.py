"""Go on from where a clip or a video stops.

Reads the run in --run and the clip or video in --after;
writes --out and beside it its latents (.latents.npz) and how it was made (.json).
Costs less time than the dance lasts, after some seconds of start-up.

The same as `dancenet generate continue`; its --help is the manual.
"""

import sys

from dancenet.cli import main

if __name__ == "__main__":
    main(["generate", "continue", *sys.argv[1:]])
