"""Where a figure comes from: a tree whose nodes have value, unit, source, year and basis."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from carbon_advisor.advisor.catalog import Catalog, Factor


@dataclass(frozen=True)
class Node:
    """One figure and what it was made from.

    Attributes:
        name: of the figure.
        value: a number or a word.
        unit: of the number; empty for a word.
        basis: measured, modelled, assumed, stated or catalogue wording such as "region".
        source: paper, datasheet, standard, file or formula.
        year: of the source; empty where it has none.
        parts: the figures it was made from.
    """

    name: str
    value: float | str
    unit: str = ""
    basis: str = ""
    source: str = ""
    year: str = ""
    parts: tuple[Node, ...] = ()

    def to_json(self) -> dict[str, Any]:
        """Return the tree in JSON's types."""
        return {
            "name": self.name,
            "value": self.value,
            "unit": self.unit,
            "basis": self.basis,
            "source": self.source,
            "year": self.year,
            "parts": [part.to_json() for part in self.parts],
        }


def cited(catalog: Catalog, source: str) -> str:
    """Return the title of one of the catalogue's source ids; other texts as they are."""
    known = catalog.sources.get(source)
    return known.title if known else source


def factor_node(name: str, factor: Factor, catalog: Catalog) -> Node:
    """Return the node of one of the catalogue's factors, with its note, source and year."""
    source = "; ".join(text for text in (factor.note, cited(catalog, factor.source)) if text)
    return Node(name, factor.value, factor.unit, factor.basis, source, str(factor.year))
