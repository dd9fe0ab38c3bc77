"""The desk's pages: simpleui's holes, each tried and shown harmless; every page looked at for
errors and for what hangs over the edge of a phone; the menu, the search, the languages.
"""

from html import escape
from urllib.parse import quote

import pytest
from django.contrib import admin
from django.contrib.auth.hashers import check_password
from django.contrib.auth.models import Group, Permission
from django.test import RequestFactory
from django.utils import translation
from simpleui.admin import AjaxAdmin

from core.models import User
from core.portal import errors
from tests.browser.conftest import PASSWORD, PHONE, WIDE, csrf_token

pytestmark = pytest.mark.browser

IMAGE = "<img src=x onerror=window.pwned=1>"
TEMPLATE = "{{constructor.constructor('window.pwned=1')()}}"
SEARCHES = [
    "</script><script>window.pwned=1</script>",
    "'-(window.pwned=1)-'",
    '"-(window.pwned=1)-"',
    f'">{IMAGE}',
    TEMPLATE,
    "\\';window.pwned=1//",
    "${window.pwned=1}",
]
LISTS = ["core/order", "core/customer", "core/site", "core/administrator", "auth/group"]
# Every kind of page.
PAGES = [
    "/admin/home/",
    "/admin/board/",
    "/admin/queue/",
    "/admin/pauses/",
    "/admin/two-step/",
    "/admin/core/order/",
    "/admin/core/order/?status__exact=1",
    "/admin/core/order/add/",
    "/admin/core/order/1/change/",
    "/admin/core/order/1/history/",
    "/admin/core/customer/",
    "/admin/core/customer/add/",
    "/admin/core/customer/1/change/",
    "/admin/core/customer/import/",
    "/admin/core/customer/export/",
    "/admin/core/customer/1/history/",
    "/admin/core/bulkjob/",
    "/admin/core/chargerecord/",
    "/admin/core/chargerecord/add/",
    "/admin/core/ledgerentry/",
    "/admin/core/pricepolicy/",
    "/admin/core/pricepolicy/1/change/",
    "/admin/core/site/",
    "/admin/core/site/add/",
    "/admin/core/site/wizard/",
    "/admin/core/site/1/change/",
    "/admin/core/administrator/",
    "/admin/core/administrator/add/",
    "/admin/core/administrator/1/change/",
    "/admin/core/administrator/1/password/",
    "/admin/auth/group/",
    "/admin/auth/group/add/",
    "/admin/auth/group/1/change/",
    "/admin/auth/group/1/delete/",
    "/admin/auth/group/1/history/",
    "/admin/axes/accessattempt/",
    "/admin/core/logincount/",
    "/admin/password_change/",
]
# One of each kind again: the longest words of the menu, of a list, of each form.
PAGES_IN_CHINESE = [
    "/admin/home/",
    "/admin/core/order/",
    "/admin/core/order/add/",
    "/admin/core/order/1/change/",
    "/admin/core/order/1/history/",
    "/admin/core/customer/1/change/",
    "/admin/core/customer/import/",
    "/admin/core/ledgerentry/",
    "/admin/core/site/1/change/",
    "/admin/core/administrator/1/change/",
    "/admin/auth/group/1/delete/",
]
# What cannot be reached at this width. Tables scroll inside themselves.
OVER_THE_EDGE = """() => {
    const out = [];
    if (document.documentElement.scrollWidth > innerWidth) {
        const over = [...document.querySelectorAll('body *')]
            .filter((element) => element.getBoundingClientRect().right > innerWidth + 1);
        out.push(`the page scrolls sideways: ${over.at(-1)?.outerHTML.slice(0, 120)}`);
    }
    document.querySelectorAll('a, button, input, select, textarea').forEach((element) => {
        const box = element.getBoundingClientRect();
        const shown = box.width > 1 && box.height > 1
            && getComputedStyle(element).visibility !== 'hidden';
        if (shown && !element.closest('.results, table')
            && (box.right > innerWidth + 1 || box.left < -1)) {
            out.push(element.outerHTML.slice(0, 120) + ' ' + box.left + '..' + box.right);
        }
    });
    return out;
}"""
# Text that is cut at its right and whose whole stands in no title.
CUT = """() => [...document.querySelectorAll('body *')].filter((element) => {
    const has = [...element.childNodes].some((part) => part.nodeType === 3 && part.data.trim());
    const style = getComputedStyle(element);
    return has && style.overflowX === 'hidden' && element.clientWidth > 40 && !element.title
        && style.visibility !== 'hidden' && element.scrollWidth > element.clientWidth + 1;
}).map((element) => `cut: ${element.outerHTML.slice(0, 120)}`)"""


