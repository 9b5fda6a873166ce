"""A callback for Hugging Face's Trainer: `Trainer(callbacks=[AdvisorCallback(project="bert")])`."""

from __future__ import annotations

from typing import Any

from transformers import TrainerCallback

from carbon_advisor.measurement.integrations.training import Training


class AdvisorCallback(TrainerCallback):  # type: ignore[misc]
    """Measures each training, one task per epoch; `training.result` is what the last one took."""

    def __init__(self, project: str | None = None, run_name: str | None = None, **settings: Any):
        super().__init__()
        self.training = Training(project, run_name, **settings)

    def on_train_begin(self, args: Any, state: Any, control: Any, **more: Any) -> None:  # noqa: ARG002
        self.training.begin()

    def on_epoch_begin(self, args: Any, state: Any, control: Any, **more: Any) -> None:  # noqa: ARG002
        self.training.begin_epoch(int(state.epoch or 0) + 1)

    def on_epoch_end(self, args: Any, state: Any, control: Any, **more: Any) -> None:  # noqa: ARG002
        self.training.end_epoch()

    def on_train_end(self, args: Any, state: Any, control: Any, **more: Any) -> None:  # noqa: ARG002
        self.training.end()
