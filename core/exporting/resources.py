"""What is exported, column by column. On its way out a cell that a spreadsheet would take for a
formula gets an apostrophe (lists.py); core.importing removes it again."""

from import_export import fields, resources

from core.models import ChargeRecord, Customer, LedgerEntry, Order


def named(attribute: str, column: str) -> fields.Field:
    """A read-only column from a related row."""
    return fields.Field(attribute=attribute, column_name=column, readonly=True)


class DeskResource(resources.ModelResource):
    creator = named("creator__username", "creator")

    @classmethod
    def get_display_name(cls) -> str:
        return str(cls._meta.model._meta.verbose_name_plural).capitalize()


class CustomerExport(DeskResource):
    class Meta:
        model = Customer
        fields = ("username", "mobile", "balance", "active", "creator", "create_date", "memo")


class OrderExport(DeskResource):
    status = named("get_status_display", "status")
    customer = named("customer__username", "customer")
    site = named("site__name", "site")

    class Meta:
        model = Order
        fields = (
            *("oid", "status", "customer", "site", "url", "count", "price", "unit_price"),
            *("done", "failed", "uncertain", "delivered", "refunded"),
            *("old_view_count", "view_count", "creator"),
            *("create_date", "start_date", "end_date", "memo"),
        )


class ChargeExport(DeskResource):
    customer = named("customer__username", "customer")
    method = named("get_method_display", "method")

    class Meta:
        model = ChargeRecord
        fields = (
            *("id", "customer", "amount", "method", "creator", "create_date"),
            *("memo", "reference"),
        )


class LedgerExport(DeskResource):
    kind = named("get_kind_display", "kind")
    customer = named("customer__username", "customer")
    order = named("order__oid", "order")

    class Meta:
        model = LedgerEntry
        fields = (
            *("id", "kind", "customer", "amount", "balance_after", "order"),
            *("creator", "create_date", "reference", "note"),
        )
