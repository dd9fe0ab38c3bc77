"""Fills in the form of a site with a recipe: from an address and an answer of the site, from known
software, or from another office's file. Nothing is saved here."""

from typing import Any

from django.http import Http404, HttpRequest, HttpResponse
from django.utils.text import slugify
from django.utils.translation import gettext as _

from booster.exceptions import PermanentError, SiteError
from booster.net.address import Origin
from booster.sites import recipes as files, sample
from booster.sites.recipe import RecipeError
from booster.sites.recipes import RecipeFile
from core.admin.add_form import AddFormAdmin
from core.admin.recipes import PREFIX, fields_of, in_words
from core.admin.views import address, require
from core.reasons import printable, translate_error

# If an answer is longer, a shorter one is asked for.
TOO_LONG = sample.MAX_SAMPLE


class RecipeWizardAdmin(AddFormAdmin):
    @address("<int:pk>/recipe.json", "recipe")
    def recipe_view(self, request: HttpRequest, pk: int) -> HttpResponse:
        """A site's recipe as a file, without secrets."""
        site = self.seen_or_404(request, pk)
        if site.recipe is None:
            raise Http404
        try:
            text = files.file_of(site.name, site.recipe, site.max_connections).write()
        except RecipeError as error:
            return HttpResponse(str(error), status=409, content_type="text/plain")
        name = slugify(site.name) or f"site-{site.pk}"
        return HttpResponse(
            text,
            content_type="application/json",
            headers={"Content-Disposition": f'attachment; filename="{name}.json"'},
        )

    @address("wizard/", "wizard")
    def wizard_view(self, request: HttpRequest) -> HttpResponse:
        require(self.has_add_permission(request))
        step = request.POST.get("step", "")
        if step == "shipped":
            file = files.all_shipped().get(request.POST.get("name", ""))
            if file is None:
                return self._page(request)
            return self._filled(request, of_file(file) | {"memo": _(file.notes)})
        if step == "import":
            return self._import(request)
        if step in ("look", "take"):
            return self._look(request, takes=step == "take")
        return self._page(request)

    def _import(self, request: HttpRequest) -> HttpResponse:
        upload = request.FILES.get("file")
        if upload is None:
            return self._page(request, file_errors=[_("Choose a file.")])
        try:
            return self._filled(request, of_file(files.read(upload.read(files.MAX_BYTES + 1))))
        except RecipeError as error:
            told = [f"{name}: {in_words(problem)}" for name, problem in error.problems.items()]
            return self._page(request, file_errors=told)
        except PermanentError as error:
            return self._page(request, file_errors=[translate_error(error)])

    def _look(self, request: HttpRequest, *, takes: bool) -> HttpResponse:
        # Browsers send both characters at the end of a line, whatever was pasted.
        typed = {
            name: request.POST.get(name, "").strip().replace("\r\n", "\n")
            for name in ("url", "answer", "source")
        }
        try:
            proposal = Proposal(typed, request.POST.get("video", ""), request.POST.get("pick", ""))
        except SiteError as error:
            return self._page(request, typed=typed, errors=[translate_error(error)])
        except ValueError as error:
            return self._page(request, typed=typed, errors=[str(error)])
        if takes and proposal.picked:
            return self._filled(request, proposal.fields())
        return self._page(request, typed=typed, proposal=proposal)

    def _filled(self, request: HttpRequest, fields: dict[str, Any]) -> HttpResponse:
        form = self.get_form(request, form=self.form)(initial={"adapter": "http", **fields})
        extra = {"show_save_and_continue": True, "filled_in": True}
        return self.add_page(request, form, self.url_of("add"), **extra)

    def _page(self, request: HttpRequest, **context: Any) -> HttpResponse:
        context["shipped"] = [
            (name, file.name, _(file.notes)) for name, file in files.all_shipped().items()
        ]
        context["add_url"] = self.url_of("add")
        return self.own_page(request, "desk/site_wizard.html", _("New site by recipe"), **context)


class Proposal:
    """What an address and an answer tell about a site. `video`, `pick`: the numbers chosen among
    `videos` and `numbers`. Raises SiteError, or ValueError with a sentence."""

    def __init__(self, typed: dict[str, str], video: str, pick: str) -> None:
        self.origin, path = Origin.split(typed["url"])
        self.videos = sample.ids_in(path, f"{typed['source']}\n{typed['answer'][:TOO_LONG]}")
        if not self.videos:
            raise ValueError(_("Nothing in this address can be a video's id."))
        if not typed["answer"]:
            raise ValueError(_("Paste the site's answer: the page's source, or its JSON."))
        if len(typed["answer"]) > TOO_LONG:
            raise ValueError(
                _("The answer is longer than %(most)s characters.") % {"most": TOO_LONG}
            )
        self.chosen = chosen(video, len(self.videos)) or 0
        self.video = self.videos[self.chosen]
        self.sample = sample.read(typed["answer"], self.video.video_id)
        self.numbers = self.sample.numbers
        self._answer = typed["answer"]
        self.second = ""  # another address that the answer came from
        number = chosen(pick, len(self.numbers))
        self.picked = None if number is None else self.numbers[number]
        self.pick = number
        self.count_path = self._count_path(typed["source"], path)

    def _count_path(self, source: str, path: str) -> str:
        """The path that the answer came from; a page without an address is the video's own."""
        if source:
            origin, own = (self.origin, source) if source[0] == "/" else Origin.split(source)
            self.second = "" if origin == self.origin else str(origin)
            return sample.path_for(own, self.video.video_id)
        return "" if self.sample.is_json else sample.path_for(path, self.video.video_id)

    @property
    def pieces(self) -> list[tuple[str, int | None]]:
        """The answer as it is shown: text, and the number of each part that can be clicked."""
        found, number = [], 0
        for piece in self.sample.pieces:
            found.append((printable(piece.text), number if piece.where else None))
            number += bool(piece.where)
        return found

    @property
    def views(self) -> int | None:
        """The counter that the proposed recipe reads in the answer."""
        if self.picked is None:
            return None
        return sample.proves(self.picked, self._answer, self.video.video_id)

    @property
    def where(self) -> list[tuple[str, str]]:
        if self.picked is None:
            return []
        labels = {
            "count_json": _("Count in JSON"),
            "count_marker": _("The text before the number"),
            "count_pattern": _("Count in text"),
        }
        return [(labels[name], text) for name, text in self.picked.where.items()]

    def fields(self) -> dict[str, Any]:
        where = self.picked.where if self.picked else {}
        found: dict[str, Any] = {"video_pattern": self.video.pattern, "count_path": self.count_path}
        found |= where
        if self.second:
            found |= {"second_origin": self.second, "count_at_second": True}
        return {
            "name": self.origin.host[:64],
            "origin": str(self.origin),
            **{PREFIX + name: value for name, value in found.items()},
        }


def chosen(text: str, among: int) -> int | None:
    """The number of an offered choice; None if it is not one."""
    number = int(text) if text.isdecimal() and text.isascii() and len(text) < 6 else -1
    return number if 0 <= number < among else None


def of_file(file: RecipeFile) -> dict[str, Any]:
    told = {"name": printable(file.name), "memo": printable(file.notes[:2000])}
    found = fields_of(dict(file.recipe)) | told
    if file.max_connections:
        found["max_connections"] = file.max_connections
    return found
