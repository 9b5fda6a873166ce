"""A provenance tree on the screen."""

from __future__ import annotations

from typing import TYPE_CHECKING

from carbon_advisor.advisor.formatting import format_number

if TYPE_CHECKING:
    from rich.tree import Tree

    from carbon_advisor.advisor.provenance import Node


def provenance_tree(node: Node) -> Tree:
    """Return the tree of a figure and all that it was made from."""
    from rich.tree import Tree

    tree = Tree(_label(node))
    _grow(tree, node)
    return tree


def _grow(tree: Tree, node: Node) -> None:
    for part in node.parts:
        _grow(tree.add(_label(part)), part)


def _label(node: Node) -> str:
    from rich.markup import escape

    value = node.value if isinstance(node.value, str) else format_number(node.value)
    figure = f"[bold]{escape(node.name)}[/bold] {escape(value)} {escape(node.unit)}".rstrip()
    origin = ", ".join(part for part in (node.source, node.year) if part)
    basis = f" [cyan]\\[{escape(node.basis)}][/cyan]" if node.basis else ""
    return f"{figure}{basis} [dim]{escape(origin)}[/dim]".rstrip()
