NAME = "code/handler.py"
