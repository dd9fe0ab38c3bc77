"""Two parts of a site's form: the private authority behind the site's certificate, and the locks of
core/models/sites.py while orders are open, each at its field."""

from dataclasses import asdict
from datetime import UTC, datetime
from typing import Any

from django import forms
from django.utils.translation import gettext, gettext_lazy as _

from booster.exceptions import AddressRefusedError, PermanentError, SiteCode, TemporaryError
from booster.net.address import Origin
from booster.net.tls import read_authorities
from booster.ownership.verification import resolve
from booster.sites import Recipe, RecipeError
from booster.sites.credentials import without_credentials
from core.admin.recipes import PREFIX, lines
from core.admin.site_week import WeekForm
from core.models import Site
from core.models.sites import CEILINGS, PROOF_FIELDS
from core.reasons import Reason, translate, translate_error

TRUST_FIELDS = ("ca_certificate",)


class TrustForm(WeekForm):
    ca_certificate = lines(
        _("CA certificate"),
        Site._meta.get_field("ca_certificate").help_text,
        rows=4,
        placeholder="-----BEGIN CERTIFICATE-----",
    )

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.kept_recipe = self.instance.recipe

    def clean_ca_certificate(self) -> str:
        pem: str = self.cleaned_data["ca_certificate"].replace("\r\n", "\n").strip()
        try:
            if pem:
                read_authorities(pem)
        except PermanentError as error:
            raise forms.ValidationError(translate_error(error)) from None
        return pem

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean()
        origin = cleaned.get("origin") or self.instance.origin
        if cleaned.get("ca_certificate") and origin.startswith("http://"):
            self.add_error("ca_certificate", translate(Reason.of(SiteCode.AUTHORITY_NEEDS_HTTPS)))
        second = (cleaned.get("recipe") or {}).get("second_origin", "")
        if second and (objection := self._objection_to(second, origin)):
            self.add_error("recipe_second_origin", objection)
        return cleaned

    def _objection_to(self, second: str, first: str) -> str:
        """Why nothing may be asked there; "" if it may be, or if nobody can say now."""
        if second == first:
            return gettext("This is the address of the site itself.")
        try:
            # A saved site's row is locked meanwhile, so its check asks the name server, not its
            # form.
            if self.instance.pk is None or Origin.parse(second).is_ip:
                resolve(Origin.parse(second))
        except AddressRefusedError as error:
            return translate_error(error)
        except TemporaryError:
            pass
        return ""

    def refuse_locked(self, cleaned: dict[str, Any]) -> None:
        """Errors at the fields that open orders rest on. Call it when all fields were read."""
        if self.instance.pk is None:
            return
        typed = cleaned.get("recipe")
        if is_same_recipe(self.kept_recipe, typed) or self._only_hides(typed, cleaned):
            self.instance.recipe = cleaned["recipe"] = self.kept_recipe
        values = {name: cleaned[name] for name in (*PROOF_FIELDS, *CEILINGS) if name in cleaned}
        for name, reason in self.instance.objections(values).items():
            for field in self.fields_of(name):
                self.add_error(field, translate(reason))

    def _only_hides(self, typed: Any, cleaned: dict[str, Any]) -> bool:
        """Whether the only change is that credentials become secrets, in a recipe that open orders
        or a calibration rest on: nobody sees them either way."""
        is_rested_on = self.instance.calibrated_at is not None or self.instance.objections(
            {"recipe": typed}
        )
        if not is_rested_on or (cleaned.get("secrets") or {}) != self.stored_secrets:
            return False
        try:
            kept = Recipe.parse(self.kept_recipe or {})
        except RecipeError:
            return False
        hidden, _secrets = without_credentials(kept, self.stored_secrets)
        return is_same_recipe(hidden.as_data(), typed)

    def fields_of(self, name: str) -> list[str | None]:
        """The form's fields for this column; [None], which is above the form, if it has none."""
        if name in self.fields:
            return [name]
        changed = [field for field in self.changed_data if field.startswith(PREFIX)]
        return list(changed) if name == "recipe" and changed else [None]


def is_same_recipe(kept: Any, typed: Any) -> bool:
    """Whether both read and play a site alike: a field that a recipe leaves out has a default."""
    try:
        return bool(kept and typed) and asdict(Recipe.parse(kept)) == asdict(Recipe.parse(typed))
    except RecipeError:
        return False


def authorities_of(site: Site) -> list[dict[str, Any]]:
    """What staff compare with what the site's owner tells them, or why it cannot be read."""
    if not site.ca_certificate:
        return []
    try:
        found = read_authorities(site.ca_certificate, now=0)
    except PermanentError as error:
        return [{"problem": translate_error(error)}]
    return [
        {
            "subject": one.subject,
            "fingerprint": one.fingerprint,
            "expires": datetime.fromtimestamp(one.expires, UTC),
        }
        for one in found
    ]
