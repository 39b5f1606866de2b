import re

import psycopg
import pytest
from argon2 import PasswordHasher
from typer.testing import CliRunner

from gateway.cli.staff import ROLE_WORDS, app
from gateway.console.auth.roles import Role
from gateway.console.auth.staff import ONE_TIME_LIFETIME, StaffRefused, checked_password
from gateway.console.auth.waits import key_of
from tests.conftest import Urls, plain

LONG = "une longue phrase de passe"


def ramu(urls: Urls, *arguments: str, typed: str = "", mode: str = "local") -> tuple[int, str]:
    environment = {"RAMU_MODE": mode, "DATABASE_URL": urls.app}
    handed_over = ["--password-stdin"] if typed else []
    answer = CliRunner().invoke(app, [*arguments, *handed_over], input=typed, env=environment)
    return answer.exit_code, answer.output


def ask(urls: Urls, query: str) -> list[tuple[object, ...]]:
    with psycopg.connect(plain(urls.app)) as connection:
        return connection.execute(query).fetchall()


def test_a_colleague_is_added_listed_and_dismissed_with_a_trace(urls: Urls) -> None:
    assert "Aucun compte" in ramu(urls, "list")[1]
    code, said = ramu(urls, "add", "awa", "--name", "Awa Keïta", "--role", "agent-comptable")
    assert (code, said.splitlines()[0]) == (0, "Compte « awa » ajouté : agent comptable.")
    ((kept, role),) = ask(urls, "SELECT password_hash, role FROM staff")
    assert str(kept).startswith("$argon2id$v=19$m=19456,t=2,p=1$")
    assert role == "accountant"
    assert "actif   agent comptable" in ramu(urls, "list")[1]
    assert ramu(urls, "disable", "awa")[0] == 0
    assert "fermé" in ramu(urls, "list")[1]
    assert ask(urls, "SELECT action, subject FROM audit_event ORDER BY id") == [
        ("staff.added", "staff/awa"),
        ("staff.disabled", "staff/awa"),
    ]


def one_time(said: str) -> str:
    """Read the password that is shown once."""
    found = re.search(r"usage unique : ((?:[0-9A-Z]{4}-){3}[0-9A-Z]{4})$", said, re.MULTILINE)
    assert found is not None, said
    return found[1]


def test_a_new_account_has_a_password_of_one_use_that_is_shown_once_and_ends(urls: Urls) -> None:
    said = ramu(urls, "add", "awa", "--name", "Awa", "--role", "guichet")[1]
    ((kept, days, role),) = ask(urls, "SELECT password_hash, one_time_until - created_at, role FROM staff")
    assert PasswordHasher().verify(str(kept), one_time(said))
    assert days == ONE_TIME_LIFETIME
    assert role == "desk"
    assert one_time(said) not in ramu(urls, "list")[1]
    assert one_time(said) != one_time(ramu(urls, "add", "sira", "--name", "Sira", "--role", "guichet")[1])


def test_roles_are_typed_and_shown_in_french_alone(urls: Urls) -> None:
    assert set(ROLE_WORDS.values()) == set(Role)
    for word in ("desk", "accountant", "admin", ""):
        code, said = ramu(urls, "add", "awa", "--name", "Awa", "--role", word)
        assert code == 2
        assert "guichet" in said
    for number, word in enumerate(ROLE_WORDS):
        assert ramu(urls, "add", f"awa{number}", "--name", "Awa", "--role", word)[0] == 0
    listed = ramu(urls, "list")[1]
    assert all(word.replace("-", " ") in listed for word in ROLE_WORDS)


def test_a_login_is_nobody_elses_and_looks_like_one(urls: Urls) -> None:
    who = ("--name", "Awa", "--role", "finance")
    assert ramu(urls, "add", "awa", *who)[0] == 0
    assert ramu(urls, "add", "awa", *who) == (1, "L'identifiant « awa » existe déjà.\n")
    for login in ("Awa", "1awa", "a", "awa keita", "awa'"):
        assert ramu(urls, "add", login, *who)[0] == 1
    assert ramu(urls, "add", "moussa", "--name", "a\nb", "--role", "finance")[0] == 1
    assert ramu(urls, "add", "moussa", "--name", "Moussa", "--role", "chef")[0] == 2
    assert ramu(urls, "disable", "moussa") == (1, "Aucun compte actif « moussa ».\n")
    assert ask(urls, "SELECT count(*) FROM staff") == [(1,)]


def test_a_new_password_forgets_mistakes_browsers_and_logins(urls: Urls) -> None:
    first = one_time(ramu(urls, "add", "awa", "--name", "Awa", "--role", "finance")[1])
    (before,) = ask(urls, "SELECT password_hash FROM staff")
    with psycopg.connect(plain(urls.app)) as connection:
        connection.execute(
            "INSERT INTO login_attempt VALUES (%s, 9, now() + interval '1 minute', now())", (key_of("account", "awa"),)
        )
        connection.execute("INSERT INTO staff_device SELECT '\\x00', id, created_at, created_at FROM staff")
        connection.execute("INSERT INTO staff_session SELECT '\\x00', id, 'c', created_at, created_at FROM staff")
    code, said = ramu(urls, "password", "awa")
    assert (code, one_time(said) != first) == (0, True)
    assert "actif" in ramu(urls, "list")[1]
    assert ask(urls, "SELECT password_hash FROM staff") != [before]
    for table in ("login_attempt", "staff_device", "staff_session"):
        assert ask(urls, f"SELECT count(*) FROM {table}") == [(0,)]  # noqa: S608 - our own tables
    assert ask(urls, "SELECT count(*) FROM staff_session") == [(0,)]
    assert ramu(urls, "password", "moussa") == (1, "Aucun compte actif « moussa ».\n")


def test_a_dismissed_colleague_is_out_at_once(urls: Urls) -> None:
    ramu(urls, "add", "awa", "--name", "Awa", "--role", "finance")
    with psycopg.connect(plain(urls.app)) as connection:
        connection.execute("INSERT INTO staff_session SELECT '\\x00', id, 'c', created_at, created_at FROM staff")
    ramu(urls, "disable", "awa")
    assert ask(urls, "SELECT count(*) FROM staff_session") == [(0,)]


@pytest.mark.parametrize("password", ["", "quatorze_signs", "x" * 201, "a" * 20, "ab" * 10, "awa et encore awa"])
def test_a_password_that_can_be_guessed_is_refused(password: str) -> None:
    with pytest.raises(StaffRefused):
        checked_password(password, "awa", local_mode=False)


def test_a_long_password_passes_and_local_mode_takes_any() -> None:
    assert checked_password(LONG, "awa", local_mode=False) == LONG
    assert checked_password("local", "local", local_mode=True) == "local"
    with pytest.raises(StaffRefused):
        checked_password("", "local", local_mode=True)
