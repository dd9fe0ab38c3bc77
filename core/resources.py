"""What is imported and exported, column by column.

A cell that a spreadsheet would take for a formula gets an apostrophe on its way out and loses it
on its way in. Balances are never imported: money comes in by top-ups.
"""

from typing import Any

from django.core.exceptions import ValidationError
from django.utils.translation import gettext as _
from import_export import fields, resources
from import_export.instance_loaders import CachedInstanceLoader
from import_export.widgets import BooleanWidget

from core.formulas import escape_formula, unescape_formula
from core.models import ChargeRecord, Customer, LedgerEntry, Order, User

# Preview and import happen while somebody waits.
MAX_ROWS = 5000


class DeskResource(resources.ModelResource):
    """Every cell of text is escaped. Numbers and dates are not: a negative amount stays one."""

    def export_field(self, field: Any, instance: Any, **kwargs: Any) -> Any:
        cell = super().export_field(field, instance, **kwargs)
        is_text = isinstance(cell, str) and isinstance(field.get_value(instance), str)
        return escape_formula(cell) if is_text else cell


class WholeWordsWidget(BooleanWidget):
    """Yes and no as people write them; anything else is an error and not a silent no."""

    TRUE_VALUES = ["1", 1, True, "true", "yes", "on", "是"]
    FALSE_VALUES = ["0", 0, False, "false", "no", "off", "否"]

    def clean(self, value: Any, row: Any = None, **kwargs: Any) -> bool | None:
        """None, "as it is", for an empty cell."""
        word = value.strip().lower() if isinstance(value, str) else value
        if word in ("", None):
            return None
        if word in self.TRUE_VALUES:
            return True
        if word in self.FALSE_VALUES:
            return False
        raise ValueError(_("Neither yes nor no."))

    def render(self, value: Any, obj: Any = None, **kwargs: Any) -> str:
        return "1" if value else "0"


class CustomersByName(DeskResource):
    """Creates customers, and updates those whose username is there already."""

    active = fields.Field(
        attribute="active",
        column_name="active",
        widget=WholeWordsWidget(),
        saves_null_values=False,
    )

    class Meta:
        model = Customer
        fields = ("username", "mobile", "active", "memo")
        export_order = fields
        import_id_fields = ("username",)
        instance_loader_class = CachedInstanceLoader
        clean_model_instances = True
        skip_unchanged = True
        report_skipped = True

    @classmethod
    def get_display_name(cls) -> str:
        return _("Create customers, and update those with the same username")

    def before_import(self, dataset: Any, **kwargs: Any) -> None:
        self._user: User = kwargs["user"]
        self._seen: set[str] = set()
        dataset.headers = [str(header or "").strip().lower() for header in dataset.headers or []]
        unknown = sorted(set(dataset.headers) - set(self.fields))
        if unknown:
            raise ValueError(_("Unknown columns: %(columns)s.") % {"columns": ", ".join(unknown)})
        if len(dataset) > MAX_ROWS:
            raise ValueError(_("More than %(most)s rows; split the file.") % {"most": MAX_ROWS})

    def before_import_row(self, row: dict[str, Any], **kwargs: Any) -> None:
        for name, cell in row.items():
            if isinstance(cell, float) and cell.is_integer():
                cell = int(cell)  # a spreadsheet's idea of a telephone number
            if name != "active" and not isinstance(cell, str):
                cell = "" if cell is None else str(cell)
            row[name] = unescape_formula(cell) if isinstance(cell, str) else cell
        username = row.get("username", "")
        if username in self._seen:
            raise ValidationError(_("This username stands twice in the file."))
        self._seen.add(username)

    def before_save_instance(self, instance: Customer, row: Any, **kwargs: Any) -> None:
        if instance._state.adding:
            instance.creator_id = self._user.pk

    def do_instance_save(self, instance: Customer, is_create: bool) -> None:
        """Never the balance: it may have moved since the row was read."""
        if is_create:
            instance.save(force_insert=True)
        else:
            instance.save(update_fields=["mobile", "active", "memo"])


class NewCustomers(CustomersByName):
    """Creates customers; a username that is there already is an error."""

    class Meta(CustomersByName.Meta):
        pass

    @classmethod
    def get_display_name(cls) -> str:
        return _("Create customers")

    def validate_instance(self, instance: Customer, *args: Any, **kwargs: Any) -> None:
        if not instance._state.adding:
            text = _("A customer with this username already exists.")
            raise ValidationError({"username": text})
        super().validate_instance(instance, *args, **kwargs)

    def skip_row(self, *args: Any, **kwargs: Any) -> bool:
        return False


def named(attribute: str, column: str | None = None) -> fields.Field:
    """A read-only column of another table's row."""
    return fields.Field(attribute=attribute, column_name=column or attribute, readonly=True)


class CustomerExport(DeskResource):
    creator = named("creator__username", "creator")

    class Meta:
        model = Customer
        fields = ("username", "mobile", "balance", "active", "creator", "create_date", "memo")
        export_order = fields

    @classmethod
    def get_display_name(cls) -> str:
        return _("Customers")


class OrderExport(DeskResource):
    status = named("get_status_display", "status")
    customer = named("customer__username", "customer")
    site = named("site__name", "site")
    creator = named("creator__username", "creator")
    refunded = named("refunded")

    class Meta:
        model = Order
        fields = (
            *("oid", "status", "customer", "site", "url", "count", "price", "unit_price"),
            *("done", "failed", "uncertain", "delivered", "refunded"),
            *("old_view_count", "view_count", "creator"),
            *("create_date", "start_date", "end_date", "memo"),
        )
        export_order = fields

    @classmethod
    def get_display_name(cls) -> str:
        return _("Orders")


class ChargeExport(DeskResource):
    customer = named("customer__username", "customer")
    creator = named("creator__username", "creator")

    class Meta:
        model = ChargeRecord
        fields = ("id", "customer", "amount", "creator", "create_date", "memo")
        export_order = fields

    @classmethod
    def get_display_name(cls) -> str:
        return _("Top-ups")


class LedgerExport(DeskResource):
    kind = named("get_kind_display", "kind")
    customer = named("customer__username", "customer")
    order = named("order__oid", "order")
    creator = named("creator__username", "creator")

    class Meta:
        model = LedgerEntry
        fields = (
            *("id", "kind", "customer", "amount", "balance_after", "order"),
            *("creator", "create_date", "reference", "note"),
        )
        export_order = fields

    @classmethod
    def get_display_name(cls) -> str:
        return _("Ledger entries")
