"""Measure a run's dances beside unseen real dance and beside trivial dancers.

Reads a run that can dance; writes evaluation/report.html, report.json and the dances into the run.
Costs the making of the dances, and one look at every frame of the film.

The same as `dancenet evaluate`; its --help is the manual.
"""

import sys

from dancenet.cli import main

if __name__ == "__main__":
    main(["evaluate", *sys.argv[1:]])
