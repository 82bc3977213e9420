"""Images: of a calibration set, saved for another comparison, or distilled from a network."""
