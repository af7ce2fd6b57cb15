import atexit
import threading
import time


def work():
    # Ends after the interpreter has begun to, which is for such threads to wait for.
    threading.main_thread().join()
    time.sleep(0.05)
    print("the thread has ended")


threading.Thread(target=work).start()
atexit.register(print, "goodbye")


def main(req):
    return "hello"
