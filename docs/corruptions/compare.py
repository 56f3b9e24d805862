"""Ours beside the reference: deterministic corruptions by the difference in grey levels,
stochastic ones by the mean, the standard deviation and the power spectrum of the change.

    cargo build --example corrupt
    python docs/corruptions/compare.py --corrupt target/debug/examples/corrupt \\
        --photos FOLDER [--only KIND ...] [--cache FOLDER] [--write docs/corruptions.md]
        [--cifar]

FOLDER has photos_224.npy and photos_32.npy, uint8 [n, h, w, 3]. The reference is
imagecorruptions 1.1.2 (pinned with what it needs in requirements.txt), and
mechanics.py where that departs from ImageNet-C. imagecorruptions has one table of
severities, that of 224 pixels, so that beside it ours runs with scale = imagenet_c at
32 pixels, too; mechanics.py has both. With --cifar the kinds that are beside
imagecorruptions run at 32 pixels with CIFAR-10-C's severities, beside cifar.py, and the
tables go between markers of their own.
"""

import argparse
import json
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np
from scipy import stats

import cifar
import mechanics
import peer

DETERMINISTIC = {
    "brightness": 2,
    "contrast": 2,
    "saturate": 2,
    "defocus_blur": 2,
    "gaussian_blur": 2,
    "zoom_blur": 2,
    "jpeg_compression": 3,
    "pixelate": 2,
}
STOCHASTIC = [
    "gaussian_noise",
    "shot_noise",
    "impulse_noise",
    "speckle_noise",
    "glass_blur",
    "spatter",
    "motion_blur",
    "snow",
    "fog",
    "elastic_transform",
    "frost",
]
# Not a comparison of equals: ours has other textures.
SHOWN_ONLY = {"frost"}
BANDS = 8
# A cell fails where any of its figures lies where a seed of the reference would lie once
# in a thousand cells.
LEVEL = 0.001
MARKS = {False: "compare", True: "compare:cifar10_c"}


def arguments():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--corrupt", required=True, help="the built example")
    parser.add_argument("--photos", type=Path, required=True)
    parser.add_argument("--only", nargs="+", default=[*DETERMINISTIC, *STOCHASTIC])
    parser.add_argument("--sizes", type=int, nargs="+", default=[32, 224])
    parser.add_argument("--cifar", action="store_true", help="CIFAR-10-C's severities, of cifar.py")
    parser.add_argument("--seeds", type=int, default=10, help="of the reference")
    parser.add_argument("--cache", type=Path, help="keeps the reference's figures here")
    parser.add_argument("--write", type=Path, help="puts the tables between the markers of a file")
    options = parser.parse_args()
    if options.cifar:
        options.only = [name for name in options.only if name in cifar.KINDS]
        options.sizes = [32]
    return options


def ours(program, photos, name, scale):
    """Our five severities of one kind; None where this build has no such kind."""
    with tempfile.TemporaryDirectory() as folder:
        source = Path(folder) / "photos.npy"
        np.save(source, photos)
        command = [program, source, folder, "--scale", scale, "--only", name]
        subprocess.run(command, check=True)
        files = [Path(folder) / f"{name}_{severity}.npy" for severity in range(1, 6)]
        return [np.load(file) for file in files] if files[0].exists() else None


def reference(photos, name, severity, seed, scale):
    if name in mechanics.KINDS:
        return mechanics.corrupt(photos, name, severity, seed, scale)
    if scale == "cifar10_c":
        return cifar.corrupt(photos, name, severity, seed)
    return peer.corrupt(photos, name, severity, seed)


def change(after, before):
    """Mean, standard deviation, and log10 of the power in rings of equal width on a
    logarithmic scale of frequency, of the change in grey levels."""
    difference = after.astype(float) - before
    height, width = difference.shape[1:3]
    power = np.abs(np.fft.fft2(difference, axes=(1, 2))) ** 2 / (height * width)
    power = power.mean(axis=(0, 3))
    frequency = np.hypot(np.fft.fftfreq(height)[:, None], np.fft.fftfreq(width)[None])
    edges = np.geomspace(1 / width, 0.5, BANDS + 1)
    rings = []
    for low, high in zip(edges, edges[1:]):
        ring = (frequency >= low * 0.999) & (frequency < high * 0.999)
        if ring.any():
            rings.append(float(np.log10(power[ring].mean() + 1e-12)))
    return [float(difference.mean()), float(difference.std()), *rings]


def chosen(name, photos):
    """As many large photos as the seeds of a slow reference allow."""
    if photos.shape[1] < 100 or name in DETERMINISTIC:
        return photos
    return photos[: 1 if name == "glass_blur" else 4]


