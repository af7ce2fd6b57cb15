import logging

import azure.functions as func
import pytest

from template_module import main


def test_template_def(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    main(func.blob.InputStream(name="uploads/a.txt", data=b"some text"))
    assert caplog.messages == ["template-name got uploads/a.txt, 9 bytes"]
