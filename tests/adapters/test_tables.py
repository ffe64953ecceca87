"""Tables as they come: encodings, separators, quotes, workbooks, formulas, bombs."""

from __future__ import annotations

import io
import resource
import struct
import zipfile
from pathlib import Path

import pytest
import xlsxwriter

from app.adapters.archives import check_archive
from app.adapters.spreadsheets import csv_chunks, open_table, safe_cell, write_xlsx
from app.core.imports.tables import UnreadableFile, survey

TEXT = "name,price,colour\nMüller Lampe,19.90,Weiß\n"


def table(tmp_path: Path, content: bytes, name: str = "lamps.csv") -> list[tuple[int, list[str], str]]:
    """Rows as number, cells and the code of their fault."""
    path = tmp_path / name
    path.write_bytes(content)
    source = open_table(path)
    source.header()
    return [(row.number, list(row.cells), row.fault.code if row.fault else "") for row in source.rows()]


def refusal(tmp_path: Path, content: bytes, name: str = "lamps.csv") -> str:
    with pytest.raises(UnreadableFile) as refused:
        table(tmp_path, content, name)
    return refused.value.message


@pytest.mark.parametrize(
    "encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be", "utf-32", "cp1252"]
)
def test_an_encoding_is_found_out(tmp_path, encoding):
    content = TEXT.encode(encoding)
    assert table(tmp_path, content) == [(2, ["Müller Lampe", "19.90", "Weiß"], "")]


def test_a_western_character_late_in_a_long_file_is_still_read(tmp_path):
    content = b"name,colour\n" + b"Lamp,Black\n" * 40_000 + "Leuchte,Grün\n".encode("cp1252")
    assert table(tmp_path, content)[-1] == (40_002, ["Leuchte", "Grün"], "")


@pytest.mark.parametrize("delimiter", [",", ";", "\t", "|"])
def test_a_separator_is_found_out(tmp_path, delimiter):
    lines = [["name", "size", "note"], ['24" lamp', "1,5;2", "x"], ["b", "", ""]]
    content = "\r\n".join(
        delimiter.join(f'"{cell.replace(chr(34), chr(34) * 2)}"' for cell in row) for row in lines
    )
    assert table(tmp_path, content.encode()) == [(2, ['24" lamp', "1,5;2", "x"], ""), (3, ["b", "", ""], "")]


def test_excels_separator_line_is_passed_over(tmp_path):
    assert table(tmp_path, b"sep=;\nname;price\nLamp;5\n") == [(3, ["Lamp", "5"], "")]


def test_cells_over_several_lines_keep_the_line_numbers(tmp_path):
    content = b'name,note\nLamp,"two\nlines"\n\nDesk,one\n'
    assert table(tmp_path, content) == [(2, ["Lamp", "two\nlines"], ""), (5, ["Desk", "one"], "")]


def test_a_row_of_another_length_is_a_fault_of_that_row(tmp_path):
    rows = table(tmp_path, b"name,note\nLamp\nLamp,a,b\nLamp,a,\nLamp,b\n")
    assert [(number, fault) for number, _cells, fault in rows] == [
        (2, "wrong_cell_count"),
        (3, "wrong_cell_count"),
        (4, ""),
        (5, ""),
    ]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "lamps.csv is empty"),
        (b" \n\n", "lamps.csv is empty"),
        (b"name,name\n", "stands twice"),
        (b"name,,price\n", "column 2: it has no name"),
        (b'name,note\nLamp,"open\nend\n', "from line 2 on: a quotation mark"),
        (b'name,note\nLamp,"a"b\n', "from line 2 on: a quotation mark"),
        (b"na\x00me\x00,x\n", "no text (NUL)"),
        (b"\x89PNG\r\n\x1a\n", "is a PNG file"),
        ((",".join(f"c{n}" for n in range(10_000)) + "\n").encode(), "has 10000 columns; at most 200"),
    ],
)
def test_a_malformed_file_is_refused_with_what_to_change(tmp_path, content, message):
    assert message in refusal(tmp_path, content)


def test_other_extensions_are_refused(tmp_path):
    assert "Excel's old format" in refusal(tmp_path, b"x", "lamps.xls")
    assert "is not read here" in refusal(tmp_path, b"x", "lamps.docx")
    assert "is damaged" in refusal(tmp_path, TEXT.encode(), "lamps.xlsx")
    with pytest.raises(UnreadableFile, match="cannot be opened"):
        open_table(tmp_path / "gone.csv")