def make_user(desk, username: str, *permissions: str) -> None:
    """Staff with these permissions, written past every form."""

    def make() -> None:
        user = User.objects.create(username=username, is_staff=True)
        user.user_permissions.set(Permission.objects.filter(codename__in=permissions))

    desk.do(make)


def make_group(desk, name: str) -> int:
    return desk.do(lambda: Group.objects.create(name=name).pk)


def speak_chinese(desk, context) -> None:
    context.add_cookies([{"name": "django_language", "value": "zh-hans", "url": desk.url}])


def faults_of(page) -> list[str]:
    """What hangs over the edge of the screen or is cut, once the page is drawn at its size."""
    page.evaluate("() => new Promise((go) => requestAnimationFrame(() => setTimeout(go)))")
    for _try in range(5):
        found: list[str] = page.evaluate(OVER_THE_EDGE) + page.evaluate(CUT)
        if not found:
            break
        page.wait_for_timeout(400)  # a busy machine draws late
    return found


def pwned(page) -> bool:
    page.wait_for_timeout(150)  # an image's onerror comes after the page
    return any(frame.evaluate("'pwned' in window") for frame in page.frames)


# Every attempt on one list, and every list under one attempt: they share one template.
@pytest.mark.parametrize(
    ("model", "words"),
    [*((LISTS[0], words) for words in SEARCHES), *((model, SEARCHES[0]) for model in LISTS[1:])],
)
def test_search_words_are_only_words(staff, desk, model, words):
    staff.goto(f"{desk.url}/admin/{model}/?q={quote(words)}")
    assert staff.input_value("#searchbar") == words
    assert not pwned(staff)


def test_remembered_filters_are_only_text(staff, desk):
    filters = quote(f"q={quote(SEARCHES[1])}&x={quote(SEARCHES[0])}")
    for page in ("group/add", "group/1/change", "group/1/delete"):
        staff.goto(f"{desk.url}/admin/auth/{page}/?_changelist_filters={filters}")
        assert not pwned(staff)


def test_the_way_back_leads_to_the_list_whatever_page_sent_us(staff, desk):
    staff.goto(
        f"{desk.url}/admin/auth/group/1/change/?_changelist_filters=q%3Da%2526b",
        referer="http://127.0.0.1:9/elsewhere?'-(window.pwned=1)-'\\",
    )
    staff.click(".office-back a")
    staff.wait_for_url(f"{desk.url}/admin/auth/group/?q=a%26b")
    assert not pwned(staff)


def test_a_message_shows_names_as_text(staff, desk):
    group = make_group(desk, IMAGE)
    staff.goto(f"{desk.url}/admin/auth/group/{group}/delete/")
    staff.click("form [type=submit]")
    assert IMAGE in staff.inner_text(".office-messages")
    assert not pwned(staff)


def test_a_message_about_a_bad_id_shows_it_as_text(staff, desk):
    staff.goto(f"{desk.url}/admin/auth/group/{quote(IMAGE, safe='')}/change/")
    assert IMAGE in staff.inner_text(".office-messages")
    assert not pwned(staff)


@pytest.mark.parametrize("name", [TEMPLATE, IMAGE])
def test_the_name_in_the_header_is_only_text(page, desk, name):
    make_user(desk, name)
    desk.let_in(page.context, name)
    page.goto(f"{desk.url}/admin/")
    assert page.inner_text(".office-user").strip() == name
    assert not pwned(page)


@pytest.mark.parametrize("name", [TEMPLATE + "1", IMAGE + "1"])
def test_the_name_of_an_object_is_only_text_on_each_of_its_pages(staff, desk, name):
    group = make_group(desk, name)
    for page in ("change", "history", "delete"):
        staff.goto(f"{desk.url}/admin/auth/group/{group}/{page}/")
        assert escape(name, quote=False) in staff.inner_html("#content")
        assert not pwned(staff)


