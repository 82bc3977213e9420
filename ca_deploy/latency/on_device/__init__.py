"""Scripts that run on a device; in a separate folder, because Python puts the folder of a script on its search path."""
