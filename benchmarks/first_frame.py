"""How long a new process takes to the first frame of a dance: a program for `generate.py`, not for people.

    python benchmarks/first_frame.py BEGUN generate dance --run DIR --out FILE.mp4 ...

BEGUN is the time at which the process was started, seconds since 1970. Prints as JSON how many seconds later
the libraries (TensorFlow, Keras ...) were loaded and dancenet gave its first frame to the encoder, each on
the clock and of the processor. The rest of the dance is not made.
"""

import importlib
import json
import os
import sys
import time

#: What a dance loads of others beside TensorFlow and Keras, as `python -X importtime` tells.
LIBRARIES = (
    "numpy", "scipy.interpolate", "scipy.ndimage", "cv2", "av", "tyro", "h5py", "rich",
)  # fmt: skip


def main() -> None:
    """Load the libraries, then dance until the first frame reaches the encoder."""
    begun, arguments = float(sys.argv[1]), sys.argv[2:]
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
    from dancenet.console import load_tensorflow

    load_tensorflow()  # and Keras, without what it need not load
    for library in LIBRARIES:
        importlib.import_module(library)
    loaded = {"libraries_s": time.time() - begun, "libraries_cpu_s": time.process_time()}

    from dancenet import cli
    from dancenet.media.video_writer import VideoWriter

    def first(writer: VideoWriter, frames) -> None:
        """Tell the time, and end the process."""
        there = {"first_frame_s": time.time() - begun, "first_frame_cpu_s": time.process_time()}
        print(json.dumps({**loaded, **there}), flush=True)
        os._exit(0)

    VideoWriter.write = first  # type: ignore[method-assign]
    cli.main(arguments)


if __name__ == "__main__":
    main()
