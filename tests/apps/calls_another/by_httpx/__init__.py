"""A plain function that calls another service."""

import os

import httpx


def main(req):
    return httpx.get(os.environ["SECOND_APP"]).text
