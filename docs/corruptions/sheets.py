"""One picture for each corruption: severities 1 to 5, ours above, imagecorruptions
1.1.2 below (where it has the corruption).

    cargo run --example corrupt -- photos_224.npy OUT
    python docs/corruptions/sheets.py OUT --photos photos_224.npy [--photo N] [--only KIND ...]

Writes docs/corruptions/<kind>.jpg, of at most 120 KB.
"""

import argparse
from io import BytesIO
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw, ImageFont

import peer

GAP, LABEL, LARGEST = 6, 16, 120_000


def arguments():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("ours", type=Path, help="the folder that the example `corrupt` wrote")
    parser.add_argument("--photos", type=Path, required=True)
    parser.add_argument("--photo", type=int, default=0, help="which, from 0")
    parser.add_argument("--only", nargs="+")
    parser.add_argument("--output", type=Path, default=Path(__file__).parent)
    return parser.parse_args()


def sheet(rows):
    """Rows of (words, five pictures), below each other."""
    height, width = rows[0][1][0].shape[:2]
    page = Image.new(
        "RGB",
        (GAP + 5 * (width + GAP), len(rows) * (LABEL + height + GAP)),
        "white",
    )
    draw = ImageDraw.Draw(page)
    font = ImageFont.load_default()
    for row, (words, pictures) in enumerate(rows):
        top = row * (LABEL + height + GAP)
        for severity, picture in enumerate(pictures, start=1):
            left = GAP + (severity - 1) * (width + GAP)
            draw.text((left, top + 2), f"{words}, severity {severity}", "black", font)
            page.paste(Image.fromarray(picture), (left, top + LABEL))
    return page


def jpeg(page):
    """The page at the best quality that keeps it small."""
    for quality in range(90, 20, -5):
        bytes = BytesIO()
        page.save(bytes, "JPEG", quality=quality, optimize=True)
        if bytes.tell() <= LARGEST:
            break
    return bytes.getvalue()


def main():
    options = arguments()
    photo = np.load(options.photos)[options.photo]
    names = sorted(path.stem.removesuffix("_1") for path in options.ours.glob("*_1.npy"))
    for name in options.only or names:
        files = [options.ours / f"{name}_{severity}.npy" for severity in range(1, 6)]
        rows = [(f"steadfast {name}", [np.load(file)[options.photo] for file in files])]
        if name in peer.NAMES:
            theirs = [peer.corrupt([photo], name, severity, 1)[0] for severity in range(1, 6)]
            rows.append(("imagecorruptions", theirs))
        path = options.output / f"{name}.jpg"
        path.write_bytes(jpeg(sheet(rows)))
        print(f"{path}: {path.stat().st_size // 1000} KB", flush=True)


if __name__ == "__main__":
    main()
