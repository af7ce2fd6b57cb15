import logging

import azure.functions as func
import pytest

from template_module import template_def


def test_template_def(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    function = template_def.build().get_user_function()
    function(func.blob.InputStream(name="uploads/a.txt", data=b"some text"))
    assert caplog.messages == ["template-name got uploads/a.txt, 9 bytes"]
