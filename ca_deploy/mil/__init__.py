"""ML Programs (Core ML's ``.mlpackage``): read from disk, and run anywhere by a reference executor.

Nothing here needs coremltools or a Mac. An operation is one function in :mod:`ca_deploy.mil.operations`, named and
with parameters as in MIL, Core ML's model intermediate language
(https://apple.github.io/coremltools/source/coremltools.converters.mil.mil.ops.defs.html).
"""
