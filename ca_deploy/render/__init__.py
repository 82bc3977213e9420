"""Reports -> blocks, one module per report; blocks -> terminal. Only ``terminal`` prints."""
