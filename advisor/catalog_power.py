"""Watts of every instance type's vCPUs: its CPU model's own where known, else of its kind."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from carbon_advisor.measurement.cpu_tables import (
    LOAD_COLUMNS,
    WHOLE_CORES,
    CpuModelFile,
    CpuPower,
    normalized_cpu_name,
)

if TYPE_CHECKING:
    from pathlib import Path

    from carbon_advisor.advisor.catalog_tables import (
        Floats,
        InstanceTypes,
        Ints,
        Microarchitectures,
        Texts,
    )


@dataclass(frozen=True, eq=False, repr=False)
class TypePower:
    """What the vCPUs of each instance type draw; shape (types,), load (types, coordinates).

    Attributes:
        name: whose figures they are: a CPU model or a microarchitecture.
        idle_w, max_w: wall power of a whole server per vCPU.
        memory_gb: memory per vCPU whose power those two contain.
        load: coordinates of the load shape.
        relative_error: half-width of the 90 % interval over the value.
        basis: measured, modelled, family or assumed.
    """

    name: Texts
    idle_w: Floats
    max_w: Floats
    memory_gb: Floats
    load: Floats
    relative_error: Floats
    basis: Texts


def read_type_power(path: Path, types: InstanceTypes, kinds: Microarchitectures) -> TypePower:
    """Return the watts of `types`; `path` is cpu_models.csv."""
    models = CpuModelFile(path)
    models.index()
    pairs, inverse = _distinct(types)
    rows = [_power_of(name, chip, kinds, models) for name, chip in pairs]
    return TypePower(
        name=np.array([row.name for row in rows], dtype=np.str_)[inverse],
        idle_w=np.array([row.idle_w_per_thread for row in rows])[inverse],
        max_w=np.array([row.max_w_per_thread for row in rows])[inverse],
        memory_gb=np.array([row.memory_gb_per_thread for row in rows])[inverse],
        load=np.array([row.load for row in rows], dtype=np.float64)[inverse],
        relative_error=np.array([row.relative_error for row in rows])[inverse],
        basis=np.array([row.basis for row in rows], dtype=np.str_)[inverse],
    )


def _distinct(types: InstanceTypes) -> tuple[list[tuple[str, int]], Ints]:
    """The different pairs of CPU model and microarchitecture, and the place of each type's."""
    places: dict[tuple[str, int], int] = {}
    pairs = zip(types.cpu_model.tolist(), types.microarchitecture.tolist(), strict=True)
    inverse = [places.setdefault(pair, len(places)) for pair in pairs]
    return list(places), np.array(inverse, dtype=np.int64)


def _power_of(name: str, chip: int, kinds: Microarchitectures, models: CpuModelFile) -> CpuPower:
    """The CPU model's figures; per whole core where the vCPU is one; its kind's if not known."""
    kind = _kind_power(chip, kinds)
    model = models.get(normalized_cpu_name(name)) if name else None
    base = kind.name.removesuffix(WHOLE_CORES)
    if model is None or model.power is None or model.microarchitecture != base:
        return kind
    if base == kind.name:
        return model.power
    shared = _kind_power(kinds.id.tolist().index(base), kinds)
    return replace(
        model.power,
        idle_w_per_thread=model.power.idle_w_per_thread
        * (kind.idle_w_per_thread / shared.idle_w_per_thread),
        max_w_per_thread=model.power.max_w_per_thread
        * (kind.max_w_per_thread / shared.max_w_per_thread),
        memory_gb_per_thread=model.power.memory_gb_per_thread
        * (kind.memory_gb_per_thread / shared.memory_gb_per_thread),
        relative_error=max(model.power.relative_error, kind.relative_error),
        basis=kind.basis,
    )


def _kind_power(chip: int, kinds: Microarchitectures) -> CpuPower:
    memory_gb = float(kinds.memory_gb_per_thread[chip])
    return CpuPower(
        name=str(kinds.id[chip]),
        idle_w_per_thread=float(kinds.idle_w_per_thread[chip]),
        max_w_per_thread=float(kinds.max_w_per_thread[chip]),
        memory_gb_per_thread=0.0 if math.isnan(memory_gb) else memory_gb,
        load=tuple(float(getattr(kinds, column)[chip]) for column in LOAD_COLUMNS),
        relative_error=float(kinds.relative_error[chip]),
        basis=str(kinds.basis[chip]),
        source=str(kinds.source[chip]),
    )
