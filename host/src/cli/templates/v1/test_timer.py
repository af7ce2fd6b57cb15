import logging

import azure.functions as func
import pytest

from template_module import main


def test_template_def(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    main(func.timer.TimerRequest(past_due=True))
    assert caplog.messages == ["template-name runs late"]
