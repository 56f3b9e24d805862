"""imagecorruptions 1.1.2, one photo at a time, with a seed.

Its gaussian_blur and glass_blur call scikit-image by an argument that was renamed
(`multichannel`, now `channel_axis`): that one name is wrapped, nothing else changed.
"""

import warnings

import numpy as np

warnings.simplefilter("ignore")

import imagecorruptions  # noqa: E402
import imagecorruptions.corruptions as definitions  # noqa: E402

_gaussian = definitions.gaussian


def _with_channels(image, sigma=1, multichannel=None, **keywords):
    if multichannel:
        keywords.setdefault("channel_axis", -1)
    return _gaussian(image, sigma=sigma, **keywords)


definitions.gaussian = _with_channels

NAMES = imagecorruptions.get_corruption_names("all")


def corrupt(photos, name, severity, seed):
    """Photos, uint8 [n, h, w, 3], under one corruption; all draws follow one seed."""
    np.random.seed(seed)
    out = [imagecorruptions.corrupt(photo, severity, name) for photo in photos]
    return np.stack(out)
