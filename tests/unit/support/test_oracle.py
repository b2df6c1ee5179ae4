"""The oracle must see what it is there for: a number that was given twice."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

from tests.support.oracle import History, duplicates


def test_unlike_numbers_are_unique() -> None:
    history = History()
    history.acknowledge("A")
    history.acknowledge("B")

    assert history.verdict().unique


def test_a_number_acknowledged_twice_is_found() -> None:
    history = History()
    for number in ["A", "B", "A", "C", "A"]:
        history.acknowledge(number)

    expected = {"A": 3}

    assert expected == history.verdict().duplicated
    assert not history.verdict().unique


def test_a_repeat_between_two_servers_is_found() -> None:
    history = History()
    history.acknowledge("A", target="first")
    history.acknowledge("A", target="second")

    assert {"A": 2} == history.verdict().duplicated
    assert history.verdict(target="first").unique


def test_a_recovered_number_that_another_client_got_is_found() -> None:
    history = History()
    history.acknowledge("A")
    history.maybe()
    history.recover("A")

    assert {"A": 2} == history.verdict().duplicated


def test_each_outcome_is_counted() -> None:
    history = History()
    for _ in range(6):
        history.attempt()
    history.acknowledge("A")
    history.fail(503)
    history.fail(503)
    history.fail(500)
    history.refuse()
    history.maybe()
    history.recover("B")

    verdict = history.verdict()

    assert 6 == verdict.attempted
    assert 1 == verdict.acknowledged
    assert {503: 2, 500: 1} == verdict.failed
    assert 1 == verdict.refused
    assert 4 == verdict.failures
    assert 1 == verdict.perhaps
    assert 1 == verdict.recovered
    assert ["A", "B"] == history.numbers()


def test_the_message_names_what_was_repeated_and_what_failed() -> None:
    history = History()
    history.attempt()
    history.fail(503)
    for number in ["A", "A", "B"]:
        history.acknowledge(number)

    message = str(history.verdict())

    assert "attempted 1, acknowledged 3" in message
    assert "503: 1" in message
    assert "  A 2 times" in message
    assert "B" not in message


def test_a_long_list_of_repeats_is_cut_short() -> None:
    history = History()
    for index in range(30):
        history.acknowledge(f"N{index:02}")
        history.acknowledge(f"N{index:02}")

    message = str(history.verdict())

    assert "30 numbers were given more than once" in message
    assert "and 20 more" in message


def test_the_counts_of_one_server_are_its_own() -> None:
    history = History()
    history.attempt(target="first")
    history.fail(503, target="first")
    history.attempt(target="second")
    history.acknowledge("A", target="second")

    assert 1 == history.verdict(target="first").failures
    assert 0 == history.verdict(target="second").failures
    assert 0 == history.verdict(target="third").attempted


def test_no_event_of_many_threads_is_lost() -> None:
    history = History()

    def client(thread: int) -> None:
        for index in range(500):
            history.attempt()
            history.acknowledge(f"{thread}-{index}")

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(client, range(8)))

    verdict = history.verdict()

    assert 4000 == verdict.attempted == verdict.acknowledged
    assert verdict.unique


def test_duplicates_counts_each_repeated_number() -> None:
    assert {"B": 2, "C": 3} == duplicates("ABBCCC")
