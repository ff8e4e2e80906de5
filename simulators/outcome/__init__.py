"""What becomes of the patient: control, complications and the course of life."""
