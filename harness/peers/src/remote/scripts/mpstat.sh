#!/bin/sh
while [ $# -gt 0 ]; do
  case $1 in -P | -I | -o) shift ;; -*) ;; *) sleep "$1"; break ;; esac
  shift
done
cat '{here}/mpstat.text'
