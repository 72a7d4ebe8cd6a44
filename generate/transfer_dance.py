"""One dancer of a run dances what another one danced.

Reads the run in --run, who shall dance in --dancer, and what drives in --video or --clip;
writes --out and beside it its latents (.latents.npz) and how it was made (.json).
Costs about as long as what drives lasts.

The same as `dancenet generate transfer`; its --help is the manual.
"""

import sys

from dancenet.cli import main

if __name__ == "__main__":
    main(["generate", "transfer", *sys.argv[1:]])
