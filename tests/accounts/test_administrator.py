"""`chengyun admin`: the first administrator, and the way back when all passwords are lost."""

import re

import pytest

from chengyun.cli.main import main
from chengyun.cli.upkeep import make_administrator
from chengyun.kernel.errors import Problem
from tests.support.accounts import City


def test_a_new_administrator_administers_users_and_rights(city: City, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main(["admin", "Root.Admin"])
    assert ended.value.code == 0
    said = capsys.readouterr().out.strip()
    found = re.fullmatch(r"root\.admin has been created and administers users and rights; the password is (\S+)", said)
    assert found, said
    person = city.browser("root.admin", found[1])
    me = person("GET", "/session")
    assert me["user"]["posts"] == ["security_admin", "system_admin"]
    assert me["organisation"]["area_code"] == "500000"
    assert {"user.manage", "role.manage"} <= set(me["permissions"])
    assert "audit.read" not in me["permissions"]


def test_a_given_password_is_not_repeated(city: City) -> None:
    said = make_administrator("second", "Blumen am Ufer 44")
    assert said == "second has been created and administers users and rights; the password is as given"
    assert city.browser().sign_in("second", "Blumen am Ufer 44").status_code == 200


def test_an_account_that_is_there_gets_a_new_password_and_is_free_again(city: City) -> None:
    make_administrator("third", "Blumen am Ufer 44")
    before = city.browser("third", "Blumen am Ufer 44")
    user_id = before("GET", "/session")["user"]["id"]
    city.browser("system")("PATCH", f"/users/{user_id}", {"state": "disabled"})
    for _ in range(6):
        city.browser().sign_in("third", "not the password")
    said = make_administrator("third", None)
    password = said.rsplit(" ", 1)[1]
    assert said.startswith("third has a new password and administers users and rights; ")
    before.refused("GET", "/session", None, 401, "session.expired")
    assert city.browser().sign_in("third", "Blumen am Ufer 44").status_code == 401
    assert city.browser("third", password)("GET", "/session")["user"]["username"] == "third"
    lines = city.browser("audit")("GET", "/audit", object_id=user_id, action="password.set")["items"]
    assert [x["actor"]["name"] for x in lines] == ["chengyun"]


@pytest.mark.parametrize(
    ("name", "password", "code"),
    [
        ("x", None, "user.username"),
        ("a b", None, "user.username"),
        ("fourth", "short", "password.short"),
        ("管理员", None, "user.username"),
    ],
)
def test_a_bad_name_or_password_is_refused_in_one_sentence(
    city: City, name: str, password: str | None, code: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(Problem) as refused:
        make_administrator(name, password)
    assert refused.value.code == code
    with pytest.raises(SystemExit):
        main(["admin", name, *(["--password", password] if password else [])])
    assert capsys.readouterr().err.startswith("chengyun: ")
