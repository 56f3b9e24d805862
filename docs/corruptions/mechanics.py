"""The six corruptions in which imagecorruptions departs from ImageNet-C, written from
the definition (the paper's tables and what its programs do), with NumPy, SciPy,
OpenCV and Pillow. Parameters of both scales. Slow and plain: it is what ours is held
against, and shares nothing with it.

`frost` takes its textures from imagecorruptions' package; ours are made by a formula.
"""

from pathlib import Path

import cv2
import numpy as np
from PIL import Image
from scipy import ndimage

SEVERITIES = {
    # radius, sigma
    "motion_blur": {
        "imagenet_c": [(10, 3), (15, 5), (15, 8), (15, 12), (20, 15)],
        "cifar10_c": [(6, 1), (6, 1.5), (6, 2), (8, 2), (9, 2.5)],
    },
    # location, scale, zoom, threshold, radius, sigma, share of the image
    "snow": {
        "imagenet_c": [
            (0.1, 0.3, 3, 0.5, 10, 4, 0.8),
            (0.2, 0.3, 2, 0.5, 12, 4, 0.7),
            (0.55, 0.3, 4, 0.9, 12, 8, 0.7),
            (0.55, 0.3, 4.5, 0.85, 12, 8, 0.65),
            (0.55, 0.3, 2.5, 0.85, 12, 12, 0.55),
        ],
        "cifar10_c": [
            (0.1, 0.2, 1, 0.6, 8, 3, 0.95),
            (0.1, 0.2, 1, 0.5, 10, 4, 0.9),
            (0.15, 0.3, 1.75, 0.55, 10, 4, 0.9),
            (0.25, 0.3, 2.25, 0.6, 12, 6, 0.85),
            (0.3, 0.3, 1.25, 0.65, 14, 12, 0.8),
        ],
    },
    # weight of the image, weight of the texture
    "frost": {
        "imagenet_c": [(1, 0.4), (0.8, 0.6), (0.7, 0.7), (0.65, 0.7), (0.6, 0.75)],
        "cifar10_c": [(1, 0.2), (1, 0.3), (0.9, 0.4), (0.85, 0.4), (0.75, 0.45)],
    },
    # amount, decay of the wibble
    "fog": {
        "imagenet_c": [(1.5, 2), (2, 2), (2.5, 1.7), (2.5, 1.5), (3, 1.4)],
        "cifar10_c": [(0.2, 3), (0.5, 3), (0.75, 2.5), (1, 2), (1.5, 1.75)],
    },
    # alpha, sigma, affine, in pixels: multiples of 244 and of 32
    "elastic_transform": {
        "imagenet_c": [
            (244 * 2, 244 * 0.7, 244 * 0.1),
            (244 * 2, 244 * 0.08, 244 * 0.2),
            (244 * 0.05, 244 * 0.01, 244 * 0.02),
            (244 * 0.07, 244 * 0.01, 244 * 0.02),
            (244 * 0.12, 244 * 0.01, 244 * 0.02),
        ],
        "cifar10_c": [
            (0, 0, 32 * 0.08),
            (32 * 0.05, 32 * 0.2, 32 * 0.07),
            (32 * 0.08, 32 * 0.06, 32 * 0.06),
            (32 * 0.1, 32 * 0.04, 32 * 0.05),
            (32 * 0.1, 32 * 0.03, 32 * 0.03),
        ],
    },
    # share of the side
    "pixelate": {
        "imagenet_c": [0.6, 0.5, 0.4, 0.3, 0.25],
        "cifar10_c": [0.95, 0.9, 0.85, 0.75, 0.65],
    },
}


def to_levels(image):
    """Clipped on the unit scale, and truncated."""
    return (np.clip(image, 0, 1) * 255).astype(np.uint8)


def line_filter(image, radius, sigma, degrees):
    """ImageMagick's motion blur of 8-bit values: half a Gaussian along a line of
    2 radius + 1 steps, whose points go to whole pixels, borders repeated, truncated
    to levels as ImageMagick 6.9 (16-bit) writes them."""
    steps = np.arange(2 * int(np.ceil(radius)) + 1)
    weights = np.exp(-(steps**2) / (2.0 * sigma**2))
    weights /= weights.sum()
    angle = np.deg2rad(degrees)
    right = np.ceil(steps * np.cos(angle) - 0.5).astype(int)
    down = np.ceil(steps * np.sin(angle) - 0.5).astype(int)
    height, width = image.shape[:2]
    total = np.zeros(image.shape)
    for weight, x, y in zip(weights, right, down):
        rows = np.clip(np.arange(height) + y, 0, height - 1)
        columns = np.clip(np.arange(width) + x, 0, width - 1)
        total += weight * image[np.ix_(rows, columns)]
    return np.floor(total + 1e-4).clip(0, 255).astype(np.uint8)


def motion_blur(image, parameters, random):
    radius, sigma = parameters
    return line_filter(image, radius, sigma, random.uniform(-45, 45))


