"""The public functions, one module per verb."""
