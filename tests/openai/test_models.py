"""The model list through the official client."""

import openai
import pytest
from openai.types import Model

from tests.unit.api.shape import exact


def test_the_list_and_each_of_it(echo_client):
    models = {model.id: model for model in echo_client.models.list()}
    assert models["echo"].context_window > 0
    assert models["gpt-4"].root == "echo"
    assert "gpt-4o" in models
    for model in (models["echo"], models["gpt-4"]):
        exact(Model, model.model_dump(exclude_unset=True))
        assert echo_client.models.retrieve(model.id) == model


def test_an_unknown_one(echo_client):
    with pytest.raises(openai.NotFoundError) as caught:
        echo_client.models.retrieve("some/thing")
    assert caught.value.code == "model_not_found"


def test_models_are_not_deleted_here(echo_client):
    with pytest.raises(openai.APIStatusError) as caught:
        echo_client.models.delete("echo")
    assert caught.value.status_code == 405
