"""DICOM as it comes from clinics: series, structures, plans, doses and treatment records, read as one timeline."""
