"""Stage 2: train the VAE, which turns frames into 128 numbers each and back.

Reads the run's frames; writes vae.json and vae/ (checkpoints, log.jsonl, reconstructions.png) into --run.
Costs the minutes that --minutes says; without it the preset's own (small: 10).

The same as `dancenet train vae`; its --help is the manual.
"""

import sys

from dancenet.cli import main

if __name__ == "__main__":
    main(["train", "vae", *sys.argv[1:]])
