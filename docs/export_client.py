"""A dance from what `dancenet export` has written, with NumPy, Pillow and ONNX Runtime alone.

python export_client.py EXPORT dance.gif 10 1       the folder, the picture, seconds, seed
"""

import json
import sys
from pathlib import Path

import numpy as np
from onnxruntime import InferenceSession
from PIL import Image

folder, out, seconds, seed = Path(sys.argv[1]), sys.argv[2], float(sys.argv[3]), int(sys.argv[4])
about = json.loads((folder / "dancer.json").read_text())
decoder, choreographer = (InferenceSession(folder / f"{name}.onnx") for name in ("decoder", "choreographer"))
center, scale = (np.array(about[name], "float32") for name in ("center", "scale"))
draw, start, random = about["draw"], about["starts"][0], np.random.default_rng(seed)
fixed = {name: np.array(draw[name], "float32") for name in ("temperature", "stray", "spread")}
if about["cues"]:  # 0 of a network that knows no music
    fixed["cues"] = np.array([draw["cues"]], "float32")
body = {"body": np.array([start["body"]], "int32")} if about["dancers"] else {}

pose, state = (np.array([start[name]], "float32") for name in ("pose", "state"))
pictures = []
for _ in range(round(seconds * about["poses_per_second"])):
    chance = {"normal": random.normal(size=(1, 128)), "gumbel": random.gumbel(size=(1, about["components"]))}
    if about["directions"]:
        chance["along"] = random.normal(size=(1, about["directions"]))
    given = {name: noise.astype("float32") for name, noise in chance.items()}
    shown, pose, state = choreographer.run(
        ["shown", "next_pose", "next_state"], {"pose": pose, "state": state, **given, **fixed}
    )
    frame = decoder.run(["frames"], {"latents": shown * scale + center, **body})[0][0]
    pictures.append(Image.fromarray(np.squeeze(np.rint(255 * frame).astype("uint8"))))
pictures[0].save(
    out, save_all=True, append_images=pictures[1:], duration=1000 / about["poses_per_second"], loop=0
)
