"""Files on their way through an import: uploaded, previewed, confirmed.

Between preview and confirmation the browser holds the file's name. django-import-export opens
whatever name comes back; here it comes back signed, for one user and one hour, and names a file in
a folder of ours by the hash of its content, which is checked again when it is read.
"""

import hashlib
import os
import re
import secrets
import time
from pathlib import Path
from typing import Any

from django import forms
from django.conf import settings
from django.core import signing
from django.utils.translation import gettext_lazy as _
from import_export.forms import ConfirmImportForm, ImportForm
from import_export.tmp_storages import BaseStorage

SALT = "core.admin.uploads"
MAX_AGE = 3600
MAX_BYTES = 10 * 1024 * 1024

NAME = re.compile(r"[0-9a-f]{64}-[0-9a-f]{32}")


def folder() -> Path:
    path: Path = settings.DATA_DIR / "uploads"
    path.mkdir(mode=0o700, exist_ok=True)
    return path


class UploadStore(BaseStorage):
    """One upload in the private folder, `<sha256>-<random>`."""

    def save(self, data: bytes) -> None:
        remove_expired()
        self.name = f"{hashlib.sha256(data).hexdigest()}-{secrets.token_hex(16)}"
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL
        with os.fdopen(os.open(self._path(), flags, 0o600), "wb") as file:
            file.write(data)

    def read(self) -> str | bytes:
        data = self._path().read_bytes()
        if not self.name.startswith(hashlib.sha256(data).hexdigest()):
            raise ValueError("the uploaded file was changed")
        return data.decode(self.encoding) if self.encoding else data

    def remove(self) -> None:
        self._path().unlink(missing_ok=True)

    def _path(self) -> Path:
        if not NAME.fullmatch(self.name or ""):
            raise ValueError("not the name of an upload")
        return folder() / self.name


def remove_expired() -> None:
    """Previews that nobody confirmed."""
    oldest = time.time() - MAX_AGE
    for path in folder().iterdir():
        if NAME.fullmatch(path.name) and path.stat().st_mtime < oldest:
            path.unlink(missing_ok=True)


def sign(name: str, user_id: int) -> str:
    """The name as the browser may hold it."""
    return signing.dumps([user_id, name], salt=SALT)


def unsign(token: str, user_id: int) -> str:
    """The name that `sign()` gave this user within the hour. Raises BadSignature."""
    owner, name = signing.loads(token, salt=SALT, max_age=MAX_AGE)
    if owner != user_id or not NAME.fullmatch(name):
        raise signing.BadSignature("another user's upload")
    return str(name)


class UploadForm(ImportForm):
    def clean_import_file(self) -> Any:
        file = self.cleaned_data["import_file"]
        if file.size > MAX_BYTES:
            raise forms.ValidationError(_("The file is larger than 10 MB; split it."))
        return file


class ConfirmUploadForm(ConfirmImportForm):
    """Takes back only what this user uploaded, for one of the `resources` this user may import."""

    def __init__(self, *args: Any, user_id: int, resources: int, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.user_id = user_id
        self.resources = {str(index) for index in range(resources)}

    def clean_import_file_name(self) -> str:
        try:
            name = unsign(self.cleaned_data["import_file_name"], self.user_id)
            UploadStore(name=name).read()
        except (signing.BadSignature, ValueError, OSError):
            raise forms.ValidationError(
                _("This upload is not yours, was imported already or is older than an hour.")
            ) from None
        return name

    def clean_resource(self) -> str:
        resource = str(self.cleaned_data.get("resource") or "0")
        if resource not in self.resources:
            raise forms.ValidationError(_("You may not import in this way."))
        return resource
