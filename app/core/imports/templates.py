"""Templates of kinds: the header, an example line and a line that explains it, both passed over on import."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence

from app.core.imports.kinds import ImportKind
from app.core.imports.mapping import Field
from app.core.imports.tables import SourceRow, TableSource
from app.core.texts import _

MARK = "EXAMPLE"
REMARK = "# "


def template_rows(kind: ImportKind) -> tuple[list[str], list[list[str]]]:
    """The header, and the lines below it: the example, and what each of its cells means."""
    header = [field.code for field in kind.fields]
    helps = [REMARK + explanation(field) for field in kind.fields]
    return header, [[field.example for field in kind.fields], helps]


def explanation(field: Field) -> str:
    """The field in a sentence, and whether it is needed."""
    text = _(field.help) if field.help else _(field.label)
    return f"{text} {_('Needed.')}" if field.is_required else text


def finder(
    fields: Sequence[Field], header: Sequence[str], targets: Mapping[str, str]
) -> Callable[[SourceRow], bool]:
    """Whether a row is a template's example or explanation, left as it was."""
    examples = {field.code: field.example for field in fields if MARK in field.example}
    marks = [
        (place, examples[targets[name]]) for place, name in enumerate(header) if targets.get(name) in examples
    ]

    def is_template_line(row: SourceRow) -> bool:
        cells = row.cells
        if marks and cells[marks[0][0]] == marks[0][1]:
            return all(cells[place] == example for place, example in marks)
        if cells and cells[0].startswith(REMARK):
            return sum(map(bool, cells)) > 1 and all(cell.startswith(REMARK) for cell in cells if cell)
        return False

    return is_template_line


class WithoutTemplateLines:
    """A table without the example and the explanation of its template; `passed_over` counts them."""

    def __init__(self, source: TableSource, kind: ImportKind, targets: Mapping[str, str]) -> None:
        self._source = source
        self._kind = kind
        self._targets = targets
        self.passed_over = 0

    @property
    def name(self) -> str:
        return self._source.name

    def header(self) -> list[str]:
        return self._source.header()

    def rows(self) -> Iterator[SourceRow]:
        is_template_line = finder(self._kind.fields, self._source.header(), self._targets)
        self.passed_over = 0
        for row in self._source.rows():
            if is_template_line(row):
                self.passed_over += 1
            else:
                yield row
