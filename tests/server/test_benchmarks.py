"""The benchmarks' own footing: service and floor do the same work for every request that they are compared by."""

import pytest
from conftest import flask, temporary_database

from app.development.embedded import EmbeddedServer
from benchmarks.measuring import floor_service, service
from benchmarks.run import all_requests, refuse_other_answers


@pytest.mark.server
@pytest.mark.direct("The benchmarks start their servers themselves, beside the database.")
def test_service_and_floor_answer_each_kind_of_request_alike(postgres: EmbeddedServer):
    with temporary_database(postgres, "benchmarked") as url:
        flask("db", "upgrade", DATABASE_URL=url)
        flask("demo", "load", "--users", "3", "--tasks-per-user", "120", DATABASE_URL=url)
        with service(url) as ours, floor_service(url) as floor:
            for requests in all_requests(url).values():
                refuse_other_answers(ours, floor, requests()[0])
