"""watchd: the control plane. Stands outside, watches, closes the fence and kills; never repairs."""
