"""Pack a demo's run into the model that comes with dancenet: `make model`.

python tools/pack_built_in_dancer.py out/model/run
"""

import sys
from pathlib import Path

from dancenet.console import load_tensorflow
from dancenet.runs import Run

if __name__ == "__main__":
    load_tensorflow()
    from dancenet.dancing import shipped

    size = shipped.pack(Run(Path(sys.argv[1])))
    print(f"{shipped.MODEL}: {size / 1e6:.1f} MB")
