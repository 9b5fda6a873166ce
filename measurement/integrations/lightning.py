"""A callback for PyTorch Lightning: `Trainer(callbacks=[AdvisorCallback(project="bert")])`."""

from __future__ import annotations

import sys
from typing import Any

from carbon_advisor.measurement.integrations.training import Training
from carbon_advisor.measurement.tracker import state_of

if "pytorch_lightning" in sys.modules and "lightning.pytorch" not in sys.modules:
    from pytorch_lightning.callbacks import Callback
else:
    from lightning.pytorch.callbacks import Callback


class AdvisorCallback(Callback):  # type: ignore[misc]
    """Measures each fit, with one task per epoch; `training.result` is what the last one took."""

    def __init__(self, project: str | None = None, run_name: str | None = None, **settings: Any):
        super().__init__()
        self.training = Training(project, run_name, **settings)

    def on_fit_start(self, trainer: Any, pl_module: Any) -> None:  # noqa: ARG002
        self.training.begin()

    def on_train_epoch_start(self, trainer: Any, pl_module: Any) -> None:  # noqa: ARG002
        self.training.begin_epoch(trainer.current_epoch + 1)

    def on_train_epoch_end(self, trainer: Any, pl_module: Any) -> None:  # noqa: ARG002
        self.training.end_epoch()

    def on_fit_end(self, trainer: Any, pl_module: Any) -> None:  # noqa: ARG002
        self.training.end()

    def on_exception(self, trainer: Any, pl_module: Any, exception: BaseException) -> None:  # noqa: ARG002
        self.training.end(state_of(exception))
