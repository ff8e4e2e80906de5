"""DICOM written for planning systems and archives."""
