"""A report on a folder -> sections of blocks and figures, which HTML and Markdown show."""
