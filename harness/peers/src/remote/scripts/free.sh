#!/bin/sh
unit=k wide= total= times=1 pause=
while [ $# -gt 0 ]; do
  case $1 in
    --human) unit=h ;;
    --bytes) unit=b ;;
    --kibi) unit=k ;;
    --mebi) unit=m ;;
    --gibi) unit=g ;;
    --wide) wide=.wide ;;
    --total) total=yes ;;
    --kilo) unit=kilo ;;
    --mega) unit=mega ;;
    --si | --lohi) ;;
    -s) shift; pause=$1; [ "$times" = 1 ] && times=0 ;;
    -s*) pause=${1#-s}; [ "$times" = 1 ] && times=0 ;;
    -c) shift; times=$1 ;;
    -c*) times=${1#-c} ;;
    -*) letters=${1#-}
      while [ -n "$letters" ]; do
        case $letters in h*) unit=h ;; b*) unit=b ;; k*) unit=k ;; m*) unit=m ;; g*) unit=g ;; w*) wide=.wide ;; t*) total=yes ;; l*) ;;
          *) echo "free: invalid option -- '$letters'" >&2; exit 1 ;; esac
        letters=${letters#?}
      done ;;
  esac
  shift
done
count=0
while :; do
  cat "{here}/free.$unit$wide"
  [ -z "$total" ] || cat "{here}/free.$unit.sum"
  count=$((count + 1))
  [ "$count" = "$times" ] && exit 0
  echo
  sleep "${pause:-1}"
done
