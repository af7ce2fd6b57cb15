"""A plain function that calls another service."""

import os

import requests


def main(req):
    return requests.get(os.environ["SECOND_APP"]).text
