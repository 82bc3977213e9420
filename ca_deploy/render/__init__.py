"""Reports -> blocks, one module per report; blocks -> terminal, the only module that prints."""
