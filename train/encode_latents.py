"""Stage 3: encode every frame with the VAE's best checkpoint.

Reads the run's frames and VAE; writes latents.json and latents.npz into --run. Costs seconds per minute of
film.

The same as `dancenet train latents`; its --help is the manual.
"""

import sys

from dancenet.cli import main

if __name__ == "__main__":
    main(["train", "latents", *sys.argv[1:]])