def workbook(tmp_path: Path, name: str = "lamps.xlsx") -> Path:
    path = tmp_path / name
    with xlsxwriter.Workbook(str(path)) as book:
        sheet = book.add_worksheet()
        for row, cells in enumerate(
            [["name", "price", "serial"], ["Lamp", 19.9, "0012"], ["Desk", 0.1 + 0.2, ""]]
        ):
            for column, cell in enumerate(cells):
                sheet.write(row, column, cell)
        sheet.write_formula(3, 0, "=1+1", value="2")
        sheet.write(3, 1, 7)
        sheet.write(4, 0, "Rug")
        sheet.write_number(4, 2, 12345678901234567)
        sheet.write(5, 0, "Bed")
        sheet.write_boolean(5, 2, True)
        other = book.add_worksheet()
        other.write_formula(1, 0, "=2+2")
    return path


def test_a_workbook_reads_as_its_cells_and_refuses_formulas_and_long_numbers(tmp_path):
    rows = list(open_table(workbook(tmp_path)).rows())
    assert [(row.number, list(row.cells), row.fault.code if row.fault else "") for row in rows] == [
        (2, ["Lamp", "19.9", "0012"], ""),
        (3, ["Desk", "0.3", ""], ""),
        (4, ["2", "7", ""], "formula"),
        (5, ["Rug", "", "12345678901234600"], "long_number"),
        (6, ["Bed", "", "true"], ""),
    ]
    assert "paste it as values" in rows[2].fault.message
    assert "Format the column as text" in rows[3].fault.message


ODS = """<?xml version="1.0"?><office:document-content
 xmlns:office="urn:oasis:names:tc:opendocument:xmlns:office:1.0"
 xmlns:table="urn:oasis:names:tc:opendocument:xmlns:table:1.0"
 xmlns:text="urn:oasis:names:tc:opendocument:xmlns:text:1.0"><office:body><office:spreadsheet>
 <table:table table:name="A">
 <table:table-row><table:table-cell office:value-type="string"><text:p>name</text:p></table:table-cell>
 <table:table-cell office:value-type="string"><text:p>size</text:p></table:table-cell></table:table-row>
 {rows}
 <table:table-row table:number-rows-repeated="1048000"><table:table-cell/></table:table-row>
 </table:table></office:spreadsheet></office:body></office:document-content>"""
CELL = '<table:table-cell office:value-type="string"><text:p>Lamp</text:p></table:table-cell>'


def ods(tmp_path: Path, rows: str) -> Path:
    path = tmp_path / "lamps.ods"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("mimetype", "application/vnd.oasis.opendocument.spreadsheet")
        archive.writestr("content.xml", ODS.format(rows=rows).replace("\n <table", "<table"))
        archive.writestr(
            "META-INF/manifest.xml",
            '<manifest:manifest xmlns:manifest="urn:oasis:names:tc:opendocument:xmlns:manifest:1.0"/>',
        )
    return path


def test_an_ods_reads_and_refuses_formulas(tmp_path):
    formula = CELL.replace("table:table-cell o", 'table:table-cell table:formula="of:=1+1" o', 1)
    rows = f"<table:table-row>{CELL}</table:table-row><table:table-row>{formula}</table:table-row>"
    found = list(open_table(ods(tmp_path, rows)).rows())
    assert [(row.number, row.cells[0], row.fault.code if row.fault else "") for row in found] == [
        (2, "Lamp", ""),
        (3, "Lamp", "formula"),
    ]


def test_a_cell_that_stands_for_millions_is_refused_before_it_is_unfolded(tmp_path):
    many = CELL.replace("table:table-cell o", 'table:table-cell table:number-columns-repeated="150" o', 1)
    rows = f'<table:table-row table:number-rows-repeated="1000000">{many}</table:table-row>'
    with pytest.raises(UnreadableFile, match="more rows than are read"):
        open_table(ods(tmp_path, rows))


def sheet_archive(tmp_path: Path, sheet: bytes) -> Path:
    """A workbook whose only sheet has this XML."""
    good = workbook(tmp_path, "good.xlsx")
    path = tmp_path / "lamps.xlsx"
    with zipfile.ZipFile(good) as source, zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as target:
        for entry in source.namelist():
            target.writestr(entry, sheet if entry.endswith("sheet1.xml") else source.read(entry))
    return path


