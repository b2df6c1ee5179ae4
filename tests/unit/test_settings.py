"""The settings: their defaults, their ranges, and what stops the start."""

import dataclasses
from typing import Any

import pytest

from tracking_service.errors import SettingsError
from tracking_service.settings import Settings

DEFAULTS: dict[str, Any] = {
    "database_url": "sqlite:///tracking.sqlite3",
    "host": "127.0.0.1",
    "port": 8000,
    "threads": 8,
    "drain_seconds": 10.0,
    "reserve_seconds": 900.0,
    "wait_seconds": 2.0,
    "waiting_requests": 2,
    "database_timeout_seconds": 5.0,
    "batch_keep_seconds": 86400.0,
    "state_dir": "",
    "instance_path": "",
    "instance_name": "",
    "log_format": "text",
    "access_log": False,
    "traces": False,
    "auth": "off",
    "trusted_hops": 0,
}

RANGES: dict[str, tuple[float, float]] = {
    "PORT": (0, 65535),
    "TRACKING_THREADS": (1, 256),
    "TRACKING_DRAIN_SECONDS": (0, 600),
    "TRACKING_RESERVE_SECONDS": (0, 86400),
    "TRACKING_WAIT_SECONDS": (0, 60),
    "TRACKING_WAITING_REQUESTS": (0, 256),
    "TRACKING_DATABASE_TIMEOUT_SECONDS": (1, 300),
    "TRACKING_BATCH_KEEP_SECONDS": (60, 31_536_000),
    "TRACKING_TRUSTED_HOPS": (0, 10),
}

CHOICES: dict[str, dict[str, Any]] = {
    "TRACKING_LOG_FORMAT": {"text": "text", "json": "json"},
    "TRACKING_ACCESS_LOG": {"on": True, "1": True, "off": False, "0": False},
    "TRACKING_TRACES": {"on": True, "1": True, "off": False, "0": False},
    "TRACKING_AUTH": {"off": "off", "required": "required"},
}

TEXTS = {
    "DATABASE_URL": "database_url",
    "HOST": "host",
    "TRACKING_STATE_DIR": "state_dir",
    "TRACKING_INSTANCE_PATH": "instance_path",
}

FORMS = {"TRACKING_INSTANCE_NAME": "instance_name"}


def field(env: str) -> str:
    """The name of the field that a variable sets."""
    (name,) = (each.name for each in dataclasses.fields(Settings) if each.metadata["env"] == env)
    return name


# What `int` and `float` take, and nobody means.
PYTHONS_OWN = [
    "1_0",
    "٨٠",
    "８０",
    " 80 ",
    "80\n",
    "+80",
    "1e3",
    "0x10",
    "nan",
    "inf",
    "-inf",
    "NaN",
]


def written(end: float) -> str:
    return str(int(end))


def test_an_empty_environment_gives_the_defaults() -> None:
    assert DEFAULTS == dataclasses.asdict(Settings.from_environment({}))
    assert Settings() == Settings.from_environment({})


def test_every_setting_is_looked_at_here() -> None:
    envs = {each.metadata["env"] for each in dataclasses.fields(Settings)}

    assert envs == {*RANGES, *CHOICES, *TEXTS, *FORMS}


