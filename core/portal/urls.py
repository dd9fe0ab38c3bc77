"""Addresses of the customers' pages. tests/test_portal_access.py says who gets what at each."""

from django.urls import path

from core.portal import balance, entry, orders

app_name = "portal"
urlpatterns = [
    path("", orders.listed, name="orders"),
    path("orders.csv", orders.exported, name="orders-csv"),
    path("orders/new/", orders.added, name="order-new"),
    path("orders/quote/", orders.quoted, name="quote"),
    path("orders/<slug:oid>/", orders.shown, name="order"),
    path("orders/<slug:oid>/cancel/", orders.canceled, name="order-cancel"),
    path("orders/<slug:oid>/message/", orders.said, name="order-message"),
    path("orders/<slug:oid>/read/", orders.read, name="order-read"),
    path("audits/<int:pk>/", balance.audit_shown, name="audit"),
    path("balance/", balance.listed, name="balance"),
    path("balance.csv", balance.exported, name="balance-csv"),
    path("password/", entry.changed_password, name="password"),
    path("login/", entry.login, name="login"),
    path("logout/", entry.logout, name="logout"),
    path("welcome/<uidb64>/<token>/", entry.set_password, name="set-password"),
]
