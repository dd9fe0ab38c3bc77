"""The page of an upload and of its check: what was understood, what a click mends, and all of what
is wrong, in the language of whoever uploads."""

import io
import zipfile

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile

from core.importing import store
from core.models import Customer, ImportJob
from tests.test_import_pages import IMPORT, load, own_folder, page_of, upload  # noqa: F401


def again(client, choice: str):
    return client.post(page_of(ImportJob.objects.first(), f"again/{choice}/"), follow=True)


def test_what_was_understood_is_said_before_anything_is_written(desk):
    page = upload(desk, "List of May;\nsep;\nusername;balance\nerin;1 000,50\n")
    text = page.content.decode()
    assert "Left out above the header: List of May / sep." in text
    assert "balance, cells rewritten: 1, such as 1 000,50 → 1000.50." in text
    assert not Customer.objects.exists()


def test_a_wrong_guess_of_the_encoding_is_put_right_by_a_click(desk):
    page = upload(desk, "username\n陳嘉豪\n".encode("big5"))
    text = page.content.decode()
    assert "Read as GB18030 (简体中文): 朝古花" in text
    assert "<td>陳嘉豪</td>" in again(desk, "encoding-big5").content.decode()
    assert ImportJob.objects.get().encoding == "big5"
    assert "Line 2 cannot be read as UTF-8." in again(desk, "encoding-utf-8").content.decode()


@pytest.mark.parametrize(
    ("text", "encoding"),
    [
        ("erin;€ 5,00;", "cp1252"),
        ("erin;5,00€;", "cp1252"),
        ("erin;£5.00;", "cp1252"),
        ("erin;￥5.00;", "gb18030"),
        ("erin;5;it’s 10 °C – “ok”", "cp1252"),
        ("erin;5;10 °C", "cp1252"),
        ("erin;5;–", "cp1252"),
    ],
)
def test_a_file_whose_foreign_signs_are_no_letters_is_read_as_it_was_written(
    super_desk, text, encoding
):
    upload(super_desk, f"username;balance;memo\n{text}\n".encode(encoding))
    load(super_desk)
    erin = Customer.objects.get()
    assert (erin.balance, erin.memo) == (5, text.split(";")[2])


def test_the_encoding_can_be_said_with_the_file(desk):
    page = upload(desk, "username\n陳嘉豪\n".encode("big5"), encoding="big5")
    assert "<td>陳嘉豪</td>" in page.content.decode()


def test_what_an_amount_may_be_is_decided_for_the_whole_file_by_a_click(super_desk):
    page = upload(super_desk, "username;balance\nerin;1.000\nfrank;2.000\n")
    assert "May be 1000.00 or 1.000: write one of them." in page.content.decode()
    again(super_desk, "decimal-comma")
    job = ImportJob.objects.get()
    assert (job.rejected, job.amount) == (0, 3000)
    again(super_desk, "decimal-point")
    job.refresh_from_db()
    assert (job.rejected, job.amount) == (0, 3)


def test_customers_who_are_there_are_updated_by_a_click_that_shows_before_and_after(desk):
    Customer.objects.create(username="erin", mobile="138")
    page = upload(desk, "username,mobile\nerin,139\n")
    assert "already exists with a different mobile" in page.content.decode()
    text = again(desk, "update").content.decode().replace(' class="desk-words"', "")
    assert "<td>erin</td><td>mobile</td><td>138</td><td>139</td>" in text
    assert Customer.objects.get().mobile == "138"


@pytest.mark.parametrize("others", ["", "<b>,\n"], ids=["whole", "valid rows"])
@pytest.mark.parametrize("file_says", ["138", "139"], ids=["as it was", "another number"])
def test_what_a_colleague_changed_after_the_check_is_not_changed_back_unseen(
    desk, file_says, others
):
    """The file may say what the customer said before: then nobody was shown a change at all."""
    for name in ("erin", "frank"):
        Customer.objects.create(username=name, mobile="138")
    rows = f"username,mobile\nerin,{file_says}\nfrank,137\n{others}"
    upload(desk, rows, update="on")
    Customer.objects.filter(username="erin").update(mobile="1")
    text = load(desk).content.decode()
    job = ImportJob.objects.get()
    assert "changed after the check" in text + store.read(job, store.REFUSED).decode()
    mobiles = dict(Customer.objects.values_list("username", "mobile"))
    assert mobiles == {"erin": "1", "frank": "137" if others else "138"}


