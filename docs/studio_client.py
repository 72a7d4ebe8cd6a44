"""A client of the studio in thirty lines: saves a snapshot, and three seconds of the dance as a GIF.

    python docs/studio_client.py ws://127.0.0.1:8360/live dance.gif

It needs websockets and pillow; docs/studio-protocol.md says what is spoken.
"""

import io
import json
import struct
import sys

from PIL import Image
from websockets.sync.client import connect

address, out = sys.argv[1:]
pictures, pose = [], None
with connect(address) as studio:
    studio.send(json.dumps({"do": "set", "id": 1, "energy": 0.8}))
    studio.send(json.dumps({"do": "snapshot", "id": 2}))
    while len(pictures) < 90 or pose is None:
        message = studio.recv()
        if isinstance(message, bytes):
            number, revision, nearest, flags, time_s = struct.unpack_from("<IIIIf", message)
            pictures.append(Image.open(io.BytesIO(message[20:])).convert("RGB"))
        elif (event := json.loads(message))["is"] == "failed":
            sys.exit(event["error"])
        elif event["is"] == "done" and event["id"] == 2:
            pose = event["result"]["pose"]
pictures[0].save(out, save_all=True, append_images=pictures[1:], duration=33, loop=0)
print(f"kept the pose {pose}; {len(pictures)} frames in {out}")
