"""`python -m dancenet` is the command `dancenet`."""

import sys

from dancenet.cli import main

if __name__ == "__main__":
    sys.argv[0] = "dancenet"  # in place of __main__.py, for what is saved about how things were made
    main()
