"""A whole piece from a score.

Reads the score (TOML), the run and the files that it names; writes the video and beside it its latents
(.latents.npz), how it was made (.json), and its sections for the next time. Costs about twice the time that
the piece lasts, and the decoding alone where nothing has changed.

The same as `dancenet generate score`; its --help is the manual.
"""

import sys

from dancenet.cli import main

if __name__ == "__main__":
    main(["generate", "score", *sys.argv[1:]])
