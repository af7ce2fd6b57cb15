import logging
import threading


def main(req, context):
    logging.info("of the function")

    def silent():
        logging.info("of a thread")

    def with_context():
        context.thread_local_storage.invocation_id = context.invocation_id
        logging.info("of a thread with the context")

    for target in (silent, with_context):
        thread = threading.Thread(target=target)
        thread.start()
        thread.join()
    return context.invocation_id
