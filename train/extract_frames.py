"""Stage 1: cut frames out of videos and pack them into a run.

Reads videos or folders of images (data/imgs/ where none is named); writes frames.json, the packed frames
and the contact sheet frames.png into --run. Costs about as long as decoding the videos; disk: one byte per
pixel and channel.

The same as `dancenet frames`; its --help is the manual.
"""

import sys

from dancenet.cli import main

if __name__ == "__main__":
    main(["frames", *sys.argv[1:]])
