"""Graph passes: rewrite a traced network into an equivalent one that converts, or that runs faster once converted.

Each pass is one function in a file of its own. It edits a ``torch.fx.GraphModule`` of ATen operators in place (as from
``torch.export.export(module, example).module()``, including loaded ``.pt2`` programs), relies on the shapes in
``node.meta["val"]``, and returns the number of places it changed. Results stay equal up to float rounding.
"""
