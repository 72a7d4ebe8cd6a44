"""Stage 6, optional: teach the decoder to draw dances as sharply as film.

Reads the run's frames, VAE, latents and choreographer; writes sharpen.json and sharpen/ into --run, and says
whether the result is kept. Costs the minutes that --minutes says.

The same as `dancenet train sharpen`; its --help is the manual.
"""

import sys

from dancenet.cli import main

if __name__ == "__main__":
    main(["train", "sharpen", *sys.argv[1:]])
