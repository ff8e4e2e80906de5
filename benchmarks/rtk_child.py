"""Projects and reconstructs with RTK, in an environment of its own: benchmarks/scanners.py starts it.

    python rtk_child.py FOLDER

FOLDER holds object.npy (z, y, x), case.json; it gets rtk_projections.npy (views, nu, nv) and rtk_image.npy (z, y, x).
"""

import json
import sys
import time
from pathlib import Path

import itk
import numpy as np
from itk import RTK as rtk

KIND = itk.Image[itk.F, 3]


def image(array: np.ndarray, spacing, origin):
    made = itk.image_from_array(np.ascontiguousarray(array, dtype=np.float32))
    made.SetSpacing([float(s) for s in spacing])
    made.SetOrigin([float(o) for o in origin])
    return made


def turned(volume: np.ndarray) -> np.ndarray:
    """RTK's axes (z, y, x) are -y, z and x of the patient."""
    return volume.transpose(1, 0, 2)[::-1]


def centred(n, step):
    return -(n - 1) / 2 * step


def main(folder: Path) -> None:
    case = json.loads((folder / "case.json").read_text())
    values = np.load(folder / "object.npy")
    geometry = rtk.ThreeDCircularProjectionGeometry.New()
    for degrees in case["degrees"]:
        geometry.AddProjection(case["source_mm"], case["detector_mm"], degrees, case["offset_mm"], 0.0)
    nu, nv, pitch = case["nu"], case["nv"], case["pitch_mm"]
    views = len(case["degrees"])
    dz, dy, dx = case["spacing_mm"]
    nz, ny, nx = values.shape
    spacing, origin = (dx, dz, dy), (centred(nx, dx), centred(nz, dz), centred(ny, dy))
    blank = image(
        np.zeros((views, nv, nu)), (pitch, pitch, 1.0), (centred(nu, pitch), centred(nv, pitch), 0.0)
    )
    begin = time.perf_counter()
    forward = rtk.JosephForwardProjectionImageFilter[KIND, KIND].New()
    forward.SetInput(0, blank)
    forward.SetInput(1, image(turned(values), spacing, origin))
    forward.SetGeometry(geometry)
    forward.Update()
    middle = time.perf_counter()
    seen = forward.GetOutput()
    np.save(folder / "rtk_projections.npy", itk.array_from_image(seen).transpose(0, 2, 1))
    (mz, my, mx), (sz, sy, sx) = case["image_shape"], case["image_spacing_mm"]
    source = image(np.zeros((my, mz, mx)), (sx, sz, sy), (centred(mx, sx), centred(mz, sz), centred(my, sy)))
    seen.DisconnectPipeline()
    begin_fdk = time.perf_counter()
    if case["offset_mm"]:
        wide = rtk.DisplacedDetectorImageFilter[KIND].New()
        wide.SetInput(seen)
        wide.SetGeometry(geometry)
        wide.Update()
        seen = wide.GetOutput()
    fdk = rtk.FDKConeBeamReconstructionFilter[KIND].New()
    fdk.SetInput(0, source)
    fdk.SetInput(1, seen)
    fdk.SetGeometry(geometry)
    fdk.Update()
    end = time.perf_counter()
    made = itk.array_from_image(fdk.GetOutput())[::-1].transpose(1, 0, 2)
    np.save(folder / "rtk_image.npy", np.ascontiguousarray(made))
    print(json.dumps({"forward_s": middle - begin, "fdk_s": end - begin_fdk}))


main(Path(sys.argv[1]))
