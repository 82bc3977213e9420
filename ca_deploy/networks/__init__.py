"""From a name, a factory or a program, with weights, to a network that is ready to run."""
