"""What a field said before and after: who changed it, when, and by what. Append-only, beside the
admin's own log, which names changed fields but not their values.
"""

from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any, NamedTuple

from django.contrib.contenttypes.models import ContentType
from django.db import models, transaction
from django.utils.translation import gettext_lazy as _

from core.models.accounts import User, person_field
from core.models.append_only import AppendOnlyModel, AppendOnlyQuerySet
from core.models.fields import created_field

# Never kept, whatever changes it.
SECRET = ("password", "secrets")
SHOWN = 200


class Difference(NamedTuple):
    """One field of one object; None for what was or is empty."""

    object_id: int
    field: str
    before: Any
    after: Any


class FieldChangeQuerySet(AppendOnlyQuerySet):
    def of(self, obj: models.Model) -> "FieldChangeQuerySet":
        """An object's changes, the latest first."""
        rows = self.filter(content_type=ContentType.objects.get_for_model(obj), object_id=obj.pk)
        return rows.select_related("creator").order_by("-pk")

    def keep(
        self,
        model: type[models.Model],
        differences: Iterable[Difference],
        *,
        actor: User | None,
        source: str = "",
    ) -> list["FieldChange"]:
        """Write differences down, in the transaction that made them."""
        kind = ContentType.objects.get_for_model(model, for_concrete_model=True)
        return self.bulk_create(
            [
                FieldChange(
                    content_type=kind,
                    object_id=one.object_id,
                    field=one.field,
                    before=as_text(one.before),
                    after=as_text(one.after),
                    creator=actor,
                    source=source,
                )
                for one in differences
            ],
            batch_size=500,
        )

    @contextmanager
    def kept(
        self, obj: models.Model, names: Iterable[str], *, actor: User | None
    ) -> Iterator[None]:
        """Keep what a save of these fields changes, with it or not at all."""
        names = [name for name in names if name not in SECRET]
        with transaction.atomic():
            row = type(obj)._base_manager.select_for_update().filter(pk=obj.pk)
            before: Mapping[str, Any] = row.values(*names).first() or {} if names else {}
            yield
            after = type(obj)._base_manager.filter(pk=obj.pk).values(*names).first() or {}
            differences = [
                Difference(obj.pk, name, before.get(name), after.get(name))
                for name in names
                if before.get(name) != after.get(name)
            ]
            self.keep(type(obj), differences, actor=actor)


class FieldChange(AppendOnlyModel):
    """`before` and `after` are the stored values as text, "" for none."""

    content_type = models.ForeignKey(
        ContentType, on_delete=models.PROTECT, related_name="+", db_index=False
    )
    object_id = models.BigIntegerField()
    field = models.CharField(_("field"), max_length=64)
    before = models.TextField(_("before"), blank=True)
    after = models.TextField(_("after"), blank=True)
    creator = person_field(_("who"))
    # "" for a form of the desk; else the job that did it.
    source = models.CharField(_("by"), max_length=100, blank=True)
    create_date = created_field(_("when"))

    objects = FieldChangeQuerySet.as_manager()  # type: ignore[misc]

    class Meta:
        verbose_name = _("changed field")
        verbose_name_plural = _("changed fields")
        ordering = ("-id",)
        default_permissions = ()
        indexes = [
            models.Index(fields=["content_type", "object_id", "-id"], name="change_of_object"),
        ]

    def __str__(self) -> str:
        return f"{self.field}: {self.before} → {self.after}"


def as_text(value: Any) -> str:
    """Lists of words as people read them, other values as they are."""
    if isinstance(value, list) and all(isinstance(one, str) for one in value):
        return "; ".join(value)
    return "" if value is None else str(value)