def zoomed(layer, factor):
    """The middle of a square layer, enlarged to at least its size, linearly, trimmed."""
    side = layer.shape[0]
    part = int(np.ceil(side / factor))
    start = (side - part) // 2
    large = ndimage.zoom(layer[start : start + part, start : start + part], factor, order=1)
    start = (large.shape[0] - side) // 2
    return large[start : start + side, start : start + side]


def snow(image, parameters, random):
    location, scale, zoom, threshold, radius, sigma, share = parameters
    unit = image.astype(np.float32) / 255
    layer = zoomed(random.normal(location, scale, image.shape[:2]), zoom)
    layer[layer < threshold] = 0
    layer = line_filter(to_levels(layer), radius, sigma, random.uniform(-135, -45)) / 255.0
    grey = cv2.cvtColor(unit, cv2.COLOR_RGB2GRAY)[..., None]
    mixed = share * unit + (1 - share) * np.maximum(unit, grey * 1.5 + 0.5)
    return to_levels(mixed + layer[..., None] + layer[::-1, ::-1, None])


def frost(image, parameters, random):
    import imagecorruptions

    of_image, of_texture = parameters
    folder = Path(imagecorruptions.__file__).parent / "frost"
    name = ["frost1.png", "frost2.png", "frost3.png", "frost4.jpg", "frost5.jpg"][random.integers(5)]
    texture = cv2.imread(str(folder / name))[..., ::-1]
    height, width = image.shape[:2]
    if height < 64:
        texture = cv2.resize(texture, (0, 0), fx=0.2, fy=0.2)
    top = random.integers(texture.shape[0] - height)
    left = random.integers(texture.shape[1] - width)
    part = texture[top : top + height, left : left + width]
    return np.clip(of_image * image.astype(float) + of_texture * part, 0, 255).astype(np.uint8)


def plasma(side, decay, random):
    """Diamond-square on a torus: each new point is the mean of four, and noise whose
    range is the square of the wibble, which decays level by level."""
    heights = np.zeros((side, side))
    step, wibble = side, 100.0
    while step > 1:
        half = step // 2

        def noise(like):
            return wibble * random.uniform(-wibble, wibble, like.shape)

        corners = heights[::step, ::step]
        right = np.roll(corners, -1, 1)
        mean = (corners + right + np.roll(corners, -1, 0) + np.roll(right, -1, 0)) / 4
        heights[half::step, half::step] = mean + noise(mean)
        middles = heights[half::step, half::step]
        above = (corners + np.roll(corners, -1, 1) + middles + np.roll(middles, 1, 0)) / 4
        heights[::step, half::step] = above + noise(above)
        beside = (corners + np.roll(corners, -1, 0) + middles + np.roll(middles, 1, 1)) / 4
        heights[half::step, ::step] = beside + noise(beside)
        step, wibble = half, wibble / decay
    heights -= heights.min()
    return heights / heights.max()


def fog(image, parameters, random):
    amount, decay = parameters
    unit = image / 255.0
    height, width = image.shape[:2]
    side = 1 << (max(height, width) - 1).bit_length()
    most = unit.max()
    veil = plasma(side, decay, random)[:height, :width, None]
    return to_levels((unit + amount * veil) * most / (most + amount))


def elastic_transform(image, parameters, random):
    alpha, sigma, affine = parameters
    unit = image.astype(np.float32) / 255
    height, width = image.shape[:2]
    middle = np.float32([height // 2, width // 2])
    third = min(height, width) // 3
    before = np.float32([middle + third, middle + [third, -third], middle - third])
    after = before + random.uniform(-affine, affine, before.shape).astype(np.float32)
    matrix = cv2.getAffineTransform(before, after)
    unit = cv2.warpAffine(unit, matrix, (width, height), borderMode=cv2.BORDER_REFLECT_101)

    def offsets():
        field = random.uniform(-1, 1, (height, width))
        return ndimage.gaussian_filter(field, sigma, mode="reflect", truncate=3) * alpha

    right, down = offsets(), offsets()
    rows, columns = np.mgrid[:height, :width]
    places = [rows + down, columns + right]
    planes = [
        ndimage.map_coordinates(unit[..., channel], places, order=1, mode="reflect")
        for channel in range(3)
    ]
    return to_levels(np.stack(planes, -1))


def pixelate(image, share, random):
    height, width = image.shape[:2]
    small = Image.fromarray(image).resize((int(width * share), int(height * share)), Image.BOX)
    return np.asarray(small.resize((width, height), Image.BOX))


KINDS = {
    "motion_blur": motion_blur,
    "snow": snow,
    "frost": frost,
    "fog": fog,
    "elastic_transform": elastic_transform,
    "pixelate": pixelate,
}


def corrupt(photos, name, severity, seed, scale):
    """Photos, uint8 [n, h, w, 3], under one of the six."""
    random = np.random.default_rng(seed)
    parameters = SEVERITIES[name][scale][severity - 1]
    return np.stack([KINDS[name](photo, parameters, random) for photo in photos])
