"""What a follow-up is made of: tissue, tumour, and how much of each pixel is tumour.

Kept apart, a border that a network is unsure of does not blur the image: whoever uses the layers decides where the
tumour ends, and lays the two images over one another there.
"""

from __future__ import annotations

import torch
from torch import Tensor


def composed(layers: Tensor) -> Tensor:
    """(b, 2, y, x): the image and the share of tumour.

    Args:
        layers: (b, 3, y, x): the image where there is no tumour, the image where there is, and the share, 0 to 1.
    """
    tissue, tumour, share = layers[:, :1], layers[:, 1:2], layers[:, 2:3]
    return torch.cat([tissue + share * (tumour - tissue), share], dim=1)
