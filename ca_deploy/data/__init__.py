"""Images: calibration sets, saved inputs of a comparison, and images distilled from a network."""
