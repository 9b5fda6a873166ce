"""The bundled catalogue: places, machines, offers and factors as columns, each with its source.

Each table is read when it is first used, with the csv module and NumPy only. What every file holds,
and from where, is in data/manifest.json and data/NOTICE.md.
"""

from __future__ import annotations

import json
from functools import cached_property, lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

import numpy as np

from carbon_advisor.advisor.catalog_files import (
    TableFile,
    guarded,
    read_offers,
    read_profiles,
    split_list,
)
from carbon_advisor.advisor.catalog_power import TypePower, read_type_power
from carbon_advisor.advisor.catalog_tables import (
    Accelerators,
    Coefficient,
    Country,
    Equivalent,
    Factor,
    InstanceTypes,
    Microarchitectures,
    Offers,
    Regions,
    Source,
    Zones,
)
from carbon_advisor.measurement.cpu_tables import LOAD_COLUMNS
from carbon_advisor.measurement.errors import UnknownNameError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from carbon_advisor.advisor.catalog_tables import Floats

__all__ = [
    "Accelerators",
    "Catalog",
    "Coefficient",
    "Country",
    "Equivalent",
    "Factor",
    "InstanceTypes",
    "Microarchitectures",
    "Offers",
    "Regions",
    "Source",
    "Zones",
    "load_catalog",
]

Value = TypeVar("Value")


