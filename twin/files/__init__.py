"""Files on disk: the twin folder, NIfTI, NRRD and MetaImage, archives and clinical tables; whole or not at all."""
