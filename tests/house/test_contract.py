"""The web client's types are those of the server."""

import os

import pytest

from tools import write_api


def test_the_description_is_up_to_date() -> None:
    made = write_api.description()
    if os.environ.get("CHENGYUN_BLESS"):
        write_api.DESCRIPTION.write_text(made)
    assert write_api.DESCRIPTION.read_text() == made, "./chengyun bless tests/house/test_contract.py writes it anew"


def test_the_types_are_made_from_it() -> None:
    made = write_api.types(write_api.DESCRIPTION)
    if made is None:
        pytest.skip("the web client's tools are not installed here")
    if os.environ.get("CHENGYUN_BLESS"):
        write_api.TYPES.write_text(made)
    assert write_api.TYPES.read_text() == made