class Catalog:
    """Every table of one catalogue folder, read when first asked for."""

    def __init__(self, directory: Path) -> None:
        """Name the folder; nothing is read yet."""
        self.directory = directory

    @cached_property
    def version(self) -> str:
        """The date of the newest source."""
        path = self.directory / "manifest.json"
        return str(guarded(path, lambda: json.loads(path.read_text(encoding="utf-8"))["version"]))

    @cached_property
    def zones(self) -> Zones:
        """Grid zones with their yearly intensity, profile and errors."""
        table = self._table("zones")
        ids = table.texts("zone")
        path = self.directory / "zone_profiles.npz"
        profile = guarded(path, lambda: read_profiles(path, ids))
        return Zones(id=ids, profile=profile, **table.columns(Zones, skip=("id", "profile")))

    @cached_property
    def regions(self) -> Regions:
        """Providers' regions."""
        table = self._table("regions")
        zone = table.rows_in("zone", self.zones.id)
        return Regions(
            id=table.texts("region"), zone=zone, **table.columns(Regions, skip=("id", "zone"))
        )

    @cached_property
    def microarchitectures(self) -> Microarchitectures:
        """Kinds of CPU with their power."""
        table = self._table("microarchitectures")
        columns = table.columns(Microarchitectures, skip=("id",))
        return Microarchitectures(id=table.texts("microarchitecture"), **columns)

    @cached_property
    def accelerators(self) -> Accelerators:
        """GPUs."""
        table = self._table("accelerators")
        aliases = tuple(split_list(text) for text in table.cells("aliases"))
        columns = table.columns(Accelerators, skip=("id", "aliases"))
        return Accelerators(id=table.texts("accelerator"), aliases=aliases, **columns)

    @cached_property
    def instance_types(self) -> InstanceTypes:
        """Providers' machines."""
        table = self._table("instance_types")
        return InstanceTypes(
            id=table.texts("instance_type"),
            accelerator=table.rows_in("accelerator", self.accelerators.id),
            microarchitecture=table.rows_in("microarchitecture", self.microarchitectures.id),
            **table.columns(InstanceTypes, skip=("id", "accelerator", "microarchitecture")),
        )

    @cached_property
    def offers(self) -> Offers:
        """Offers with their prices."""
        path = self.directory / "offers.npz"
        return guarded(path, lambda: read_offers(path))

    @cached_property
    def countries(self) -> dict[str, Country]:
        """Countries by ISO 3166-1 alpha-2 code."""
        return self._mapped(
            "countries", "country", lambda row: Country(row["name"], split_list(row["groups"]))
        )

    @cached_property
    def sources(self) -> dict[str, Source]:
        """Sources by the id that the other tables name."""
        return self._mapped(
            "sources",
            "id",
            lambda row: Source(row["title"], row["url"], row["licence"], row["date"]),
        )

    @cached_property
    def factors(self) -> dict[str, Factor]:
        """Factors by key."""
        return self._mapped(
            "factors",
            "key",
            lambda row: Factor(
                value=float(row["value"]),
                unit=row["unit"],
                relative_error=float(row["relative_error"]),
                year=int(row["year"]),
                basis=row["basis"],
                source=row["source"],
                note=row["note"],
            ),
        )

    @cached_property
    def translation(self) -> dict[str, Coefficient]:
        """Coefficients of the translation between machines, and their errors, by key."""
        return self._mapped(
            "translation",
            "key",
            lambda row: Coefficient(
                value=float(row["value"]),
                pairs=int(row["pairs"]),
                median_error=float(row["median_error"]),
                p90_error=float(row["p90_error"]),
                source=row["source"],
                year=row["year"],
                note=row["note"],
            ),
        )

    @cached_property
    def equivalents(self) -> tuple[Equivalent, ...]:
        """Things people know, in the order in which they are shown."""
        found = self._mapped(
            "equivalents",
            "key",
            lambda row: Equivalent(
                key=row["key"],
                label=row["label"],
                unit=row["unit"],
                g_per_unit=float(row["g_per_unit"]),
                year=int(row["year"]),
                source=row["source"],
            ),
        )
        return tuple(found.values())

    @cached_property
    def type_power(self) -> TypePower:
        """Watts of every instance type's vCPUs."""
        path = self.directory / "cpu_models.csv"
        types, kinds = self.instance_types, self.microarchitectures
        return guarded(path, lambda: read_type_power(path, types, kinds))

    @cached_property
    def load_shape(self) -> tuple[Floats, Floats]:
        """Utilisation (11,) and the load shapes' mean and modes (1 + modes, 11).

        The mean is the fraction of the way from idle to full power; a mode is what a unit of a
        machine's coordinate adds to it.
        """
        table = self._table("load_shape")
        modes = [table.numbers(name) for name in ("fraction", *LOAD_COLUMNS)]
        return table.numbers("utilization"), np.stack(modes)

    def find_region(self, name: str) -> int:
        """Return the row of a region; a code without provider will do where it is unambiguous.

        Raises:
            UnknownNameError: no such region, or a code that two providers have.
        """
        key = name.strip().lower()
        if key in self._region_rows:
            return self._region_rows[key]
        same = [row for full, row in self._region_rows.items() if full.partition(":")[2] == key]
        if len(same) == 1:
            return same[0]
        ids = self.regions.id
        known = [str(ids[row]) for row in same] or [*ids.tolist(), *self.regions.code.tolist()]
        raise UnknownNameError("region", name, known)

    def find_instance_type(self, name: str) -> int:
        """Return the row of an instance type; without provider where it is unambiguous.

        Raises:
            UnknownNameError: no such instance type, or a name that two providers have.
        """
        key = name.strip().lower()
        if key in self._type_rows:
            return self._type_rows[key]
        same = [row for full, row in self._type_rows.items() if full.partition(":")[2] == key]
        if len(same) == 1:
            return same[0]
        ids = self.instance_types.id
        known = [str(ids[row]) for row in same] or ids.tolist()
        if not same and ":" not in key:
            known = self.instance_types.name.tolist()
        raise UnknownNameError("instance type", name, known)

    def find_zone(self, name: str) -> int:
        """Return the row of a grid zone.

        Raises:
            UnknownNameError: no such zone.
        """
        return _find("grid zone", name, self._zone_rows, self.zones.id.tolist())

    def find_accelerator(self, name: str) -> int:
        """Return the row of an accelerator, by any of its names.

        Raises:
            UnknownNameError: no such accelerator.
        """
        names = [*self.accelerators.short.tolist(), *self.accelerators.id.tolist()]
        return _find("accelerator", name, self._accelerator_rows, names)

    def countries_in(self, name: str) -> frozenset[str]:
        """Return the ISO 3166-1 alpha-2 codes of a group ("EU"), or of a country itself.

        Raises:
            UnknownNameError: neither a country nor a group.
        """
        key = name.strip().upper().replace(" ", "_").replace("-", "_")
        if key in self.countries:
            return frozenset((key,))
        members = frozenset(code for code, entry in self.countries.items() if key in entry.groups)
        if not members:
            groups = {group for entry in self.countries.values() for group in entry.groups}
            raise UnknownNameError("country or group", name, [*sorted(groups), *self.countries])
        return members

    @cached_property
    def _region_rows(self) -> dict[str, int]:
        return _rows_by_name(self.regions.id.tolist())

    @cached_property
    def _type_rows(self) -> dict[str, int]:
        return _rows_by_name(self.instance_types.id.tolist())

    @cached_property
    def _zone_rows(self) -> dict[str, int]:
        return _rows_by_name(self.zones.id.tolist())

    @cached_property
    def _accelerator_rows(self) -> dict[str, int]:
        table = self.accelerators
        rows: dict[str, int] = {}
        for row, aliases in enumerate(table.aliases):
            for name in (str(table.id[row]), str(table.short[row]), *aliases):
                rows.setdefault(name.lower(), row)
        return rows

    def _table(self, name: str) -> TableFile:
        return TableFile(self.directory / f"{name}.csv")

    def _mapped(
        self, name: str, key: str, make: Callable[[dict[str, str]], Value]
    ) -> dict[str, Value]:
        """Read a small table as values by the column `key`, in the file's order."""
        path = self.directory / f"{name}.csv"
        table = self._table(name)
        return guarded(path, lambda: {row[key]: make(row) for row in table.rows()})


def load_catalog(directory: Path | None = None) -> Catalog:
    """Return the catalogue in a folder, the bundled one by default; the same object every time.

    Raises (also later, when a table is first used):
        AdvisorError: a file is missing or corrupt; the message names it.
    """
    return _load((directory or bundled_directory()).resolve())


@lru_cache(maxsize=8)
def _load(directory: Path) -> Catalog:
    return Catalog(directory)


def bundled_directory() -> Path:
    """Return the folder of the catalogue that is installed with the program."""
    import carbon_advisor.data

    return Path(carbon_advisor.data.__path__[0])


def _rows_by_name(names: Iterable[str]) -> dict[str, int]:
    return {name.lower(): row for row, name in enumerate(names)}


def _find(kind: str, name: str, rows: Mapping[str, int], known: Iterable[str]) -> int:
    """Return the row of a name in any case; `known` is what the error's nearest are taken from."""
    row = rows.get(name.strip().lower())
    if row is None:
        raise UnknownNameError(kind, name, known)
    return row
