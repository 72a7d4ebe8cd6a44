"""A film from one frame to the next along the latent path.

Reads the run's frames and VAE; writes the video --out and beside it its latents (.latents.npz) and how it
was made (.json). Costs seconds.

The same as `dancenet generate interpolate`; its --help is the manual.
"""

import sys

from dancenet.cli import main

if __name__ == "__main__":
    main(["generate", "interpolate", *sys.argv[1:]])
