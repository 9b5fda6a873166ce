"""Other packages' places for figures (MLflow, Comet, …) and callbacks for their training loops.

Each is imported only by who uses that package; none is a dependency.
"""
