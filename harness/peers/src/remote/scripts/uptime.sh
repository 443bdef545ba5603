#!/bin/sh
if [ "$1" = -p ]; then
  echo "up $(cat '{here}/up.days') days, 1 hour, 12 minutes"
else
  echo " $(date +%T) up $(cat '{here}/up.days') days,  1:12,  1 user,  $(cat '{here}/load')"
fi
