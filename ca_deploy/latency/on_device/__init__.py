"""Files that run on a device by themselves, in a folder of their own: Python puts it on its search path."""
