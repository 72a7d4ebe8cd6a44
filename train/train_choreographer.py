"""Stage 4: train the choreographer, which continues a sequence of latents.

Reads the run's latents; writes choreographer.json and choreographer/ (checkpoints, log.jsonl) into --run.
Costs the minutes that --minutes says; without it the preset's own (small: 10).

The same as `dancenet train choreographer`; its --help is the manual.
"""

import sys

from dancenet.cli import main

if __name__ == "__main__":
    main(["train", "choreographer", *sys.argv[1:]])
