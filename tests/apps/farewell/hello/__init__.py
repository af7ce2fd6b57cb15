import atexit
import threading
import time


def work():
    # Ends after the interpreter has begun to exit, which waits for such threads.
    threading.main_thread().join()
    time.sleep(0.05)
    print("the thread has ended")


threading.Thread(target=work).start()
atexit.register(print, "goodbye")


def main(req):
    return "hello"
