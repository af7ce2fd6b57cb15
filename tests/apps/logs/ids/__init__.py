import logging
import logging.handlers
import queue
import threading

from shared_code import own


def main(req, context):
    own.log.info("of the function")
    own.log.info("with extra", extra={"trace_id": "mine", "invocation_id": "other"})

    def silent():
        own.log.info("of a thread")

    def with_context():
        context.thread_local_storage.invocation_id = context.invocation_id
        own.log.info("of a thread with the context")
        context.thread_local_storage.invocation_id = "another"
        own.log.info("of another call")

    for target in (silent, with_context):
        thread = threading.Thread(target=target)
        thread.start()
        thread.join()

    # A record made here and written by another thread.
    records = queue.SimpleQueue()
    listener = logging.handlers.QueueListener(records, own.handler)
    listener.start()
    try:
        raise KeyError("lost")
    except KeyError:
        record = own.log.makeRecord("own", logging.ERROR, __file__, 1, "of a queue", (), None)
        logging.handlers.QueueHandler(records).handle(record)
    listener.stop()

    # A library's own factory, which does not know the host's fields.
    logging.setLogRecordFactory(logging.LogRecord)
    own.log.info("of another factory")
    assert context.thread_local_storage.invocation_id == context.invocation_id
    return context.invocation_id
