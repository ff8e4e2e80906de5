from .forecast import fair_crps as fair_crps
from .forecast import rank_share as rank_share
from .image import mean_absolute_error as mean_absolute_error
from .image import psnr_db as psnr_db
from .image import ssim as ssim
from .mask import mask_scores as mask_scores
