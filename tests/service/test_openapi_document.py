"""The OpenAPI document against the rules of OpenAPI 3.1."""

from flask.testing import FlaskClient
from openapi_spec_validator import OpenAPIV31SpecValidator


def test_the_document_is_valid_openapi_3_1(client: FlaskClient):
    document = client.get("/openapi.json").json
    assert document["openapi"] == "3.1.0"
    assert list(OpenAPIV31SpecValidator(document).iter_errors()) == []
