"""What Django and the libraries say on our pages in English only, or clumsily: named here so that
our catalogues hold it (tests/translations.py). They are asked before those of the libraries.
"""

from django.utils.translation import gettext_noop as _

WORDS = (
    # Django: what stands before a field, above a form and in the title of a list.
    _(":"),
    _("Add %s"),
    _("Change %s"),
    _("View %s"),
    _("Select %s"),
    _("Select %s to change"),
    _("Select %s to view"),
    _("Change history: %s"),
    _("Please correct the errors below."),
    _("The {name} “{obj}” was added successfully."),
    _("The {name} “{obj}” was added successfully. You may add another {name} below."),
    _("The {name} “{obj}” was changed successfully."),
    _("The {name} “{obj}” was changed successfully. You may edit it again below."),
    _("After you’ve created a user, you’ll be able to edit more user options."),
    _(
        "Whether the user will be able to authenticate using a password or not. If disabled, they "
        "may still be able to authenticate using other backends, such as Single Sign-On or LDAP."
    ),
    _("group"),
    _("groups"),
    # django-import-export.
    _("Resource"),
    _("Select all"),
    _('Select at least 1 field for "%(resource_name)s" to export'),
    _(
        "%(exc_name)s encountered while trying to read file. Ensure you have chosen the correct "
        "format for the file."
    ),
    _("No valid data to import. Ensure your file has the correct headers or data for import."),
    _(
        "The following fields are declared in 'import_id_fields' but are not present in the file "
        "headers: %s"
    ),
    _("Value could not be parsed."),
    _("Some rows failed to validate"),
    _(
        "Please correct these errors in your data where possible, then reupload it using the form "
        "above."
    ),
    # django-axes: the list of logins that failed.
    _("Access Attempt"),
    _("access attempt"),
    _("access attempts"),
    _("access failure"),
    _("access failures"),
    _("access log"),
    _("access logs"),
    _("Access lock out"),
    _("Attempt Remaining"),
    _("Attempt Time"),
    _("The time when access attempt expires and is no longer valid."),
    _("Clean up expired attempts"),
    _("Expires At"),
    _("Failed Logins"),
    _("Form Data"),
    _("GET Data"),
    _("HTTP Accept"),
    _("IP Address"),
    _("Locked Out"),
    _("Logout Time"),
    _("Meta Data"),
    _("No"),
    _("Not set"),
    _("POST Data"),
    _("Path"),
    _("Status"),
    _("User Agent"),
    _("Username"),
)
