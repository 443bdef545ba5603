#!/bin/sh
batch= times=0 pause=3
case $1 in -*) ;; ?*) set -- "-$@" ;; esac
while getopts 'bn:d:o:p:u:U:w:E:e:cHiSsd1' option; do
  case $option in b) batch=yes ;; n) times=$OPTARG ;; d) pause=$OPTARG ;; esac
done
if [ -z "$batch" ] && ! [ -t 1 ]; then
  echo 'top: failed tty get' >&2
  exit 1
fi
count=0
while :; do
  echo "top - $(date +%T) up $(cat '{here}/up.days') days,  1:12,  1 user,  $(cat '{here}/load')"
  cat '{here}/top.text'
  count=$((count + 1))
  [ "$count" = "$times" ] && exit 0
  sleep "$pause"
  echo
done
