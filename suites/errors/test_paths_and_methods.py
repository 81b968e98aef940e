"""Paths that name nothing and methods that a route does not serve are refused, in JSON."""

from __future__ import annotations

from typing import TYPE_CHECKING

from llmapi_conformance.judging import clause, judge
from llmapi_conformance.judging.oracles import errors, refusals, secrets

if TYPE_CHECKING:
    from llmapi_conformance.evidence.exchange import Exchange


@clause("ERR-M01", "ERR-M02", "ERR-P03")
def test_a_wrong_method_is_refused(wrong_methods: list[Exchange]) -> None:
    _judge_methods(wrong_methods)


@clause("ERR-M01", "ERR-M02", "ERR-P03")
def test_a_wrong_method_on_the_paths_of_tasks_is_refused(wrong_methods_of_tasks: list[Exchange]) -> None:
    _judge_methods(wrong_methods_of_tasks)


@clause("ERR-P01", "ERR-P02", "ERR-P03")
def test_an_unknown_path_is_refused(unknown_paths: list[Exchange]) -> None:
    _judge_paths(unknown_paths)


@clause("ERR-P01", "ERR-P02", "ERR-P03")
def test_an_unknown_path_below_a_task_is_refused(unknown_paths_of_tasks: list[Exchange]) -> None:
    _judge_paths(unknown_paths_of_tasks)


@clause("ERR-L01", "ERR-L02", "ERR-L03")
def test_the_refusal_of_a_method_shows_nothing_from_behind_the_gateway(wrong_methods: list[Exchange]) -> None:
    _judge_leaks(wrong_methods)


@clause("ERR-L01", "ERR-L02", "ERR-L03")
def test_the_refusal_of_a_path_shows_nothing_from_behind_the_gateway(unknown_paths: list[Exchange]) -> None:
    _judge_leaks(unknown_paths)


@clause("ERR-L01", "ERR-L02", "ERR-L03")
def test_the_refusals_of_task_paths_show_nothing_from_behind_the_gateway(
    wrong_methods_of_tasks: list[Exchange], unknown_paths_of_tasks: list[Exchange]
) -> None:
    _judge_leaks([*wrong_methods_of_tasks, *unknown_paths_of_tasks])


def _judge_methods(exchanges: list[Exchange]) -> None:
    for exchange in exchanges:
        judge(refusals.a_wrong_method_is_refused, exchange)
        judge(refusals.a_405_names_the_methods, exchange)
        judge(errors.an_answer_off_the_routes_is_json, exchange)


def _judge_paths(exchanges: list[Exchange]) -> None:
    for exchange in exchanges:
        judge(refusals.an_unknown_path_is_refused, exchange)
        judge(refusals.an_unknown_path_is_404, exchange)
        judge(errors.an_answer_off_the_routes_is_json, exchange)


def _judge_leaks(exchanges: list[Exchange]) -> None:
    for exchange in exchanges:
        judge(secrets.an_answer_off_the_routes_shows_no_key, exchange)
        judge(secrets.an_answer_off_the_routes_shows_no_inner_address, exchange)
        judge(secrets.an_answer_off_the_routes_shows_no_inside_of_the_program, exchange)
