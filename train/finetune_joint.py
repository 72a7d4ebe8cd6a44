"""Stage 5, optional: fine-tune VAE and choreographer together, at a low rate.

Reads the run's frames, VAE, latents and choreographer; writes joint.json and joint/ into --run, and says
whether the result is kept. Costs the minutes that --minutes says.

The same as `dancenet train joint`; its --help is the manual.
"""

import sys

from dancenet.cli import main

if __name__ == "__main__":
    main(["train", "joint", *sys.argv[1:]])
