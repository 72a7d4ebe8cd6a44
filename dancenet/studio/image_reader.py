"""Decodes one image in a process of its own: `uploads.decoded_image` runs this, nobody imports it.

Standard input: the file. Standard output: height and width as little-endian uint32, then RGB.
"""

import sys

from dancenet.studio.apart import confine, refuse

#: The picture's longest side, pixels: frames are smaller.
LONGEST = 1600
#: Beginnings of the files that are read.
KINDS = (b"\xff\xd8\xff", b"\x89PNG\r\n\x1a\n", b"RIFF")
MEMORY_BYTES, CPU_S = 2_000_000_000, 15


def main() -> None:
    """Decode."""
    confine(memory_bytes=MEMORY_BYTES, cpu_s=CPU_S)
    from dancenet.errors import DancenetError

    try:
        sys.stdout.buffer.write(decoded(sys.stdin.buffer.read()))
    except DancenetError as error:
        refuse(error)


def decoded(data: bytes) -> bytes:
    """A file → height and width of its picture as little-endian uint32, then RGB; large ones made smaller.

    Raises:
        DancenetError: it is none, damaged, or too large.
    """
    from dancenet.errors import DancenetError

    if not data.startswith(KINDS):
        raise DancenetError("that is no image that the studio reads", "a JPEG, PNG or WebP")
    # what is no image is refused before these are loaded
    import cv2
    import numpy as np

    from dancenet.media.pictures import as_picture

    try:
        picture = as_picture(data)
    except cv2.error as error:
        if "MAX_IMAGE" not in str(error):
            raise
        raise DancenetError(
            "the image has too many pixels", "40 megapixels at most", "make it smaller"
        ) from None
    if picture is None:
        raise DancenetError("the image is damaged", "a whole JPEG, PNG or WebP", "export it again")
    height, width = picture.shape[:2]
    ratio = LONGEST / max(height, width)
    if ratio < 1:
        size = max(1, round(width * ratio)), max(1, round(height * ratio))
        picture = cv2.resize(picture, size, interpolation=cv2.INTER_AREA)
    return np.array(picture.shape[:2], "<u4").tobytes() + picture.tobytes()


if __name__ == "__main__":
    main()
