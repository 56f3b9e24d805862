"""The thirteen kinds for which imagecorruptions has ImageNet-C's severities alone, at
CIFAR-10-C's: written from the paper's tables and what its programs do, with NumPy,
SciPy, OpenCV, scikit-image and Pillow, for images of 32 pixels. Slow and plain: it is
what ours is held against, and shares nothing with it. The other six are in mechanics.py.
"""

import io

import cv2
import numpy as np
from PIL import Image
from scipy import ndimage
from skimage import color, filters

from mechanics import to_levels

SEVERITIES = {
    # standard deviation
    "gaussian_noise": [0.04, 0.06, 0.08, 0.09, 0.10],
    # photons of a white pixel
    "shot_noise": [500, 250, 100, 75, 50],
    # share of the values
    "impulse_noise": [0.01, 0.02, 0.03, 0.05, 0.07],
    # standard deviation of the factor
    "speckle_noise": [0.06, 0.1, 0.12, 0.16, 0.2],
    # radius, sigma of the rim
    "defocus_blur": [(0.3, 0.4), (0.4, 0.5), (0.5, 0.6), (1, 0.2), (1.5, 0.1)],
    # sigma, distance, times
    "glass_blur": [(0.05, 1, 1), (0.25, 1, 1), (0.4, 1, 1), (0.25, 1, 2), (0.4, 1, 2)],
    # where the zooms end, from 1 in steps of 0.01
    "zoom_blur": [1.06, 1.11, 1.16, 1.21, 1.26],
    # sigma
    "gaussian_blur": [0.4, 0.6, 0.7, 0.8, 1],
    # mean, standard deviation, sigma, threshold, strength or sigma of the rim, mud
    "spatter": [
        (0.62, 0.1, 0.7, 0.7, 0.5, False),
        (0.65, 0.1, 0.8, 0.7, 0.5, False),
        (0.65, 0.3, 1, 0.69, 0.5, False),
        (0.65, 0.1, 0.7, 0.69, 0.6, True),
        (0.65, 0.1, 0.5, 0.68, 0.6, True),
    ],
    # what is added to the value
    "brightness": [0.05, 0.1, 0.15, 0.2, 0.3],
    # what is left of the distance to the mean
    "contrast": [0.75, 0.5, 0.4, 0.3, 0.15],
    # factor, shift
    "saturate": [(0.3, 0), (0.1, 0), (1.5, 0), (2, 0.1), (2.5, 0.2)],
    # quality
    "jpeg_compression": [80, 65, 58, 50, 40],
}


def gaussian_noise(image, deviation, random):
    return to_levels(image / 255.0 + random.normal(0, deviation, image.shape))


def shot_noise(image, photons, random):
    return to_levels(random.poisson(image / 255.0 * photons) / photons)


def impulse_noise(image, share, random):
    hit = random.random(image.shape) < share
    white = random.random(image.shape) < 0.5
    return np.where(hit, np.where(white, 255, 0), image).astype(np.uint8)


def speckle_noise(image, deviation, random):
    return to_levels(image / 255.0 * (1 + random.normal(0, deviation, image.shape)))


def defocus_blur(image, parameters, random):
    radius, sigma = parameters
    right, down = np.meshgrid(np.arange(-8, 9), np.arange(-8, 9))
    disk = (right**2 + down**2 <= radius**2).astype(np.float32)
    kernel = cv2.GaussianBlur(disk / disk.sum(), ksize=(3, 3), sigmaX=sigma)
    return to_levels(cv2.filter2D(image / 255.0, -1, kernel))


def smooth(unit, sigma):
    return filters.gaussian(unit, sigma=sigma, channel_axis=-1)


def glass_blur(image, parameters, random):
    sigma, distance, times = parameters
    levels = (smooth(image / 255.0, sigma) * 255).astype(np.uint8)
    side = len(levels)
    for _ in range(times):
        for row in range(side - distance, distance, -1):
            for column in range(side - distance, distance, -1):
                right, down = random.integers(-distance, distance, 2)
                # A swap of views, which copies.
                levels[row, column] = levels[row + down, column + right]
    return to_levels(smooth(levels / 255.0, sigma))


