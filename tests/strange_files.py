"""More files as strangers bring them, each of a kind of its own beside those of messy_files.py."""

import io
from collections.abc import Callable

import xlsxwriter

from tests.messy_files import MessyFile, Person, person, table

ANN_AND_BOB = [person("ann", "13800000001", "1.50"), person("bob", "13800000002", "2.50")]
HEAD = ("username", "mobile", "balance")
MADE_A_DATE = "!The spreadsheet turned this into a date"


def text_file(kind: str, text: str | bytes, rows: list[Person] | None = None, **expected: object):
    data = text.encode() if isinstance(text, str) else text
    return MessyFile(kind, data, ANN_AND_BOB if rows is None else rows, **expected)


def encoded(encoding: str, *names: str) -> MessyFile:
    rows = [person(name, f"1380000000{place}", f"{place}.50") for place, name in enumerate(names)]
    return MessyFile(f"encoded in {encoding}", table(rows, ";").encode(encoding), rows)


def column(kind: str, name: str, *ways: tuple[str, str]) -> MessyFile:
    """Cells of a column and what they are; with a ! what is said of one that is refused."""
    lines, rows, refused = [f"username\t{name}"], list[Person](), dict[int, str]()
    for place, (cell, value) in enumerate(ways):
        lines.append(f"u{place}\t{cell}")
        if value.startswith("!"):
            refused[place + 2] = value[1:]
        else:
            rows.append({"username": f"u{place}", name: value})
    return MessyFile(kind, "\n".join(lines).encode(), rows, refused)


def names(kind: str, *ways: tuple[str, str]) -> MessyFile:
    lines, rows, refused = ["username\tmobile"], list[Person](), dict[int, str]()
    for place, (cell, value) in enumerate(ways):
        lines.append(f"{cell}\t138{place:03d}")
        if value.startswith("!"):
            refused[place + 2] = value[1:]
        else:
            rows.append({"username": value})
    return MessyFile(kind, "\n".join(lines).encode(), rows, refused)


def excel_without_last_cells() -> MessyFile:
    """As Excel saves a sheet of 40 rows of which the first alone has a memo."""
    rows = [person(f"u{place}", f"13800000{place:03d}", f"{place}.50") for place in range(2, 41)]
    lines = [",".join(row.values()) for row in rows]
    text = ["username,mobile,balance,memo", *(f"{line}," for line in lines[:15]), *lines[15:]]
    notes = ("Rows that end before the last column (Excel leaves out empty cells): 24.",)
    return text_file("rows without their last cells", "\r\n".join(text), rows, notes=notes)


def workbook(fill: Callable[[xlsxwriter.Workbook], None]) -> bytes:
    made = io.BytesIO()
    with xlsxwriter.Workbook(made) as book:
        fill(book)
    return made.getvalue()


def ticked(book: xlsxwriter.Workbook) -> None:
    page = book.add_worksheet()
    page.write_row(0, 0, ("username", "balance", "active"))
    page.write_row(1, 0, ("ann", True, True))
    page.write_row(2, 0, ("bob", 5, False))


def hidden(book: xlsxwriter.Workbook) -> None:
    page = book.add_worksheet()
    for place, row in enumerate((HEAD, *(tuple(row.values()) for row in ANN_AND_BOB))):
        page.write_row(place, 0, row)
    page.set_row(2, None, None, {"hidden": True})
    page.set_row(3, None, None, {"hidden": True})


def dressed(*titles: str) -> list[MessyFile]:
    return [
        text_file(f"header {line}", table(ANN_AND_BOB, titles=line).encode()) for line in titles
    ]


def totals() -> MessyFile:
    words = (
        *(
            "Total amount",
            "Sub total",
            "Total (3)",
            "Total 2026",
            "Total: 3 customers",
            "TOTAL EUR",
        ),
        *(
            "合 计",
            "本页小计",
            "合计金额",
            "汇总",
            "總計",
            "小計",
            "Zwischensumme",
            "Итого",
            "합계",
        ),
        *("**Total**", "ТOTAL", "T o t a l", "Σ", "Gesamtergebnis"),
    )
    kept = ("Total Video Ltd", "Summer", "TotalEnergies", "合计传媒", "小明", "Sumo", "a b")
    told = [(word, "!This is a total row") for word in words]
    return names("totals", *told, *((name, name) for name in kept))


def notes_below() -> MessyFile:
    told = (
        *("Prepared by: Ann", "3 customers", "Count: 3", "Page 1 of 3", "End of report"),
        *("制表人：张三", "共 3 人", "第 1 页", "备注：以上", "Note: as of May", "以下空白"),
    )
    kept = ("customer 12", "Page 3", "Note", "123", "注册用户", "Countess", "By Ann", "(ann)")
    ways = [(word, "!This is a note on the table") for word in told]
    return names("notes below the table", *ways, *((name, name) for name in kept))


