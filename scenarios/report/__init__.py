"""Reports, pictures and DICOM of a run."""