def test_a_line_break_in_a_name_ends_no_comment_of_a_script(staff, desk):
    group = make_group(desk, "x\nwindow.pwned=1//")
    for page in ("change", "history", "delete"):
        staff.goto(f"{desk.url}/admin/auth/group/{group}/{page}/")
        assert not pwned(staff)


@pytest.mark.parametrize("policy", [True, False])
def test_a_script_that_got_into_a_page_runs_only_without_the_policy(chromium, desk, policy):
    """Whatever hole it came through: the policy of the page names the scripts that it came with."""
    context = chromium.new_context()
    desk.let_in(context)
    page = context.new_page()
    page.route("**/admin/home/", lambda route: with_a_script(route, policy=policy))
    page.goto(f"{desk.url}/admin/home/")
    assert pwned(page) is not policy
    context.close()


def with_a_script(route, *, policy: bool) -> None:
    answer = route.fetch()
    headers = answer.headers if policy else {"content-type": answer.headers["content-type"]}
    body = answer.text().replace("<body", "<script>window.pwned=1</script><body", 1)
    route.fulfill(status=200, headers=headers, body=body)


def test_the_choice_of_all_columns_of_an_export_works(staff, desk):
    staff.goto(f"{desk.url}/admin/core/customer/export/")
    boxes = staff.locator(".selectable-field-export-row input[type=checkbox]:not(.select-toggle)")
    staff.uncheck(".select-toggle")
    assert not any(box.is_checked() for box in boxes.all())
    staff.check(".select-toggle")
    assert all(box.is_checked() for box in boxes.all())


def test_a_wrong_username_comes_back_as_text(page, desk):
    desk.log_in(page, f'">{IMAGE}{TEMPLATE}', "wrong")
    assert page.input_value("[name=username]") == f'">{IMAGE}{TEMPLATE}'
    assert not pwned(page)


def test_nobody_deletes_through_simpleuis_ajax(page, desk):
    before = desk.do(Group.objects.count)
    page.goto(f"{desk.url}/admin/login/")
    for model in LISTS:
        answer = page.request.post(
            f"{desk.url}/admin/{model}/ajax",
            form={
                "_action": "delete_queryset",
                "select_across": "1",
                "csrfmiddlewaretoken": csrf_token(page),
            },
            max_redirects=0,
        )
        assert answer.status in (302, 404)
    assert desk.do(Group.objects.count) == before


def test_no_admin_class_is_one_of_simpleuis():
    assert AjaxAdmin.__subclasses__() == []
    assert not [cls for cls in admin.site._registry.values() if isinstance(cls, AjaxAdmin)]


def test_every_page_says_who_may_frame_it_and_what_it_may_load(page, desk):
    answer = page.goto(f"{desk.url}/admin/login/")
    assert answer.headers["x-frame-options"] == "DENY"
    policy = answer.headers["content-security-policy"]
    for directive in (
        "default-src 'self'",
        "frame-ancestors 'none'",
        "object-src 'none'",
        "base-uri 'self'",
        "form-action 'self'",
    ):
        assert directive in policy


@pytest.mark.parametrize(("language", "addresses"), [("en", PAGES), ("zh-hans", PAGES_IN_CHINESE)])
def test_every_page_is_without_errors_and_within_the_screen(new_page, desk, language, addresses):
    page = new_page()
    desk.let_in(page.context)
    if language != "en":
        speak_chinese(desk, page.context)
    for address in addresses:
        page.set_viewport_size(WIDE)
        assert page.goto(desk.url + address).status == 200, address
        assert page.get_attribute("html", "lang") == language, address
        assert faults_of(page) == [], address
        page.set_viewport_size(PHONE)
        assert faults_of(page) == [], address


def test_error_pages_are_ours(new_page, desk):
    make_user(desk, "guest")
    page = new_page(PHONE)
    desk.let_in(page.context, "guest")
    for language in ("en", "zh-hans"):
        for address, status in (("/nothing", 404), ("/admin/auth/group/", 403)):
            assert page.goto(desk.url + address).status == status
            assert page.get_attribute("html", "lang") == language
            assert page.is_visible(".office-logo")
            assert faults_of(page) == []
        speak_chinese(desk, page.context)


