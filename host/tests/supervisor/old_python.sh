#!/bin/sh
# Runs `python -X utf8 -c <program> <argument>` in an interpreter that reports Python 3.8.
program="import sys
sys.version_info = (3, 8, 0, 'final', 0)
$4"
exec python3 -X utf8 -c "$program" "$5"
