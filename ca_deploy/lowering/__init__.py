"""Graph passes: rewrite a traced network into an equivalent one that a converter takes, or runs better.

A pass is one file and one function. It edits a ``torch.fx.GraphModule`` of ATen operators in place (what
``torch.export.export(module, example).module()`` gives, a loaded ``.pt2`` program included), relies on the shapes
in ``node.meta["val"]``, and returns how many places it changed. It changes no result beyond float rounding.
"""
