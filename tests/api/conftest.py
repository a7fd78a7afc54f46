"""Certificates for the whole session: making keys takes time."""

import pytest

from tests.api.edge import make_pki


@pytest.fixture(scope="session")
def pki(tmp_path_factory):
    """A folder with an authority and everybody's certificates. Tests that change them make their own."""
    folder = tmp_path_factory.mktemp("pki") / "certs"
    make_pki(folder)
    return folder