def test_the_process_own_environment_is_read(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TRACKING_WAIT_SECONDS", "0.25")

    assert 0.25 == Settings.from_environment().wait_seconds


def test_the_environment_that_is_given_is_the_only_one(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TRACKING_WAIT_SECONDS", "0.25")

    assert 2.0 == Settings.from_environment({}).wait_seconds


@pytest.mark.parametrize("env", TEXTS)
@pytest.mark.parametrize("text", ["x=1", "a b", "/données/\u3000x", "%0A"])
def test_a_text_is_taken_as_it_is(env: str, text: str) -> None:
    assert text == getattr(Settings.from_environment({env: text}), TEXTS[env])


@pytest.mark.parametrize("text", ["web-1", "db.example_2", "8001", "x" * 100])
def test_a_name_is_taken_in_its_form(text: str) -> None:
    given = Settings.from_environment({"TRACKING_INSTANCE_NAME": text})

    assert text == given.instance_name


# It becomes a part of a file's name, and `:` ends it in an instance's.
@pytest.mark.parametrize("text", ["a:b", "../x", "a b", "é", "x" * 101, "-\x1b"])
def test_a_name_of_another_form_is_refused(text: str) -> None:
    with pytest.raises(SettingsError, match="TRACKING_INSTANCE_NAME"):
        Settings.from_environment({"TRACKING_INSTANCE_NAME": text})


@pytest.mark.parametrize("env", [*TEXTS, *FORMS])
@pytest.mark.parametrize(
    "text, found",
    [
        # As `echo … | base64` puts it into a Secret of Kubernetes.
        ("hunter2\n", r"'\n' at its end"),
        ("hunter2 ", "' ' at its end"),
        (" hunter2", "' ' at its beginning"),
        (" ", "' ' at its beginning"),
        ("\tx", r"'\t' at its beginning"),
        ("hunter2\u00a0", r"'\xa0' at its end"),
        ("\ufeffhunter2", r"'\ufeff' at its beginning"),
        ("hun\nter2", r"'\n' within"),
        ("hun\x00ter2", r"'\x00' within"),
        ("hun\x7fter2", r"'\x7f' within"),
        ("hun\u2028ter2", r"'\u2028' within"),
        # A byte that is not UTF-8, as Python has it in os.environ.
        ("hun\udcffter2", r"'\udcff' within"),
    ],
)
def test_what_nobody_can_see_is_refused_and_shown(env: str, text: str, found: str) -> None:
    with pytest.raises(SettingsError) as caught:
        Settings.from_environment({env: text})
    told = str(caught.value)

    assert told.startswith(f"{env} has {found}")
    assert told.isprintable()
    if env == "DATABASE_URL":
        assert "hun" not in told
    else:
        assert repr(text) in told


@pytest.mark.parametrize("env", CHOICES)
def test_each_choice_has_its_value(env: str) -> None:
    for text, value in CHOICES[env].items():
        assert value == getattr(Settings.from_environment({env: text}), field(env))


@pytest.mark.parametrize("env", CHOICES)
@pytest.mark.parametrize("text", ["maybe", "ON", "JSON", " off", "true"])
def test_what_is_no_choice_is_refused_with_all_of_them(env: str, text: str) -> None:
    with pytest.raises(SettingsError) as caught:
        Settings.from_environment({env: text})

    assert f"{env} must be one of {', '.join(CHOICES[env])}, not {text!r}" == str(caught.value)


@pytest.mark.parametrize("env", RANGES)
@pytest.mark.parametrize("end", [0, 1])
def test_both_ends_of_a_range_belong_to_it(env: str, end: int) -> None:
    value = RANGES[env][end]
    settings = Settings.from_environment({env: str(value)})

    assert value == getattr(settings, field(env))
    assert type(DEFAULTS[field(env)]) is type(getattr(settings, field(env)))


@pytest.mark.parametrize("env", RANGES)
@pytest.mark.parametrize("end, beyond", [(0, -1), (1, 1)])
def test_what_is_beyond_an_end_is_refused_with_both(env: str, end: int, beyond: int) -> None:
    least, most = RANGES[env]
    value = RANGES[env][end] + beyond

    with pytest.raises(SettingsError) as caught:
        Settings.from_environment({env: str(value)})

    told = f"{env} must be from {written(least)} to {written(most)}, not {value}"
    assert told == str(caught.value)


@pytest.mark.parametrize("text", ["0.999999", "300.000001"])
def test_a_fraction_beyond_an_end_is_refused(text: str) -> None:
    with pytest.raises(SettingsError, match=text):
        Settings.from_environment({"TRACKING_DATABASE_TIMEOUT_SECONDS": text})


@pytest.mark.parametrize("text", ["9" * 400, "9" * 5000, "-" + "9" * 400])
@pytest.mark.parametrize("env", RANGES)
def test_what_is_beyond_all_numbers_is_beyond_the_range(env: str, text: str) -> None:
    with pytest.raises(SettingsError, match=f"{env} must be from"):
        Settings.from_environment({env: text})


@pytest.mark.parametrize("text", ["8", "008", "8.0", "8.25", "08.250"])
def test_a_length_of_time_may_have_decimals(text: str) -> None:
    settings = Settings.from_environment({"TRACKING_WAIT_SECONDS": text})

    assert float(text) == settings.wait_seconds


@pytest.mark.parametrize("text", [*PYTHONS_OWN, "eight", "8.5", "8,5", "8.0", "8 8", " "])
@pytest.mark.parametrize("env", [env for env in RANGES if not env.endswith("_SECONDS")])
def test_what_is_no_whole_number_is_refused_and_named(env: str, text: str) -> None:
    with pytest.raises(SettingsError) as caught:
        Settings.from_environment({env: text})

    example = DEFAULTS[field(env)]
    assert f"{env} must be a whole number, such as {example}, not {text!r}" == str(caught.value)


@pytest.mark.parametrize("text", [*PYTHONS_OWN, "long", "2,5", "2 s", ".5", "5.", "infinity", " "])
@pytest.mark.parametrize("env", [env for env in RANGES if env.endswith("_SECONDS")])
def test_what_is_no_number_is_refused_and_named(env: str, text: str) -> None:
    with pytest.raises(SettingsError) as caught:
        Settings.from_environment({env: text})

    example = written(DEFAULTS[field(env)])
    assert f"{env} must be a number, such as {example}, not {text!r}" == str(caught.value)


@pytest.mark.parametrize("env", [*RANGES, *CHOICES, *TEXTS, *FORMS])
def test_an_empty_variable_counts_as_not_set(env: str) -> None:
    assert Settings() == Settings.from_environment({env: ""})


@pytest.mark.parametrize(
    "env", ["TRACKING_THREAD", "TRACKING_HOST", "TRACKING_", "TRACKING_threads"]
)
def test_an_unknown_variable_of_ours_is_refused_and_named(env: str) -> None:
    with pytest.raises(SettingsError) as caught:
        Settings.from_environment({"TRACKING_THREADS": "9", env: "1"})

    assert f"{env} is not a setting of this service" == str(caught.value)


def test_the_variables_of_others_are_let_be() -> None:
    assert Settings() == Settings.from_environment({"THREADS": "x", "tracking_x": "1", "PATH": ""})


def test_the_database_url_does_not_show() -> None:
    settings = Settings(database_url="postgresql://user:secret@db/tracking")

    assert "secret" not in repr(settings)
    assert "secret" not in str(settings)
    assert "port=8000" in repr(settings)


def test_settings_do_not_change() -> None:
    with pytest.raises(dataclasses.FrozenInstanceError):
        Settings().port = 1  # type: ignore[misc]


def test_every_setting_says_what_it_is() -> None:
    for each in dataclasses.fields(Settings):
        assert each.metadata["help"]


@pytest.mark.parametrize(
    "env",
    [
        "TRACKING_PORT",
        "TRACKING_PORT_80_TCP",
        "TRACKING_PORT_80_TCP_ADDR",
        "TRACKING_SERVICE_HOST",
        "TRACKING_SERVICE_PORT_HTTP",
        "TRACKING_API_SERVICE_PORT",
    ],
)
def test_a_variable_that_kubernetes_sets_is_refused_with_what_stops_it(env: str) -> None:
    with pytest.raises(SettingsError, match="enableServiceLinks: false") as caught:
        Settings.from_environment({env: "tcp://10.0.0.1:80"})

    assert str(caught.value).startswith(f"{env} is not a setting of this service; ")


def test_another_unknown_variable_is_not_blamed_on_kubernetes() -> None:
    with pytest.raises(SettingsError) as caught:
        Settings.from_environment({"TRACKING_PORTS": "8000"})

    assert str(caught.value) == "TRACKING_PORTS is not a setting of this service"
