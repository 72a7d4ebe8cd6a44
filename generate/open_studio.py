"""The studio: the dancer alive in the browser, to explore, to direct and to make a piece with.

Reads a run, or a folder of runs; writes what is made by hand into the run's folder studio/. Costs about half
a core while someone watches, and nothing else.

The same as `dancenet studio`; its --help is the manual.
"""

import sys

from dancenet.cli import main

if __name__ == "__main__":
    main(["studio", *sys.argv[1:]])
