"""Networks on arrays of calibrated devices: data, layers, training algorithms."""
