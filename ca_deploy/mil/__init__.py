"""ML Programs (Core ML's ``.mlpackage``): a reader, and a reference executor that runs on every system.

Neither needs coremltools or macOS. Each operation is one function in :mod:`ca_deploy.mil.operations`, with the name
and parameters it has in MIL, Core ML's model intermediate language
(https://apple.github.io/coremltools/source/coremltools.converters.mil.mil.ops.defs.html).
"""
