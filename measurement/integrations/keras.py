"""A callback for Keras: `model.fit(x, y, callbacks=[AdvisorCallback(project="digits")])`."""

from __future__ import annotations

from typing import Any

from keras.callbacks import Callback

from carbon_advisor.measurement.integrations.training import Training


class AdvisorCallback(Callback):  # type: ignore[misc]
    """Measures each fit, with one task per epoch; `training.result` is what the last one took."""

    def __init__(self, project: str | None = None, run_name: str | None = None, **settings: Any):
        super().__init__()
        self.training = Training(project, run_name, **settings)

    def on_train_begin(self, logs: Any = None) -> None:  # noqa: ARG002
        self.training.begin()

    def on_epoch_begin(self, epoch: int, logs: Any = None) -> None:  # noqa: ARG002
        self.training.begin_epoch(epoch + 1)

    def on_epoch_end(self, epoch: int, logs: Any = None) -> None:  # noqa: ARG002
        self.training.end_epoch()

    def on_train_end(self, logs: Any = None) -> None:  # noqa: ARG002
        self.training.end()