def of_programs() -> list[MessyFile]:
    """What pandas and databases write for nothing, and of a column with a gap."""
    return [
        names(
            "names of programs",
            *(("NaN", "!cannot be blank"), ("(null)", "!cannot be blank")),
            *(
                ("10023.0", "!A program turned this into a decimal"),
                ("v2.0", "v2.0"),
                ("Nancy", "Nancy"),
            ),
        ),
        column(
            "phones of programs",
            "mobile",
            *(
                ("nan", ""),
                ("NULL", ""),
                ("<NA>", ""),
                ("\\N", ""),
                ("13800000001.0", "13800000001"),
            ),
        ),
    ]


def put_together() -> list[MessyFile]:
    """Files that were joined, and tables below one another."""
    again, other = "repeats the titles", "has other titles than the header"
    return [
        text_file(
            "a mark amidst",
            "\ufeffusername\nann\n\ufeffusername\nbob\n",
            [{"username": "ann"}, {"username": "bob"}],
            refused={3: again},
        ),
        text_file(
            "a quoted mark amidst",
            '\ufeff"username","memo"\n"ann","x"\n\ufeff"username","memo"\n"bob","y"\n',
            [{"username": "ann", "memo": "x"}, {"username": "bob", "memo": "y"}],
            refused={3: again},
        ),
        text_file(
            "what is required below the titles",
            "用户名,备注\n（必填）,（选填）\nann,x\n",
            [{"username": "ann", "memo": "x"}],
            refused={2: again},
        ),
        MessyFile(
            "columns that change places",
            b"username,balance,memo\nann,5,x\nusername,memo,balance\nbob,7,6\n",
            sentence=f"Line 3 {other}",
        ),
        MessyFile(
            "the name in another place",
            b"username,memo\nann,x\n\nmemo,username\ny,bob\n",
            sentence=f"Line 4 {other}",
        ),
    ]


def of_inches() -> list[MessyFile]:
    """A memo that begins with a quotation mark."""
    missing = "a quotation mark may be missing"
    return [
        text_file(
            "rows in a cell",
            'username,mobile,memo\nann,138,"5 inch\nbob,139,x\ncid,140,5"\ndora,141,y\n',
            [{"username": "dora", "memo": "y"}],
            refused={2: missing},
        ),
        text_file(
            "rows in a cell of two columns",
            'username\tmemo\nann\t"5 inch\nbob\t5"\ndora\ty\n',
            [{"username": "dora", "memo": "y"}],
            refused={2: missing},
        ),
        text_file(
            "sentences in a cell",
            'username,memo\nann,"Hello,\nplease pay, soon"\n',
            [{"username": "ann", "memo": "Hello,\nplease pay, soon"}],
        ),
    ]


