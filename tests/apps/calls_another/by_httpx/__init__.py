"""A plain function that asks another service."""

import os

import httpx


def main(req):
    return httpx.get(os.environ["SECOND_APP"]).text