def reference_changes(options, photos, name, severity, scale):
    key = f"{name}-{photos.shape[1]}-{len(photos)}-{severity}-{scale}-{options.seeds}.json"
    cached = options.cache / key if options.cache else None
    if cached and cached.exists():
        return np.array(json.loads(cached.read_text()))
    seeds = range(options.seeds)
    figures = [change(reference(photos, name, severity, s, scale), photos) for s in seeds]
    if cached:
        cached.parent.mkdir(parents=True, exist_ok=True)
        cached.write_text(json.dumps(figures))
    return np.array(figures)


def stochastic_row(options, photos, name, severity, scale, found):
    spread = reference_changes(options, photos, name, severity, scale)
    mine = np.array(change(found, photos))
    mean, deviation = spread.mean(axis=0), spread.std(axis=0, ddof=1)
    # How far a further seed of the reference may lie from the mean of those seen.
    count = len(spread)
    t = (mine - mean) / (np.maximum(deviation, 1e-9) * np.sqrt(1 + 1 / count))
    limit = stats.t.ppf(1 - LEVEL / 2 / len(mine), count - 1)
    power = (10 ** (mine[2:] - mean[2:]) - 1) * 100
    worst = power[np.argmax(np.abs(power))]
    verdict = "yes" if np.abs(t).max() <= limit else "**no**"
    if name in SHOWN_ONLY:
        verdict = "by design not"
    print(f"{name} {photos.shape[1]} {severity}: t = {np.abs(t).max():.1f} of {limit:.1f}", flush=True)
    return (
        f"| {name} | {photos.shape[1]} | {severity} | {mine[0]:.2f} | {mean[0]:.2f} ± {deviation[0]:.2f} "
        f"| {mine[1]:.2f} | {mean[1]:.2f} ± {deviation[1]:.2f} | {worst:+.1f} % "
        f"| {np.abs(t).max():.1f} | {verdict} |"
    )


def deterministic_row(photos, name, scale, found):
    limit = DETERMINISTIC[name]
    differences = []
    for severity in range(1, 6):
        wanted = reference(photos, name, severity, 0, scale)
        differences.append(np.abs(found[severity - 1].astype(int) - wanted).mean())
    print(f"{name} {photos.shape[1]}: {np.round(differences, 3)}", flush=True)
    cells = " | ".join(f"{difference:.3f}" for difference in differences)
    verdict = "yes" if max(differences) <= limit else "**no**"
    return f"| {name} | {photos.shape[1]} | {cells} | {limit} | {verdict} |"


def tables(options):
    deterministic, stochastic, absent = [], [], set()
    for name in options.only:
        for size in options.sizes:
            photos = chosen(name, np.load(options.photos / f"photos_{size}.npy"))
            small = size < 64 and (options.cifar or name in mechanics.KINDS)
            scale = "cifar10_c" if small else "imagenet_c"
            found = ours(options.corrupt, photos, name, scale)
            if found is None:
                absent.add(name)
            elif name in DETERMINISTIC:
                deterministic.append(deterministic_row(photos, name, scale, found))
            else:
                for severity in range(1, 6):
                    one = found[severity - 1]
                    row = stochastic_row(options, photos, name, severity, scale, one)
                    stochastic.append(row)
    photos = "64 photos of 32 pixels"
    if options.sizes != [32]:
        photos += " and 4 of 224 (glass_blur: 1)"
    text = (
        "Deterministic corruptions: the mean absolute difference in grey levels, of 255, over all "
        "photos.\n\n| corruption | pixels | 1 | 2 | 3 | 4 | 5 | limit | within |\n"
        "|---|---|---|---|---|---|---|---|---|\n" + "\n".join(deterministic) + "\n\n"
        f"Stochastic corruptions: the change in grey levels, over {photos}; the reference's is the "
        f"mean over {options.seeds} seeds ± the standard deviation from seed to seed. *Power* is the "
        f"difference in the ring of the spectrum ({BANDS} rings) in which it is largest. *t* is the "
        "largest distance of any of these figures from the reference's mean, in its seed-to-seed "
        "spread; within is what nine hundred and ninety-nine of a thousand seeds of the reference "
        "would be.\n\n| corruption | pixels | severity | mean | reference | deviation | reference "
        "| power | t | within |\n|---|---|---|---|---|---|---|---|---|---|\n" + "\n".join(stochastic)
    )
    return text, absent


def main():
    options = arguments()
    text, absent = tables(options)
    if absent:
        print("not in this build:", ", ".join(sorted(absent)), file=sys.stderr)
    if options.write is None:
        print(text)
        return
    old = options.write.read_text()
    mark = MARKS[options.cifar]
    begin, end = f"<!-- {mark}:begin -->", f"<!-- {mark}:end -->"
    head, rest = old.split(begin)
    tail = rest.split(end)[1]
    options.write.write_text(f"{head}{begin}\n\n{text}\n\n{end}{tail}")


if __name__ == "__main__":
    main()