def test_what_a_colleague_changed_elsewhere_keeps_no_row_from_being_updated(desk):
    erin = Customer.objects.create(username="erin", mobile="138", memo="old")
    upload(desk, "username,mobile\nerin,139\n", update="on")
    Customer.objects.filter(pk=erin.pk).update(memo="new")
    load(desk)
    assert Customer.objects.values_list("mobile", "memo").get() == ("139", "new")


def test_another_users_file_is_not_read_again_and_an_unknown_choice_is_none(desk, carol, client):
    upload(desk, "username\nerin\n")
    client.force_login(carol, backend="django.contrib.auth.backends.ModelBackend")
    assert again(client, "update").status_code == 403
    assert again(desk, "encoding-rot13").status_code == 404
    job = ImportJob.objects.get()
    assert (job.status, job.update) == (ImportJob.Status.CHECKED, False)


def test_all_errors_are_listed_a_page_at_a_time(desk):
    page = upload(desk, "username,mobile\n" + "".join(f"c{row},x\n" for row in range(250)))
    assert "All errors" in page.content.decode()
    address = page_of(ImportJob.objects.get(), "errors/")
    last = desk.get(address, {"page": 3}).content.decode()
    assert '<td class="desk-number">251</td>' in last
    assert "?page=2" in last
    assert "?page=4" not in last
    for odd in ("0", "-1", "x", "9" * 30, "²"):
        assert desk.get(address, {"page": odd}).status_code == 200


def test_a_table_can_be_pasted(desk):
    page = desk.post(IMPORT, {"pasted": "用户名\t余额\n李雷\t5\n"}, follow=True)
    assert "<td>李雷</td>" in page.content.decode()


def test_a_pasted_table_may_begin_with_an_empty_column(desk):
    desk.post(IMPORT, {"pasted": "\tusername\tmemo\n\terin\told\n"}, follow=True)
    job = ImportJob.objects.get()
    assert (job.created, job.rejected) == (1, 0)


@pytest.mark.parametrize("both", [True, False])
def test_a_file_or_a_table_is_asked_for(desk, both):
    data = {"pasted": "username\nerin\n", "file": SimpleUploadedFile("a.csv", b"username\n")}
    page = desk.post(IMPORT, data if both else {})
    assert "Choose a file or paste a table, not both." in page.content.decode()
    assert not ImportJob.objects.exists()


@pytest.mark.parametrize("model", ["customer", "chargerecord", "order"])
def test_an_empty_table_has_titles_that_come_back(desk, model):
    address = f"/admin/core/{model}/import/template"
    text = b"".join(desk.get(f"{address}.csv", headers={"accept-language": "zh-hans"})).decode()
    assert "用户名" in text
    page = desk.post(
        f"/admin/core/{model}/import/",
        {"file": SimpleUploadedFile("a.csv", text.encode())},
        follow=True,
    )
    assert "The file has a header and no rows." in page.content.decode()
    book = zipfile.ZipFile(io.BytesIO(b"".join(desk.get(f"{address}.xlsx"))))
    assert "username" in book.read("xl/worksheets/sheet1.xml").decode()


def test_an_empty_table_is_for_those_who_may_import(carol, client):
    client.force_login(carol, backend="django.contrib.auth.backends.ModelBackend")
    assert client.get("/admin/core/customer/import/template.csv").status_code == 403


def test_what_is_wrong_is_said_in_the_language_of_the_upload(desk):
    file = SimpleUploadedFile("a.csv", b"username,balance\nerin,-5\n")
    desk.post(IMPORT, {"file": file}, headers={"accept-language": "zh-hans"})
    job = ImportJob.objects.get()
    assert job.language == "zh-hans"
    assert store.first_errors(job, 1)[0][3] != "May not be negative."
