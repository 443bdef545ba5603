#!/bin/sh
unit=k
while getopts 'S:sanwtdm' option; do
  case $option in
    S) case $OPTARG in m | M) unit=m ;; esac ;;
    s) exec cat '{here}/vmstat.sum' ;;
  esac
done
shift $((OPTIND - 1))
times=${2:-0}
[ $# = 0 ] && times=1
cat '{here}/vmstat.head'
count=0
while :; do
  cat "{here}/vmstat.$unit"
  count=$((count + 1))
  [ "$count" = "$times" ] && exit 0
  sleep "${1:-1}"
done
