"""The verb ``sweep``: models x recipes x calibration sets x devices, on Dask distributed."""
