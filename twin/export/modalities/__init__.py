"""How a scan becomes DICOM: one file a modality, of the name that `Volume.modality` has, with a function `write`."""