@pytest.mark.parametrize("page_of", [errors.bad_request, errors.csrf_failure, errors.server_error])
def test_error_pages_need_nothing_that_may_be_broken(page_of):
    bare = RequestFactory().get("/admin/")  # neither a session nor a user, nor a database
    with translation.override("en"):
        assert "Booster Office" in page_of(bare).content.decode()


def test_the_lock_says_when_to_try_again(page, desk):
    desk.log_in(page, "stranger", "wrong")
    for _attempt in range(5):
        page.fill("[name=password]", "wrong again")
        page.click("#login-form button[type=submit]")
    assert "15 minutes" in page.inner_text("section")
    assert page.goto(f"{desk.url}/admin/login/").status == 200


def test_the_language_is_chosen_before_the_login(page, desk):
    page.goto(f"{desk.url}/admin/login/?next=/admin/home/")
    page.click(".office-languages button")
    assert page.get_attribute("html", "lang") == "zh-hans"
    desk.log_in(page)
    assert page.get_attribute("html", "lang") == "zh-hans"


def test_a_change_of_language_keeps_the_page(page, desk):
    desk.let_in(page.context)
    page.goto(f"{desk.url}/admin/auth/group/?q=a#searchbar")
    page.click(".office-languages button")
    page.wait_for_selector("html[lang=zh-hans]")
    assert page.url.endswith("/admin/auth/group/?q=a#searchbar")
    assert "组" in page.inner_text(".office-menu [aria-current]")


def menu_of(page) -> list[str]:
    return [line.strip() for line in page.locator(".office-menu a").all_inner_texts()]


def test_the_menu_has_what_the_user_may_see(new_page, desk):
    make_user(desk, "till", "view_pricepolicy", "view_customer")
    page = new_page()
    desk.let_in(page.context, "till")
    page.goto(f"{desk.url}/admin/")
    assert menu_of(page) == ["Home", "Customers", "Price policies"]


def test_the_menu_of_a_super_administrator_is_in_the_order_of_the_work(staff, desk):
    staff.goto(f"{desk.url}/admin/")
    lines = menu_of(staff)
    assert lines[:4] == ["Home", "Board", "Queue", "Pauses"]
    assert lines[4:7] == ["Orders", "Repeats", "Conversations"]
    assert lines[-3:] == ["Administrators", "Groups", "Login attempts"]


def test_a_filter_keeps_the_search_and_a_search_keeps_the_filter(staff, desk):
    staff.goto(f"{desk.url}/admin/core/customer/?q=e")
    staff.select_option("[data-filter]", index=1)
    staff.wait_for_url(lambda url: "active" in url)
    assert "q=e" in staff.url
    staff.fill("#searchbar", "r")
    staff.press("#searchbar", "Enter")
    staff.wait_for_url(lambda url: "q=r" in url)
    assert "active" in staff.url
    assert "p=" not in staff.url.split("?")[1].split("&")


def test_an_action_works_on_what_was_ticked(staff, desk):
    doomed = make_group(desk, "Doomed")
    spared = make_group(desk, "Spared")
    staff.goto(f"{desk.url}/admin/auth/group/")
    staff.check(f"input[name=_selected_action][value='{doomed}']")
    staff.click("button[name=action][value=delete_selected]")
    staff.click("form [type=submit]")
    staff.wait_for_selector(".office-messages .success")
    names = staff.inner_text("#result_list")
    assert "Doomed" not in names
    assert "Spared" in names
    assert spared


def test_a_new_password_is_set_without_the_old_forms_script(new_page, desk):
    desk.do(lambda: User.objects.create_user("changer", password=PASSWORD, is_staff=True))
    page = new_page(PHONE)
    desk.let_in(page.context, "changer")
    page.goto(f"{desk.url}/admin/password_change/")
    page.fill("[name=old_password]", PASSWORD)
    page.fill("[name=new_password1]", "Another-horse-8")
    page.fill("[name=new_password2]", "Another-horse-8")
    page.click("form#password_form [type=submit]")
    page.wait_for_url(f"{desk.url}/admin/password_change/done/")
    changed = desk.do(lambda: User.objects.get(username="changer"))
    assert check_password("Another-horse-8", changed.password)