def strange_files() -> list[MessyFile]:
    plain = "username,mobile,balance\nann,13800000001,1.50\nbob,13800000002,2.50\n"
    quoted = plain.replace(",", '", "').replace("\n", '"\n"')[:-1]
    cut = "put it in quotation marks"
    again = "repeats the titles"
    return [
        encoded("euc_kr", "김철수", "이영희", "박지성"),
        encoded("koi8-r", "Иванов", "Петрова", "Сергей"),
        encoded("cp866", "Иванов", "Петрова", "Сергей"),
        encoded("euc_jp", "山田太郎", "さくら", "タナカ商店"),
        MessyFile("UTF-32", table(ANN_AND_BOB).encode("utf-32"), sentence="UTF-32"),
        MessyFile("UTF-32 bare", table(ANN_AND_BOB).encode("utf-32-be"), sentence="UTF-32"),
        text_file("sep=; and commas", "sep=;\n" + plain),
        text_file("full-width commas", plain.replace(",", "，")),
        text_file("blanks before quotation marks", '"' + quoted),
        text_file("single quotation marks", "'" + quoted.replace('"', "'").replace("', '", "','")),
        text_file(
            "curly quotation marks", "“" + plain.replace(",", "”,“").replace("\n", "”\n“")[:-1]
        ),
        text_file(
            "quoted twice",
            "\n".join(
                ",".join(f'"""{cell}"""' for cell in line.split(",")) for line in plain.splitlines()
            ),
        ),
        text_file("a comment with commas", "# by one, two, three\n" + plain),
        *dressed(
            "User-Name,Mobile-Number,Opening-Balance",
            "“Username” ↑,Phone No.,Balance (人民币)",
            "用户名称,手机,余额/元",
            "用戶名,手機號,餘額",
            "Customer Name,Cell phone,Balance [RMB]",
            "1. username,2. tel,3. Balance in CNY",
        ),
        text_file(
            "the header once more",
            "username,memo\nann,x\n\nusername,memo\n用户名,备注\nbob,y\n",
            [{"username": "ann", "memo": "x"}, {"username": "bob", "memo": "y"}],
            refused={4: again, 5: again},
        ),
        text_file(
            "the header once more in one column",
            "username\nann\nUsername\nuser\n",
            [{"username": "ann"}, {"username": "user"}],
            refused={3: again},
        ),
        text_file(
            "amounts cut by commas",
            "username,balance,memo\nann,12,50,\nbob,1,000.50\ncid,7,paid\n",
            [person("cid", "", "7") | {"memo": "paid"}],
            refused={2: cut, 3: cut},
        ),
        text_file(
            "amounts cut before a phone",
            "username,balance,mobile,memo\nann,1,000,\nbob,7,138001,\n",
            [person("bob", "138001", "7")],
            refused={2: cut},
        ),
        text_file(
            "amounts cut before a name",
            "balance,username,memo\n1,000,ann\n7,bob,x\n",
            [person("bob", "", "7")],
            refused={2: cut},
        ),
        text_file(
            "a foreign blank alone",
            "username;mobile;balance\nann;13800000001;1\xa0001,50\n".encode("cp1252"),
            [person("ann", "13800000001", "1001.50")],
        ),
        excel_without_last_cells(),
        text_file(
            "rows that lost a cell",
            "username,balance,mobile,memo\nann,1.50,13800000001\nbob,2.50,13800000002\n",
            [],
            refused=dict.fromkeys((2, 3), "3 cells, but the header has 4."),
        ),
        MessyFile("a piece of a page", b"<div><table><tr><td>username</table>", sentence="HTML"),
        MessyFile(
            "XML of Excel 2003",
            b'<?xml version="1.0"?><Workbook><Worksheet><Table ss:ID="1"></Table>',
            sentence="A file of the kind XML",
        ),
        MessyFile("a page of Excel", b"MIME-Version: 1.0\n\n<html>", sentence="MHTML"),
        *(notes_below(), *of_programs(), *put_together(), *of_inches()),
        totals(),
        text_file(
            "a total without its word",
            "username;balance\nann;5\nbob;6\nAlles zusammen;11\n",
            [person("ann", "", "5"), person("bob", "", "6"), person("Alles zusammen", "", "11")],
            notes=("Line 4: Alles zusammen equals the sum of all rows above",),
        ),
        column(
            "amounts that were something else",
            "balance",
            *(("5²", "!Not an amount"), ("12¹", "!Not an amount"), ("①", "!Not an amount")),
            *(("\u00ad5", "!Not an amount"), ("1,0000", "!May be 10000.00 or 1.0000")),
            *(("1000,000", "!May be 1000000.00 or 1000.000"), ("0,5000", "0.50")),
        ),
        column(
            "amounts of the world",
            "balance",
            *(("12,34,567.89", "1234567.89"), ("1,00,000", "100000"), ("US$5.10", "5.10")),
            *(("HK$ 6", "6"), ("CHF 7.20", "7.20"), ("8,50 zł", "8.50"), ("9 Euro", "9")),
            *(("1\u202f000,50", "1000.50"), ("1\u2009000.50", "1000.50"), ("Rs. 3", "3")),
        ),
        column(
            "phones and more",
            "mobile",
            *(("010-65529988-123", "!An extension"), ("6552998 6552999", "!a second number")),
            *(("138²", "!Digits only"), ("2026-05-03", MADE_A_DATE)),
            *(("“138-0000”", "1380000"), ("+44 20 7946 0000", "+442079460000")),
        ),
        column(
            "yes and no of others",
            "active",
            *(("ja", "yes"), ("nein", "no"), ("对", "yes"), ("不是", "no"), ("☑", "yes")),
            *(("☐", "no"), ("1.0", "yes"), ("Yes.", "yes"), ("x", "!Must be yes or no")),
        ),
        names(
            "names that a spreadsheet made",
            *(
                ("3/5/2026", MADE_A_DATE),
                ("3-May", MADE_A_DATE),
                ("5月3日", MADE_A_DATE),
            ),
            *(
                ("2026/05/03", MADE_A_DATE),
                ("=A1", "!A formula"),
                ("M\ufffdller", "!was lost"),
            ),
            *(("-", "!cannot be blank"), ("“ann”", "ann"), ("'bob'", "bob"), ("=ann", "=ann")),
            *(("5.May", "5.May"), ("A/B", "A/B"), ("月", "月")),
        ),
        text_file(
            "names that were damaged before",
            "username\nMÃ¼ller\nO&amp;Co\nÄrmel\n",
            [{"username": name} for name in ("MÃ¼ller", "O&amp;Co", "Ärmel")],
            notes=("Names that seem to have been damaged before the upload: MÃ¼ller; O&amp;Co.",),
        ),
        MessyFile(
            "ticks where money should be",
            workbook(ticked),
            [{"username": "bob", "balance": "5", "active": "no"}],
            {2: "Not an amount"},
        ),
        MessyFile(
            "rows hidden by a filter",
            workbook(hidden),
            ANN_AND_BOB,
            notes=("Rows that the sheet hides were read as well: 1.",),
        ),
    ]