def test_a_bomb_is_refused_quickly_and_with_little_memory(tmp_path):
    path = sheet_archive(tmp_path, b"<worksheet>" + b" " * 400_000_000 + b"</worksheet>")
    assert path.stat().st_size < 500_000
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    with pytest.raises(UnreadableFile, match="unpacks to more than is read"):
        open_table(path)
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 100_000


def test_a_bomb_that_lies_about_its_size_is_counted(tmp_path):
    path = sheet_archive(tmp_path, b"<worksheet>" + b" " * 60_000_000 + b"</worksheet>")
    content = path.read_bytes()
    real = struct.pack("<L", 60_000_023)
    assert content.count(real) == 2
    path.write_bytes(content.replace(real, struct.pack("<L", 1000)))
    with pytest.raises(UnreadableFile):
        open_table(path)


def test_an_archive_of_too_many_parts_is_refused(tmp_path):
    path = tmp_path / "lamps.xlsx"
    with zipfile.ZipFile(path, "w") as archive:
        for number in range(1001):
            archive.writestr(f"xl/{number}.xml", "")
    with pytest.raises(UnreadableFile, match="more than 1000 parts"):
        check_archive(path)


def test_entities_and_far_away_cells_in_a_sheet_are_refused(tmp_path):
    start = b'<worksheet xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main"><sheetData>'
    end = b"</sheetData></worksheet>"
    bomb = b'<!DOCTYPE x [<!ENTITY a "aaaa">]>' + start + end
    with pytest.raises(UnreadableFile, match="is damaged"):
        open_table(sheet_archive(tmp_path, bomb))
    far = start + b'<row r="1"><c r="A1"><v>1</v></c><c r="XFD1"><v>1</v></c></row>' + end
    with pytest.raises(UnreadableFile, match="16384 columns"):
        open_table(sheet_archive(tmp_path, far))
    deep = start + b'<row r="1048576"><c r="J1048576"><v>1</v></c></row>' + end
    with pytest.raises(UnreadableFile, match="more rows than are read"):
        open_table(sheet_archive(tmp_path, deep))


def test_a_survey_tells_what_columns_look_like(tmp_path):
    path = tmp_path / "lamps.csv"
    path.write_text("name,watts,dimmable,note\nA,5,true,\nB,7.5,false,\n")
    facts = survey(open_table(path))
    assert facts.row_count == 2
    assert [(column.looks, column.filled, column.distinct) for column in facts.columns] == [
        ("text", 2, 2),
        ("number", 2, 2),
        ("boolean", 2, 2),
        ("empty", 0, 0),
    ]


@pytest.mark.parametrize(
    ("value", "written"),
    [
        ("=1+1", "'=1+1"),
        ("+49 351", "'+49 351"),
        ("-", "'-"),
        ("@SUM(A1)", "'@SUM(A1)"),
        ("\tx", "'\tx"),
        ("\rx", "'\rx"),
        ("-1.5", "-1.5"),
        ("+7", "+7"),
        ("plain", "plain"),
        (None, ""),
    ],
)
def test_a_cell_is_written_so_that_no_spreadsheet_runs_it(value, written):
    assert safe_cell(value) == written


def test_what_is_written_is_read_again(tmp_path):
    rows = [["Lamp", "=1+1"], ['24" "x"', "two\nlines"]]
    path = tmp_path / "out.csv"
    path.write_text("".join(csv_chunks(["name", "note"], rows)), newline="")
    assert table(tmp_path, path.read_bytes()) == [
        (2, ["Lamp", "'=1+1"], ""),
        (3, ['24" "x"', "two\nlines"], ""),
    ]
    buffer = io.BytesIO()
    write_xlsx(buffer, ["name", "note"], rows)
    assert table(tmp_path, buffer.getvalue(), "out.xlsx") == [
        (2, ["Lamp", "=1+1"], ""),
        (3, ['24" "x"', "two\nlines"], ""),
    ]
    with zipfile.ZipFile(io.BytesIO(buffer.getvalue())) as archive:
        assert b"<f>" not in archive.read("xl/worksheets/sheet1.xml")