def zoom_blur(image, end, random):
    unit = (image / 255.0).astype(np.float32)
    side = len(unit)
    factors = np.arange(1, end, 0.01)
    total = unit.copy()
    for factor in factors:
        part = int(np.ceil(side / factor))
        start = (side - part) // 2
        middle = unit[start : start + part, start : start + part]
        large = ndimage.zoom(middle, (factor, factor, 1), order=1)
        start = (len(large) - side) // 2
        total += large[start : start + side, start : start + side]
    return to_levels(total / (len(factors) + 1))


def gaussian_blur(image, sigma, random):
    return to_levels(smooth(image / 255.0, sigma))


def spatter(image, parameters, random):
    mean, deviation, sigma, threshold, last, mud = parameters
    unit = image.astype(np.float32) / 255
    layer = filters.gaussian(random.normal(mean, deviation, image.shape[:2]), sigma=sigma)
    layer[layer < threshold] = 0
    if mud:
        cover = filters.gaussian((layer > threshold).astype(np.float32), sigma=last)
        cover[cover < 0.8] = 0
        cover = cover[..., None]
        return to_levels(unit * (1 - cover) + np.array([63, 42, 20]) / 255 * cover)
    layer = (layer * 255).astype(np.uint8)
    near = cv2.distanceTransform(255 - cv2.Canny(layer, 50, 150), cv2.DIST_L2, 5)
    near = cv2.blur(np.minimum(near, 20), (3, 3)).astype(np.uint8)
    kernel = np.array([[-2, -1, 0], [-1, 1, 1], [0, 1, 2]])
    near = cv2.filter2D(cv2.equalizeHist(near), cv2.CV_8U, kernel)
    water = layer * cv2.blur(near, (3, 3)).astype(np.float32)
    # Without a drop the benchmark divides by zero.
    water *= last / max(water.max(), 1e-9)
    return to_levels(unit + water[..., None] * np.array([175, 238, 238]) / 255)


def in_hsv(image, change):
    hsv = color.rgb2hsv(image / 255.0)
    change(hsv)
    return to_levels(color.hsv2rgb(hsv))


def brightness(image, shift, random):
    def change(hsv):
        hsv[..., 2] = np.clip(hsv[..., 2] + shift, 0, 1)

    return in_hsv(image, change)


def saturate(image, parameters, random):
    factor, shift = parameters

    def change(hsv):
        hsv[..., 1] = np.clip(hsv[..., 1] * factor + shift, 0, 1)

    return in_hsv(image, change)


def contrast(image, factor, random):
    unit = image / 255.0
    mean = unit.mean(axis=(0, 1), keepdims=True)
    return to_levels((unit - mean) * factor + mean)


def jpeg_compression(image, quality, random):
    file = io.BytesIO()
    Image.fromarray(image).save(file, "JPEG", quality=quality)
    return np.asarray(Image.open(file))


KINDS = {
    "gaussian_noise": gaussian_noise,
    "shot_noise": shot_noise,
    "impulse_noise": impulse_noise,
    "speckle_noise": speckle_noise,
    "defocus_blur": defocus_blur,
    "glass_blur": glass_blur,
    "zoom_blur": zoom_blur,
    "gaussian_blur": gaussian_blur,
    "spatter": spatter,
    "brightness": brightness,
    "contrast": contrast,
    "saturate": saturate,
    "jpeg_compression": jpeg_compression,
}


def corrupt(photos, name, severity, seed):
    """Photos, uint8 [n, 32, 32, 3], under one of the thirteen."""
    random = np.random.default_rng(seed)
    parameters = SEVERITIES[name][severity - 1]
    return np.stack([KINDS[name](photo, parameters, random) for photo in photos])
