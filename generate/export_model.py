"""A trained run as ONNX files for phones, web pages and other programs.

Reads the run in --run, or the built-in dancer's model;
writes export/ in the run, or --out: *.onnx and dancer.json. Costs half a minute.

The same as `dancenet export`; its --help is the manual.
"""

import sys

from dancenet.cli import main

if __name__ == "__main__":
    main(["export", *sys.argv[1:]])
